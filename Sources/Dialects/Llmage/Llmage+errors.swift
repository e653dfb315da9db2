public import Core

extension Llmage {
    /// `{"error": "…"}`: one text, whatever went wrong.
    public func encode(_ error: KinoraError, for exchange: Exchange) -> Response {
        OpenAIErrors.headed(
            .json(["error": .string(Self.message(error))], status: Self.status(error.code)), error)
    }

    /// An event with the same envelope.
    public func lastWords(on error: KinoraError, for exchange: Exchange) -> [UInt8] {
        Array("data: ".utf8) + encode(error, for: exchange).body + Array("\n\n".utf8)
    }

    /// What clients of this API know: a model is a parameter, and 429 is said of an empty purse too.
    private static func status(_ code: ErrorCode) -> Int {
        switch code {
        case .modelNotFound: 400
        case .insufficientQuota: 429
        default: code.facts.status
        }
    }

    private static func message(_ error: KinoraError) -> String {
        let isUsual = error.message == error.code.facts.message
        switch (error.code, error.field) {
        case (.missingKey, _), (.invalidKey, _), (.revokedKey, _), (.expiredKey, _): return "Invalid API Key"
        case (.insufficientQuota, _): return "Insufficient balance"
        case (.rateLimitExceeded, _): return "Rate limit exceeded"
        case (.queueFull, _) where isUsual: return "Queue is full"
        case (.missingParameter, let field?): return "Missing required parameter: \(field)"
        case (.modelNotFound, _), (.invalidValue, "model"):
            if let model = error.value { return "Model not found: \(model)" }
        default: break
        }
        guard error.code == .invalidValue, let field = error.field else { return error.message }
        return "Invalid value for \(field): \(error.message)"
    }
}
