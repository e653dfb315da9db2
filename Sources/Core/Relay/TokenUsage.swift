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
        let counts = [usage?["prompt_tokens"], usage?["completion_tokens"]].map { $0?.integerValue }
        guard counts.contains(where: { $0 != nil }) else { return nil }
        self.init(input: counts[0] ?? 0, output: counts[1] ?? 0)
    }
}
