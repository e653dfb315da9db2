import Core

/// Which failures without a caller become rows of the request log. Nothing else bounds who has no key: were
/// every refusal a row, a stranger could write millions of them a day. Those beyond the bound are counted.
struct StrangerRows {
    /// When the bucket of tokens is full again: each row that was kept puts it off.
    private var fullAt: ContinuousClock.Instant?
    private var leftOut = 0
    /// A minute after the first of those.
    private var tellAt: ContinuousClock.Instant?

    private static let pace = Duration.seconds(1) / Limits.strangerRowsPerSecondMax
    private static let ahead = pace * (Limits.strangerRowsAtOnceMax - 1)

    /// Whether one more becomes a row. It is counted if not.
    mutating func keepsOne(at now: ContinuousClock.Instant) -> Bool {
        let full = max(fullAt ?? now, now)
        guard now.duration(to: full) <= Self.ahead else {
            leftOut += 1
            if tellAt == nil { tellAt = now + .seconds(Limits.strangerRowsToldSeconds) }
            return false
        }
        fullAt = full + Self.pace
        return true
    }

    /// How many were left out since this was told last; nil when that is nothing, or a minute is not over.
    /// Nothing comes after `isLast`: then it is told at once.
    mutating func tell(at now: ContinuousClock.Instant, isLast: Bool = false) -> Int? {
        guard let tellAt, isLast || now >= tellAt else { return nil }
        defer {
            leftOut = 0
            self.tellAt = nil
        }
        return leftOut
    }
}
