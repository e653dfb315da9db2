/// What is left of a caller's requests per minute. Where key and user both have a limit, the tighter one.
public struct Allowance: Sendable, Equatable {
    /// Submits that any 60 seconds may hold.
    public let requestsMax: Int
    /// Submits that would be accepted now.
    public let remaining: Int
    /// Seconds until all of them would be.
    public let resetSeconds: Double

    public init(requestsMax: Int, remaining: Int, resetSeconds: Double) {
        self.requestsMax = requestsMax
        self.remaining = remaining
        self.resetSeconds = resetSeconds
    }
}
