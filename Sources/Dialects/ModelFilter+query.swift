import Core

extension ModelFilter {
    /// `?type=` and `?owned_by=`, as /v1/models has them; empty ones are none. Throws `invalidValue` for a
    /// type that no model has.
    init(_ query: Query, family: String? = nil) throws(KinoraError) {
        func word(_ name: String) -> String? { query[name].flatMap { $0.isEmpty ? nil : $0 } }
        let kind = word("type")
        if let kind, !Self.kinds.contains(kind) {
            let known = Self.kinds.joined(separator: ", ")
            throw KinoraError(.invalidValue, "'type' must be one of: \(known).", field: "type")
        }
        self.init(family: family, kind: kind, owner: word("owned_by"))
    }
}
