/// What a client asks for by id.
public struct Model: Sendable, Equatable {
    public let id: String
    public let kind: String
    public let family: String
    public let title: String
    public let createdAt: Timestamp
    public let rules: [Category: [ParameterRule]]
    /// What media may be given; a category that is not in it takes the usual.
    public let references: [Category: [ReferenceRule]]
    /// A category that is not in it costs nothing.
    public let prices: [Category: PriceList]
    /// Vendors of the model's enabled routes.
    public let vendors: [String]

    public init(
        id: String, kind: String, family: String, title: String, createdAt: Timestamp,
        rules: [Category: [ParameterRule]], references: [Category: [ReferenceRule]] = [:],
        prices: [Category: PriceList] = [:], vendors: [String]
    ) {
        self.id = id
        self.kind = kind
        self.family = family
        self.title = title
        self.createdAt = createdAt
        self.rules = rules
        self.references = references
        self.prices = prices
        self.vendors = vendors
    }

    public func references(for category: Category) -> [ReferenceRule] {
        references[category] ?? ReferenceRule.usual(of: category)
    }

    /// Whether a task is refused at once while no account can pay for it, as clients of the service know it
    /// that the family stems from. Others wait until one can.
    public var isRefusedWithoutCredit: Bool { family == "jimeng" }
}
