/// How a user's quota stands. `total` is `used` + `held` + `available`, always.
public struct Quota: Sendable, Equatable {
    /// What may be spent.
    public let available: Amount
    /// What unfinished tasks will cost if they succeed.
    public let held: Amount
    /// What succeeded tasks have cost.
    public let used: Amount

    public init(available: Amount, held: Amount, used: Amount) {
        self.available = available
        self.held = held
        self.used = used
    }

    /// All that was ever granted and not withdrawn. The database keeps it from overflowing.
    public var total: Amount { Amount(micros: available.micros + held.micros + used.micros) }
}
