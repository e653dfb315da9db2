/// How a caller's quota stands, and what a usual submission would cost.
public struct Credits: Sendable, Equatable {
    public let quota: Quota
    /// Nil: such a submission would be refused now.
    public let cost: Amount?
    public let readAt: Timestamp

    public init(quota: Quota, cost: Amount?, readAt: Timestamp) {
        self.quota = quota
        self.cost = cost
        self.readAt = readAt
    }
}
