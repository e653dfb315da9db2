/// Which models a list is to have; nil lets all pass.
public struct ModelFilter: Sendable {
    /// That of the prefix below which the client asks.
    public let family: String?
    /// As in `Model.kind`: one of `kinds`.
    public let kind: String?
    /// The family that the client asks for.
    public let owner: String?

    public static let kinds = MediaKind.allCases.map(\.rawValue) + RelayKind.allCases.map(\.rawValue)

    public init(family: String? = nil, kind: String? = nil, owner: String? = nil) {
        self.family = family
        self.kind = kind
        self.owner = owner
    }

    public func admits(_ model: Model) -> Bool {
        family ?? model.family == model.family && owner ?? model.family == model.family
            && kind ?? model.kind == model.kind
    }
}
