extension ErrorCode {
    private static func fact(
        _ number: String, _ status: Int, _ retry: Retry, _ level: Level, _ message: String
    ) -> Facts {
        Facts(number: number, status: status, retry: retry, level: level, message: message)
    }

    /// docs/errors.md is compared with this table by a test.
    public var facts: Facts {
        switch self {
        case .malformedRequest: Self.fact("KN101", 400, .never, .info, "The request is malformed.")
        case .missingParameter: Self.fact("KN102", 400, .never, .info, "A required parameter is missing.")
        case .invalidValue: Self.fact("KN103", 400, .never, .info, "A parameter has an invalid value.")
        case .bodyTooLarge: Self.fact("KN104", 413, .never, .info, "The request body is too large.")
        case .unsupportedMediaType:
            Self.fact("KN105", 415, .never, .info, "The content type is not supported here.")
        case .routeNotFound: Self.fact("KN106", 404, .never, .info, "Not Found")
        case .methodNotAllowed: Self.fact("KN107", 405, .never, .info, "Method Not Allowed")
        case .clientGone: Self.fact("KN108", 499, .never, .info, "The client closed the connection.")

        case .missingKey: Self.fact("KN201", 401, .never, .info, "API key is missing.")
        case .invalidKey: Self.fact("KN202", 401, .never, .info, "Invalid API key")
        case .revokedKey: Self.fact("KN203", 401, .never, .info, "Invalid API key")
        case .expiredKey: Self.fact("KN204", 401, .never, .info, "The API key has expired.")
        case .forbidden: Self.fact("KN205", 403, .never, .info, "This API key may not do that.")
        case .invalidSignature:
            Self.fact("KN206", 403, .never, .info, "The link is invalid or has expired.")
        case .rateLimitExceeded:
            Self.fact("KN207", 429, .later, .info, "Too many requests in a minute: the limit is reached.")
        case .concurrencyLimitExceeded:
            Self.fact("KN208", 429, .later, .info, "Too many tasks at once: the limit is reached.")
        case .insufficientQuota:
            Self.fact("KN209", 403, .never, .info, "The quota that is left does not cover this.")
        case .redemptionLimitExceeded:
            Self.fact("KN210", 429, .later, .warning, "Too many codes that do not exist. Try again later.")

        case .modelNotFound: Self.fact("KN301", 404, .never, .info, "Model not found")
        case .taskNotFound: Self.fact("KN302", 404, .never, .info, "Task not found")
        case .taskNotCompleted: Self.fact("KN303", 400, .later, .info, "Task not completed.")
        case .contentNotFound: Self.fact("KN304", 404, .never, .info, "The content is not available.")
        case .generationFailed: Self.fact("KN305", 400, .never, .info, "Video generation failed")
        case .idempotencyMismatch:
            Self.fact("KN306", 422, .never, .info, "This Idempotency-Key was used with another request body.")
        case .idempotencyInProgress:
            Self.fact("KN307", 409, .later, .info, "A request with this Idempotency-Key is still running.")
        case .alreadyExists: Self.fact("KN310", 409, .never, .info, "It exists already.")
        case .waitTimedOut: Self.fact("KN308", 408, .later, .info, "The task is still running.")
        case .taskNotFinal: Self.fact("KN309", 409, .later, .info, "The task is still running.")
        case .syncFailed: Self.fact("KN311", 500, .never, .info, "Video generation failed")
        case .codeNotFound: Self.fact("KN312", 404, .never, .info, "There is no such code.")
        case .codeUsed: Self.fact("KN313", 409, .never, .info, "The code was redeemed before.")
        case .codeExpired: Self.fact("KN314", 410, .never, .info, "The code is no longer valid.")
        case .taskFinal: Self.fact("KN315", 409, .never, .info, "The task has ended already.")
        case .accountNotFound:
            Self.fact("KN316", 404, .never, .info, "There is no such account, or none that may be used.")
        case .profileNotFound:
            Self.fact("KN317", 404, .never, .info, "There is nobody of that name.")
        case .characterNotFound:
            Self.fact("KN318", 404, .never, .info, "There is no such character.")

        case .upstreamCredential:
            Self.fact("KN401", 502, .elsewhere, .error, "The upstream account refused its credentials.")
        case .upstreamMoney:
            Self.fact("KN402", 502, .elsewhere, .error, "The upstream account cannot pay for this task.")
        case .upstreamRate: Self.fact("KN403", 429, .later, .warning, "The upstream is rate limited.")
        case .upstreamConcurrency: Self.fact("KN404", 429, .later, .warning, "The upstream is busy.")
        case .contentRefused:
            Self.fact("KN405", 400, .never, .info, "The upstream refused the content of this request.")
        case .upstreamRequest:
            Self.fact("KN406", 400, .never, .info, "The upstream refused the request.")
        case .upstreamServer: Self.fact("KN407", 502, .elsewhere, .warning, "The upstream failed.")
        case .upstreamProtocol:
            Self.fact("KN408", 502, .elsewhere, .error, "The upstream sent an answer that makes no sense.")
        case .upstreamUnreachable:
            Self.fact("KN409", 502, .elsewhere, .warning, "The upstream could not be reached.")
        case .upstreamExpired:
            Self.fact("KN410", 502, .never, .warning, "The upstream no longer has the task.")
        case .upstreamEmptyResult:
            Self.fact("KN411", 502, .never, .warning, "The upstream finished without a result.")
        case .submitUnknown:
            Self.fact("KN412", 502, .never, .error, "It is not known whether the upstream took the task.")
        case .taskDeadline: Self.fact("KN413", 504, .never, .warning, "The task took too long.")
        case .addressRefused: Self.fact("KN414", 400, .never, .warning, "The address is not allowed.")
        case .unsupportedByVendor:
            Self.fact("KN415", 400, .never, .info, "The upstream of this model cannot do that.")

        case .noAccount:
            Self.fact("KN416", 503, .later, .warning, "No upstream account can run this model.")
        case .insufficientCredits:
            Self.fact(
                "KN417", 402, .later, .warning, "No upstream account available with sufficient credits.")
        case .webhookRefused:
            Self.fact("KN420", 502, .later, .warning, "The receiver of a webhook did not accept it.")
        case .upstreamModelClosed:
            Self.fact("KN421", 502, .elsewhere, .warning, "The upstream account has no access to this model.")

        case .internalFault: Self.fact("KN501", 500, .later, .error, "Internal server error")
        case .databaseAway:
            Self.fact("KN502", 503, .later, .error, "The service is temporarily unavailable.")
        case .queueFull: Self.fact("KN503", 429, .later, .warning, "Queue is full, please try again later")
        case .storageFailed: Self.fact("KN504", 503, .later, .error, "The media store is unavailable.")
        case .shuttingDown: Self.fact("KN505", 503, .later, .info, "The service is restarting.")
        case .configuration: Self.fact("KN506", 500, .never, .error, "The configuration is invalid.")
        case .leaseLost: Self.fact("KN507", 500, .never, .warning, "Another worker took the task over.")
        case .notSupported:
            Self.fact("KN508", 501, .never, .info, "This instance is not set up for that.")
        }
    }
}
