public import Core

extension OpenAIVideos {
    public func encode(_ error: KinoraError, for exchange: Exchange) -> Response {
        let isMomentary = Self.isMomentary(error, exchange)
        if exchange.isOfJimeng, !isMomentary { return OpenAIImages().encode(error, for: exchange) }
        return OpenAIErrors.response(
            error, Self.message(error), code: isMomentary ? "429" : Self.code(error.code))
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
        case .upstreamCredential, .upstreamMoney, .upstreamModelClosed: "upstream_account_error"
        default: code.rawValue
        }
    }
}
