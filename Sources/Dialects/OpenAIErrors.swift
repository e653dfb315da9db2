import Core

/// The envelope of OpenAI's errors: `{"error":{message,type,param,code},"detail":message}`, with the one key
/// that Sora2API's clients read.
enum OpenAIErrors {
    static func response(_ error: KinoraError, _ message: String, code: String) -> Response {
        headed(
            .json(
                ["error": object(error, message, code: code), "detail": .string(message)],
                status: error.code.facts.status), error)
    }

    /// Below `/api/relay`: the video hub's wrapper and status of a key that was taken back, and beside them
    /// what OpenAI's libraries read.
    static func relayed(_ error: KinoraError, _ message: String, code: String) -> Response {
        var body = Hub.failure(message, code: code)
        body["error"] = object(error, message, code: code)
        let status = error.code == .revokedKey ? 403 : error.code.facts.status
        return headed(.json(.object(body), status: status), error)
    }

    private static func object(_ error: KinoraError, _ message: String, code: String) -> JSON {
        var body: JSONObject = [
            "message": .string(message), "type": .string(type(error.code.facts.status)),
            "param": JSON(error.field), "code": .string(code),
        ]
        if let task = error.taskID { body["task_id"] = .string(task) }
        return .object(body)
    }

    /// An answer with the headers of an error.
    static func headed(_ answer: Response, _ error: KinoraError) -> Response {
        let facts = error.code.facts
        var response = answer.adding(OpenAIVideos.noStore.name, OpenAIVideos.noStore.value)
        if facts.retry == .later, [402, 409, 429, 503].contains(facts.status) {
            response = response.adding("Retry-After", String(error.retryAfterSeconds ?? 5))
        }
        // OpenAI's libraries send a request again that was answered 408 or 500, and this one made a task.
        if error.taskID != nil { response = response.adding("x-should-retry", "false") }
        if let allowance = error.allowance { response = response.adding(allowance) }
        if answer.status == 401 { response = response.adding("WWW-Authenticate", "Bearer") }
        return response
    }

    private static func type(_ status: Int) -> String {
        switch status {
        case 401: "authentication_error"
        case 402: "billing_error"
        case 403: "permission_error"
        case 408: "timeout_error"
        case 429: "rate_limit_error"
        case 500...: "server_error"
        default: "invalid_request_error"
        }
    }
}
