public import Core

extension OpenAIImages {
    /// OpenAI's envelope with Kinora's own codes, which are those that Jimeng's clients know; below
    /// `/api/relay` inside of the video hub's.
    public func encode(_ error: KinoraError, for exchange: Exchange) -> Response {
        let message = Self.message(error), code = Self.code(error.code, exchange)
        return exchange.isRelayed
            ? OpenAIErrors.relayed(error, message, code: code)
            : OpenAIErrors.response(error, message, code: code)
    }

    private static func message(_ error: KinoraError) -> String {
        switch (error.code, error.field) {
        case (.missingParameter, let field?): "Missing required parameter: \(field)"
        default: error.message
        }
    }

    private static func code(_ code: ErrorCode, _ exchange: Exchange) -> String {
        switch code {
        case .missingKey where exchange.isOfJimeng: ErrorCode.invalidKey.rawValue
        case .revokedKey, .expiredKey: ErrorCode.invalidKey.rawValue
        case .upstreamCredential, .upstreamMoney, .upstreamModelClosed: "upstream_account_error"
        case .syncFailed: ErrorCode.generationFailed.rawValue
        default: code.rawValue
        }
    }
}
