import Core

/// DashScope's error codes (help.aliyun.com/zh/model-studio/error-code). They come with an error's status,
/// and now and then with 200.
extension DashScope {
    static func json(_ reply: HTTPReply) throws(KinoraError) -> JSON {
        guard (200..<300).contains(reply.status) else { throw error(reply) }
        do { return try JSONParser.parse(reply.body) } catch {
            throw KinoraError(.upstreamProtocol, detail: "\(error.message) \(reply.excerpt)")
        }
    }

    static func isContentRefusal(_ code: String) -> Bool {
        ["DataInspectionFailed", "data_inspection_failed", "IPInfringementSuspect"].contains(code)
    }

    static func error(_ reply: HTTPReply) -> KinoraError {
        let json = try? JSONParser.parse(reply.body)
        // Text models are refused in OpenAI's envelope.
        let code = (json?["code"] ?? json?["error"]?["code"])?.stringValue ?? ""
        let kind = kind(of: code) ?? kind(of: reply.status)
        return KinoraError(kind, retryAfterSeconds: reply.retryAfterSeconds, detail: reply.excerpt)
    }

    /// What a reply that calls itself a success refuses the request with. Nil: it does not, or in words that
    /// nobody knows.
    static func refusal(_ json: JSON, _ reply: HTTPReply) -> KinoraError? {
        json["code"]?.stringValue.flatMap(kind).map { KinoraError($0, detail: reply.excerpt) }
    }

    private static let unpaid: Set = [
        "Arrearage", "PrepaidBillOverdue", "PostpaidBillOverdue", "CommodityNotPurchased",
        "AccessDenied.Unpurchased", "AllocationQuota.FreeTierOnly",
    ]

    private static func kind(of code: String) -> ErrorCode? {
        func begins(_ words: String...) -> Bool {
            words.contains { code == $0 || code.hasPrefix($0 + ".") }
        }
        if isContentRefusal(code) { return .contentRefused }
        if unpaid.contains(code) { return .upstreamMoney }
        // Both are about one model of many: the account is well.
        if begins("ModelNotFound", "Model.AccessDenied") { return .upstreamModelClosed }
        if begins("InvalidApiKey", "AccessDenied", "Workspace") { return .upstreamCredential }
        if begins("Throttling", "LimitRequests") { return .upstreamRate }
        if begins("RequestTimeOut", "InternalError", "SystemError", "ModelUnavailable") {
            return .upstreamServer
        }
        if begins("InvalidParameter", "InvalidURL", "BadRequest", "UnsupportedOperation") {
            return .upstreamRequest
        }
        return nil
    }

    private static func kind(of status: Int) -> ErrorCode {
        switch status {
        case 401, 403: .upstreamCredential
        case 404: .upstreamModelClosed
        case 429: .upstreamRate
        case 408, 500...: .upstreamServer
        case 400..<500: .upstreamRequest
        default: .upstreamProtocol
        }
    }
}
