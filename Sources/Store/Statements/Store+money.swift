public import Core

extension Statement {
    static let money = [
        Store.quotaFind, Store.quotaRequire, Store.quotaList, Store.quotaMove, Store.ledgerList,
        Store.ledgerFaults,
        Store.priceList, Store.pricePut, Store.priceRemove,
    ]
}

/// A transfer between the operator and a user.
public enum QuotaMove: String, Sendable {
    case topup, withdrawal
}

/// Which tasks a price is for; nil: every category, the row without a resolution.
public struct PricePlace: Sendable {
    public var model: String
    public var category: Category?
    /// Empty: any that has no row of its own.
    public var resolution: String

    public init(model: String, category: Category?, resolution: String) {
        self.model = model
        self.category = category
        self.resolution = resolution
    }

    var values: [Value] { [.text(model), .optional(category?.rawValue), .text(resolution)] }
}

extension Store {
    static let quotaFind = Statement(
        "quota_find", "SELECT available_micros, held_micros, used_micros FROM wallet WHERE user_id = $1")

    static let quotaRequire = Statement("quota_require", "SELECT require_quota($1, $2, $3)")

    static let quotaList = Statement(
        "quota_list",
        """
        SELECT u.name, w.available_micros, w.held_micros, w.used_micros
        FROM app_user u LEFT JOIN wallet w ON w.user_id = u.id
        WHERE u.name = coalesce($1, u.name) ORDER BY u.id
        """)

    // The reference makes the event: the same one moves nothing a second time.
    static let quotaMove = Statement(
        "quota_move",
        """
        INSERT INTO ledger (event, kind, debit, credit, user_id, amount_micros, note)
        SELECT $2 || ':' || coalesce($3, gen_random_uuid()::text), $2,
            CASE $2 WHEN 'topup' THEN 'issued' ELSE 'available' END,
            CASE $2 WHEN 'topup' THEN 'available' ELSE 'issued' END, id, $4, $5
        FROM app_user WHERE name = $1 RETURNING id
        """)

    static let ledgerList = Statement(
        "ledger_list",
        """
        SELECT l.id, l.created_at, l.kind, l.amount_micros, k.public_id, t.model_id, i.uid, l.note
        FROM app_user u JOIN ledger l ON l.user_id = u.id LEFT JOIN api_key k ON k.id = l.key_id
            LEFT JOIN task t ON t.id = l.task_id LEFT JOIN task_input i ON i.task_id = l.task_id
        WHERE u.name = $1 ORDER BY l.id DESC LIMIT $2
        """)

    static let ledgerFaults = Statement(
        "ledger_faults", "SELECT subject, id, fault FROM v_ledger_fault ORDER BY subject, id LIMIT $1")

    static let priceList = Statement(
        "price_list",
        """
        SELECT model_id, category, resolution, task_micros, second_micros, image_micros, off_peak_percent,
            input_micros, output_micros
        FROM price WHERE model_id = coalesce($1, model_id) ORDER BY 1, 2, 3
        """)

    static let pricePut = Statement(
        "price_put",
        """
        INSERT INTO price (model_id, category, resolution, task_micros, second_micros, image_micros,
            off_peak_percent, input_micros, output_micros)
        SELECT model_id, category, $3, $4, $5, $6, $7, $8, $9 FROM model_category
        WHERE model_id = $1 AND category = coalesce($2, category)
        ON CONFLICT (model_id, category, resolution) DO UPDATE SET task_micros = excluded.task_micros,
            second_micros = excluded.second_micros, image_micros = excluded.image_micros,
            off_peak_percent = excluded.off_peak_percent, input_micros = excluded.input_micros,
            output_micros = excluded.output_micros
        """)

    static let priceRemove = Statement(
        "price_remove",
        """
        DELETE FROM price WHERE model_id = $1 AND category = coalesce($2, category) AND resolution = $3
        """)

    private static func quota(_ row: Row, from column: Int) -> Quota {
        Quota(
            available: Amount(micros: row.integer(column)), held: Amount(micros: row.integer(column + 1)),
            used: Amount(micros: row.integer(column + 2)))
    }

    /// Zero of everything for a user who never had any.
    public func quota(of caller: Caller) throws(KinoraError) -> Quota {
        let none = Amount(micros: 0)
        return try first(Self.quotaFind, [.integer(caller.userID)]) { Self.quota($0, from: 0) }
            ?? Quota(available: none, held: none, used: none)
    }

    /// Throws `insufficientQuota` when the caller could not pay at this moment. Holds nothing.
    public func requireQuota(_ price: Amount, of caller: Caller) throws(KinoraError) {
        try execute(
            Self.quotaRequire, [.integer(caller.userID), .integer(caller.keyID), .integer(price.micros)])
    }

    // For operators ------------------------------------------------------------------------------------

    /// How the quota of one user, or of all, stands.
    public func listQuotas(user: String?) throws(KinoraError) -> [JSONObject] {
        try rows(Self.quotaList, [.optional(user)]) { row in
            let quota = Self.quota(row, from: 1)
            return [
                "user": .string(row.text(0)), "total": Self.units(quota.total),
                "used": Self.units(quota.used), "held": Self.units(quota.held),
                "available": Self.units(quota.available),
            ]
        }
    }

    /// Gives quota to a user, or takes it back; false when there is no user of this name. Throws
    /// `alreadyExists` when the reference was used before, `insufficientQuota` when less than that is
    /// available.
    public func move(
        _ move: QuotaMove, _ amount: Amount, user: String, reference: String?, note: String
    ) throws(KinoraError) -> Bool {
        try execute(
            Self.quotaMove,
            [
                .text(user), .text(move.rawValue), .optional(reference), .integer(amount.micros), .text(note),
            ]) > 0
    }

    /// The newest transfers of a user.
    public func listTransfers(user: String, limit: Int) throws(KinoraError) -> [JSONObject] {
        try rows(Self.ledgerList, [.text(user), .integer(Int64(limit))]) { row in
            let task = row.optionalUID(6).map { "\(row.text(5))-\($0.short)" }
            return [
                "id": .integer(row.integer(0)), "time": .string(row.timestamp(1).iso8601),
                "kind": .string(row.text(2)), "amount": Self.units(Amount(micros: row.integer(3))),
                "key": JSON(row.optionalText(4)), "task": JSON(task), "note": .string(row.text(7)),
            ]
        }
    }

    /// What does not agree between ledger, wallets, keys and tasks; at most so many. Reads everything.
    public func ledgerFaults(limit: Int) throws(KinoraError) -> [JSONObject] {
        try rows(Self.ledgerFaults, [.integer(Int64(limit))]) { row in
            [
                "subject": .string(row.text(0)), "id": row.optionalInteger(1).map(JSON.integer) ?? .null,
                "fault": .string(row.text(2)),
            ]
        }
    }

    public func listPrices(model: String?) throws(KinoraError) -> [JSONObject] {
        try rows(Self.priceList, [.optional(model)]) { row in
            [
                "model": .string(row.text(0)), "category": .string(row.text(1)),
                "resolution": .string(row.text(2)),
                "task": Self.units(Amount(micros: row.integer(3))),
                "second": Self.units(Amount(micros: row.integer(4))),
                "image": Self.units(Amount(micros: row.integer(5))),
                "off_peak_percent": .integer(row.integer(6)),
                "input": Self.units(Amount(micros: row.integer(7))),
                "output": Self.units(Amount(micros: row.integer(8))),
            ]
        }
    }

    /// How many rows that made: 0 when the model has no such category, or is unknown.
    public func setPrice(_ price: Price, at place: PricePlace) throws(KinoraError) -> Int {
        let amounts = [price.task, price.second, price.image].map { Value.integer($0.micros) }
        let tokens = [price.input, price.output].map { Value.integer($0.micros) }
        return try execute(
            Self.pricePut, place.values + amounts + [.integer(Int64(price.offPeakPercent))] + tokens)
    }

    /// How many rows that removed.
    public func removePrice(at place: PricePlace) throws(KinoraError) -> Int {
        try execute(Self.priceRemove, place.values)
    }

    /// Exact, and readable: units with their decimals, as text.
    static func units(_ amount: Amount) -> JSON { .string(amount.description) }
}
