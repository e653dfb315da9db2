public import Core

/// Ark's table of error codes (volcengine.com/docs/82379/1299023).
extension Ark {
    static func isContentRefusal(_ code: String) -> Bool {
        code.contains("SensitiveContentDetected") || code.contains("RiskDetection")
    }

    public func error(of reply: HTTPReply) -> KinoraError {
        let error = (try? JSONParser.parse(reply.body))?["error"]
        let code = error?["code"]?.stringValue ?? ""
        let kind = Self.kind(of: code, error?["message"]?.stringValue ?? "", status: reply.status)
        return KinoraError(kind, retryAfterSeconds: reply.retryAfterSeconds, detail: reply.excerpt)
    }

    private static func kind(of code: String, _ message: String, status: Int) -> ErrorCode {
        switch (status, code) {
        case (400..<500, _) where isContentRefusal(code): .contentRefused
        case (403, "AccountOverdueError"), (403, "OperationDenied.ServiceOverdue"), (429, "SetLimitExceeded"):
            .upstreamMoney
        // A full line of tasks, or a free trial that is used up.
        case (429, "QuotaExceeded"):
            message.lowercased().contains("trial") ? .upstreamMoney : .upstreamConcurrency
        case (429, "InflightBatchsizeExceeded"): .upstreamConcurrency
        case (429, _): .upstreamRate
        case (401, _), (403, _): .upstreamCredential
        // The account has not opened the model, or its region does not have it.
        case (404, _): .upstreamModelClosed
        case (408, _), (500..., _): .upstreamServer
        case (400..<500, _): .upstreamRequest
        default: .upstreamProtocol
        }
    }
}
