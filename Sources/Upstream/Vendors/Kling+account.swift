public import Core

/// The account, and Kling's table of error codes. They come with an error's status, and now and then with
/// 200.
extension Kling {
    /// The older routes tell units, the newer ones what was charged.
    public func usage(in reply: HTTPReply) -> JSON? {
        let data = (try? json(reply))?["data"]
        let task = data?.arrayValue?.first ?? data
        for name in ["final_unit_deduction", "billing"] {
            if let value = task?[name], !value.isNull { return .object([name: value]) }
        }
        return nil
    }

    public func probe(_ account: VendorAccount) -> HTTPCall {
        call(.get, "/v1/videos/text2video?pageNum=1&pageSize=1", account)
    }

    public func probed(_ reply: HTTPReply) throws(KinoraError) {
        let json = try json(reply)
        if let error = Self.refusal(json, reply) { throw error }
        _ = try reply.list(json["data"], of: "tasks")
    }

    /// Packs are paid for and then used up. They are asked for by the time in which they were bought.
    public func balance(_ account: VendorAccount, at now: Timestamp) -> [HTTPCall] {
        let end = now.microseconds / 1000
        let start = end - Self.packDays * 86_400_000
        return [call(.get, "/account/costs?start_time=\(start)&end_time=\(end)", account)]
    }

    private static let packDays: Int64 = 366

    /// A unit of a pack is a million micro-units.
    public func credits(_ replies: [HTTPReply]) throws(KinoraError) -> Int64? {
        let json = try json(replies[0])
        if let error = Self.refusal(json, replies[0]) { throw error }
        let packs = try replies[0].list(json["data"]?["resource_pack_subscribe_infos"], of: "packs")
        var sum = 0.0
        for pack in packs where pack["status"] == "online" {
            sum += try replies[0].amount(pack["remaining_quantity"], "remaining_quantity")
        }
        return replies[0].credits(sum)
    }

    // MARK: errors

    public func error(of reply: HTTPReply) -> KinoraError {
        let code = (try? JSONParser.parse(reply.body))?["code"]?.integerValue ?? 0
        let kind = Self.kind(of: code) ?? reply.kind
        return KinoraError(kind, retryAfterSeconds: reply.retryAfterSeconds, detail: reply.excerpt)
    }

    /// What a reply that calls itself a success refuses the request with. Nil: it does not, or in words that
    /// nobody knows.
    static func refusal(_ json: JSON, _ reply: HTTPReply) -> KinoraError? {
        guard let code = json["code"]?.integerValue, code != 0 else { return nil }
        return KinoraError(kind(of: code) ?? .upstreamProtocol, detail: reply.excerpt)
    }

    private static func kind(of code: Int64) -> ErrorCode? {
        switch code {
        // A token that is not good yet, or no more, was made for this very call: the clocks differ, and the
        // keys are good.
        case 1003, 1004: .upstreamServer
        case 1000...1002: .upstreamCredential
        case 1100...1102: .upstreamMoney
        case 1103: .upstreamModelClosed
        case 1200...1203: .upstreamRequest
        case 1300, 1301: .contentRefused
        case 1302: .upstreamRate
        case 1303: .upstreamConcurrency
        // Our address is not on the account's list.
        case 1304: .upstreamCredential
        case 5000...5002: .upstreamServer
        default: nil
        }
    }
}
