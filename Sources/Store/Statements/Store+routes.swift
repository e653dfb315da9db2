public import Core

extension Statement {
    static let routes = [Store.routeList, Store.routeChange]
}

/// New facts of a route. Nil leaves what is.
public struct RouteChange: Sendable {
    public var position: Int?
    public var weight: Int?
    public var isEnabled: Bool?
    /// What a task costs at the vendor at most, in the vendor's credits; 0: unknown.
    public var cost: Amount?

    public init(position: Int? = nil, weight: Int? = nil, isEnabled: Bool? = nil, cost: Amount? = nil) {
        self.position = position
        self.weight = weight
        self.isEnabled = isEnabled
        self.cost = cost
    }
}

extension Store {
    static let routeList = Statement(
        "route_list",
        """
        SELECT id, model_id, vendor, vendor_model, position, weight, enabled, cost_micros,
            usual_seconds::float8
        FROM route WHERE $1::text IS NULL OR model_id = $1 ORDER BY model_id, position, id
        """)

    static let routeChange = Statement(
        "route_change",
        """
        UPDATE route SET position = coalesce($2, position), weight = coalesce($3, weight),
            enabled = coalesce($4, enabled),
            cost_micros = CASE WHEN $5::bigint IS NULL THEN cost_micros ELSE nullif($5, 0) END
        WHERE id = $1 RETURNING id
        """)

    /// Routes of a model, nil: of all, in the order in which they are tried.
    public func listRoutes(model: String?) throws(KinoraError) -> [JSONObject] {
        try rows(Self.routeList, [.optional(model)]) { row in
            [
                "id": .integer(row.integer(0)), "model": .string(row.text(1)), "vendor": .string(row.text(2)),
                "vendor_model": .string(row.text(3)), "position": .integer(row.integer(4)),
                "weight": .integer(row.integer(5)), "enabled": .bool(row.bool(6)),
                "cost": row.optionalInteger(7).map { Self.units(Amount(micros: $0)) } ?? .null,
                "usual_seconds": row.optionalReal(8).map { .integer(Int64($0.rounded())) } ?? .null,
            ]
        }
    }

    /// Changes a route, everywhere at once. False when there is none of this number.
    public func changeRoute(_ id: Int64, _ change: RouteChange) throws(KinoraError) -> Bool {
        try execute(
            Self.routeChange,
            [
                .integer(id), .optional(change.position.map(Int64.init)),
                .optional(change.weight.map(Int64.init)), change.isEnabled.map(Value.bool) ?? .null,
                .optional(change.cost?.micros),
            ]) > 0
    }
}
