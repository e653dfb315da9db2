public import Core

/// DashScope's error codes (help.aliyun.com/zh/model-studio/error-code). They come with an error's status,
/// and now and then with 200.
extension DashScope {
    static func isContentRefusal(_ code: String) -> Bool {
        ["DataInspectionFailed", "data_inspection_failed", "IPInfringementSuspect"].contains(code)
    }

    public func error(of reply: HTTPReply) -> KinoraError {
        let json = try? JSONParser.parse(reply.body)
        // Text models are refused in OpenAI's envelope.
        let code = (json?["code"] ?? json?["error"]?["code"])?.stringValue ?? ""
        let kind = Self.kind(of: code) ?? (reply.status == 404 ? .upstreamModelClosed : reply.kind)
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
}
