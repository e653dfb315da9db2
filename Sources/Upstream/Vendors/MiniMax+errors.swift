public import Core

/// MiniMax's error codes. Nearly all of them come with 200, and its own programs read some of them otherwise
/// than its table: then the words decide.
extension MiniMax {
    public func error(of reply: HTTPReply) -> KinoraError {
        let base = (try? JSONParser.parse(reply.body))?["base_resp"] ?? .null
        return KinoraError(
            Self.kind(of: base) ?? reply.kind,
            retryAfterSeconds: reply.retryAfterSeconds, detail: reply.excerpt)
    }

    /// What a reply that calls itself a success refuses the request with. Nil: it does not.
    static func refusal(_ json: JSON, _ reply: HTTPReply) -> KinoraError? {
        let base = json["base_resp"] ?? .null
        guard let code = base["status_code"]?.integerValue, code != 0 else { return nil }
        return KinoraError(
            kind(of: base) ?? .upstreamProtocol, retryAfterSeconds: reply.retryAfterSeconds,
            detail: reply.excerpt)
    }

    private static func kind(of base: JSON) -> ErrorCode? {
        let words = base["status_msg"]?.stringValue?.lowercased() ?? ""
        switch base["status_code"]?.integerValue {
        case 1002, 1039: return words.contains("sensitive") ? .contentRefused : .upstreamRate
        case 1000, 1001, 1024: return .upstreamServer
        case 1004, 2049: return .upstreamCredential
        case 1008: return .upstreamMoney
        case 1026, 1027: return .contentRefused
        // A plan's share of a few hours is used up, and comes back by itself.
        case 1028, 1030: return .upstreamRate
        case 2013: return .upstreamRequest
        case 2061: return .upstreamModelClosed
        case _ where words.contains("insufficient balance"): return .upstreamMoney
        default: return nil
        }
    }
}
