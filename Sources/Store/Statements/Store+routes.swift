public import Core

extension Statement {
    static let routes = [Store.routeList, Store.routeAdd, Store.routeChange, Store.routeRemove]
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

    static let routeAdd = Statement(
        "route_add",
        """
        WITH m AS (SELECT id FROM model WHERE id = $1),
        r AS (INSERT INTO route (model_id, vendor, vendor_model, position, weight, cost_micros)
            SELECT id, $2, $3, coalesce($4::bigint, 1), coalesce($5::bigint, 1), nullif($6::bigint, 0)
            FROM m
            ON CONFLICT DO NOTHING RETURNING id)
        SELECT EXISTS (SELECT FROM m), (SELECT id FROM r)
        """)

    static let routeRemove = Statement("route_remove", "DELETE FROM route WHERE id = $1 RETURNING id")

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

    /// Has a vendor make a model, which it calls `vendorModel`. Gives the route's number. Throws
    /// `modelNotFound`, and `alreadyExists` for a route that is there.
    public func addRoute(
        model: String, vendor: String, vendorModel: String, _ facts: RouteChange
    ) throws(KinoraError) -> Int64 {
        let row = try first(
            Self.routeAdd,
            [
                .text(model), .text(vendor), .text(vendorModel),
                .optional(facts.position.map(Int64.init)), .optional(facts.weight.map(Int64.init)),
                .optional(facts.cost?.micros),
            ]
        ) { (isKnown: $0.bool(0), id: $0.optionalInteger(1)) }
        guard let row, row.isKnown else {
            throw KinoraError(.modelNotFound, "Unknown model '\(model)'. See `kinora model list`.")
        }
        guard let id = row.id else {
            throw KinoraError(.alreadyExists, "Model '\(model)' has that route. See `kinora route list`.")
        }
        return id
    }

    /// Tasks that a vendor has accepted are not concerned. False when there is none of this number.
    public func removeRoute(_ id: Int64) throws(KinoraError) -> Bool {
        try execute(Self.routeRemove, [.integer(id)]) > 0
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
