public import Core

/// MiniMax's error codes. In its first version nearly all of them come with 200, and its own programs read
/// some of them otherwise than its table: then the words decide.
extension MiniMax {
    public func error(of reply: HTTPReply) -> KinoraError {
        let json = (try? JSONParser.parse(reply.body)) ?? .null
        return Self.refusal(json, reply)
            ?? KinoraError(
                reply.kind, retryAfterSeconds: reply.retryAfterSeconds, detail: reply.excerpt)
    }

    /// What a reply says that it refuses the request with, whatever its status is. Nil: it does not.
    static func refusal(_ json: JSON, _ reply: HTTPReply) -> KinoraError? {
        let kind: ErrorCode
        if let error = json["error"], error.objectValue != nil {
            kind = newerKind(of: error, reply)
        } else if let base = json["base_resp"], let code = base["status_code"]?.integerValue, code != 0 {
            kind = Self.kind(of: code, base["status_msg"]?.stringValue) ?? reply.kind
        } else {
            return nil
        }
        return KinoraError(kind, retryAfterSeconds: reply.retryAfterSeconds, detail: reply.excerpt)
    }

    /// The second version has statuses, in the body too, and the code in brackets behind the words.
    private static func newerKind(of error: JSON, _ reply: HTTPReply) -> ErrorCode {
        let words = error["message"]?.stringValue ?? ""
        let code = words.firstMatch(of: /\((\d+)\)\s*$/).flatMap { Int64($0.1) }
        if let code, let kind = kind(of: code, words) { return kind }
        let status = error["http_code"].flatMap(text).flatMap { Int($0) } ?? reply.status
        return status == 422 ? .contentRefused : HTTPReply(status: status).kind
    }

    /// What a task of the second version failed with.
    static func failure(_ error: JSON) -> KinoraError {
        let code = error["code"].flatMap(text) ?? "", words = error["message"]?.stringValue
        let isRefusal = Int64(code).flatMap { kind(of: $0, words) } == .contentRefused
        return KinoraError(
            isRefusal ? .contentRefused : .generationFailed,
            detail: "\(code): \(words ?? "no message")")
    }

    private static func kind(of code: Int64, _ words: String?) -> ErrorCode? {
        let words = words?.lowercased() ?? ""
        switch code {
        case 1002, 1039: return words.contains("sensitive") ? .contentRefused : .upstreamRate
        case 1000, 1001, 1024: return .upstreamServer
        case 1004, 2049: return .upstreamCredential
        case 1008: return .upstreamMoney
        // 1033 and 1042 are known from those who resell it: signs that nobody can see.
        case 1033, 1042: return .upstreamRequest
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
