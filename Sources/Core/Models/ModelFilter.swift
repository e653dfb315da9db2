/// Which models a list is to have; nil lets all pass.
public struct ModelFilter: Sendable, Equatable {
    /// That of the prefix below which the client asks.
    public var family: String?
    /// As in `Model.kind`.
    public var kind: String?
    /// The family that the client asks for.
    public var owner: String?

    private static let kinds = MediaKind.allCases.map(\.rawValue) + RelayKind.allCases.map(\.rawValue)

    /// `?type=` and `?owned_by=`. Throws `invalidValue` for a type that no model has.
    public init(_ query: Query, family: String? = nil) throws(KinoraError) {
        self.family = family
        owner = query["owned_by"]
        kind = query["type"]
        if let kind, !Self.kinds.contains(kind) {
            let known = Self.kinds.joined(separator: ", ")
            throw KinoraError(.invalidValue, "'type' must be one of: \(known).", field: "type")
        }
    }

    public init(family: String? = nil) { self.family = family }

    public func admits(_ model: Model) -> Bool {
        family ?? model.family == model.family && owner ?? model.family == model.family
            && kind ?? model.kind == model.kind
    }
}
