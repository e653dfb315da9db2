/// What a submission would cost if it were accepted now, and what there is to pay it with.
public struct Estimate: Sendable, Equatable {
    public let model: String
    public let cost: Amount
    public let quota: Quota

    public init(model: String, cost: Amount, quota: Quota) {
        self.model = model
        self.cost = cost
        self.quota = quota
    }
}
