/// What a client asks for by id.
public struct Model: Sendable, Equatable {
    public let id: String
    public let kind: String
    public let family: String
    public let title: String
    public let createdAt: Timestamp
    public let rules: [Category: [ParameterRule]]
    /// A category that is not in it costs nothing.
    public let prices: [Category: PriceList]
    /// Vendors of the model's enabled routes.
    public let vendors: [String]

    public init(
        id: String, kind: String, family: String, title: String, createdAt: Timestamp,
        rules: [Category: [ParameterRule]], prices: [Category: PriceList] = [:], vendors: [String]
    ) {
        self.id = id
        self.kind = kind
        self.family = family
        self.title = title
        self.createdAt = createdAt
        self.rules = rules
        self.prices = prices
        self.vendors = vendors
    }
}
