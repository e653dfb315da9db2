/// What a request to a text model has used.
public struct TokenUsage: Sendable, Equatable {
    public var input: Int64
    public var output: Int64

    /// More than any answer has: what says so makes no sense, and must not overflow sums.
    static let tokensMax: Int64 = 1_000_000_000

    public init(input: Int64, output: Int64) {
        self.input = min(max(input, 0), Self.tokensMax)
        self.output = min(max(output, 0), Self.tokensMax)
    }

    /// Reads OpenAI's `usage`. Nil for null, and when it counts nothing.
    public init?(_ usage: JSON?) {
        guard let usage else { return nil }
        let (input, output) = (usage["prompt_tokens"]?.integerValue, usage["completion_tokens"]?.integerValue)
        // Some services that do not count send zeros.
        guard input ?? 0 > 0 || output ?? 0 > 0 else { return nil }
        self.init(input: input ?? 0, output: output ?? 0)
    }
}
