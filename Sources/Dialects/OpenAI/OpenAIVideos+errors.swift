public import Core

extension OpenAIVideos {
    /// `{"error":{message,type,param,code},"detail":message}`: OpenAI's envelope, and the one key that
    /// Sora2API's clients read.
    public func encode(_ error: KinoraError, for exchange: Exchange) -> Response {
        let facts = error.code.facts
        let message = Self.message(error)
        var body: JSONObject = [
            "message": .string(message), "type": .string(Self.type(facts.status)), "param": JSON(error.field),
            "code": .string(Self.isMomentary(error, exchange) ? "429" : Self.code(error.code)),
        ]
        if let task = error.taskID { body["task_id"] = .string(task) }
        var response = Response.json(
            ["error": .object(body), "detail": .string(message)], status: facts.status
        )
        .adding(Self.noStore.name, Self.noStore.value)
        if facts.retry == .later, [409, 429, 503].contains(facts.status) {
            response = response.adding("Retry-After", String(error.retryAfterSeconds ?? 5))
        }
        if let allowance = error.allowance { response = response.adding(allowance) }
        if facts.status == 401 { response = response.adding("WWW-Authenticate", "Bearer") }
        return response
    }

    private static func message(_ error: KinoraError) -> String {
        guard error.code == .taskNotCompleted, let state = error.state else { return error.message }
        return "Task not completed. Current status: \(status(state))"
    }

    /// Whether a poll failed for a moment only. new-api (since February 2026) reads just the code of a poll's
    /// answer, not its status: on any code but this one it ends the task that still runs here, and pays back.
    private static func isMomentary(_ error: KinoraError, _ exchange: Exchange) -> Bool {
        let facts = error.code.facts
        return exchange.match?.route == retrieve && facts.retry == .later && facts.status >= 429
    }

    private static func code(_ code: ErrorCode) -> String {
        switch code {
        case .missingParameter, .malformedRequest: "invalid_request"
        case .revokedKey, .expiredKey: ErrorCode.invalidKey.rawValue
        case .upstreamCredential, .upstreamMoney: "upstream_account_error"
        default: code.rawValue
        }
    }

    private static func type(_ status: Int) -> String {
        switch status {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 408: "timeout_error"
        case 429: "rate_limit_error"
        case 500...: "server_error"
        default: "invalid_request_error"
        }
    }
}
