public import Core

/// The account, and Kling's table of error codes. They come with an error's status, and now and then with
/// 200.
extension Kling {
    public func contentError(_ reply: HTTPReply) -> KinoraError? {
        switch reply.status {
        case 200: nil
        case 403, 404, 410: KinoraError(.upstreamEmptyResult, detail: reply.excerpt)
        default: Self.error(reply)
        }
    }

    public func probe(_ account: VendorAccount) -> HTTPCall {
        call(.get, "/v1/videos/text2video?pageNum=1&pageSize=1", account)
    }

    public func probeError(_ reply: HTTPReply) -> KinoraError? {
        do throws(KinoraError) {
            let json = try Self.json(reply)
            if let error = Self.refusal(json, reply) { return error }
            guard json["data"]?.arrayValue != nil else {
                throw KinoraError(.upstreamProtocol, detail: "the tasks are no list: \(reply.excerpt)")
            }
            return nil
        } catch { return error }
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
        let json = try Self.json(replies[0])
        if let error = Self.refusal(json, replies[0]) { throw error }
        guard let packs = json["data"]?["resource_pack_subscribe_infos"]?.arrayValue else {
            throw KinoraError(.upstreamProtocol, detail: "the packs are no list: \(replies[0].excerpt)")
        }
        var sum = 0.0
        for pack in packs where pack["status"] == "online" {
            guard let left = pack["remaining_quantity"]?.doubleValue, (0...1e12).contains(left) else {
                throw KinoraError(
                    .upstreamProtocol, detail: "remaining_quantity is no amount: \(replies[0].excerpt)")
            }
            sum += left
        }
        return Int64((min(sum, 1e12) * 1_000_000).rounded())
    }

    // MARK: errors

    static func json(_ reply: HTTPReply) throws(KinoraError) -> JSON {
        guard (200..<300).contains(reply.status) else { throw error(reply) }
        do { return try JSONParser.parse(reply.body) } catch {
            throw KinoraError(.upstreamProtocol, detail: "\(error.message) \(reply.excerpt)")
        }
    }

    static func error(_ reply: HTTPReply) -> KinoraError {
        let code = (try? JSONParser.parse(reply.body))?["code"]?.integerValue ?? 0
        let kind = kind(of: code) ?? kind(of: reply.status)
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

    private static func kind(of status: Int) -> ErrorCode {
        switch status {
        case 401, 403: .upstreamCredential
        case 429: .upstreamRate
        case 408, 500...: .upstreamServer
        case 400..<500: .upstreamRequest
        default: .upstreamProtocol
        }
    }
}
