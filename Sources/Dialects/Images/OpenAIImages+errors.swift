public import Core

extension OpenAIImages {
    /// OpenAI's envelope with Kinora's own codes, which are those that Jimeng's clients know. Below
    /// `/api/relay` the video hub's words stand beside it, and its status of a key that was taken back.
    public func encode(_ error: KinoraError, for exchange: Exchange) -> Response {
        let message = Self.message(error), code = Self.code(error.code)
        var response = OpenAIErrors.response(error, message, code: code)
        guard exchange.path?.segments.first == "api" else { return response }
        let body: JSON = [
            "success": false, "message": .string(message), "code": .string(code), "data": .null,
            "error": OpenAIErrors.object(error, message, code: code),
        ]
        response.body = body.serialized()
        if error.code == .revokedKey { response.status = 403 }
        return response
    }

    static func message(_ error: KinoraError) -> String {
        switch (error.code, error.field) {
        case (.missingParameter, let field?): "Missing required parameter: \(field)"
        default: error.message
        }
    }

    static func code(_ code: ErrorCode) -> String {
        switch code {
        case .revokedKey, .expiredKey: ErrorCode.invalidKey.rawValue
        case .upstreamCredential, .upstreamMoney, .upstreamModelClosed: "upstream_account_error"
        case .syncFailed: ErrorCode.generationFailed.rawValue
        default: code.rawValue
        }
    }
}
