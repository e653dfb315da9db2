import Core

extension JSON {
    /// An amount in units: a whole number where it is one.
    init(units amount: Amount) {
        self =
            amount.micros % 1_000_000 == 0
            ? .integer(amount.micros / 1_000_000) : .decimal(amount.description)
    }
}
