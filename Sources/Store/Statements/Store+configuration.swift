public import Core

extension Statement {
    static let configuration = [
        Store.configVersion, Store.keysAll, Store.modelsAll, Store.modelPayable, Store.settingsAll,
        Store.vendorsServed,
    ]
}

/// A client key as the process remembers it: enough to accept or refuse without asking the database.
public struct KeyRecord: Sendable {
    public let publicID: String
    public let secretHash: [UInt8]
    public let caller: Caller
    public let expiresAt: Timestamp?
    /// Revoked, or its user is disabled.
    public let isRevoked: Bool
}

extension Store {
    static let configVersion = Statement("config_version", "SELECT version FROM config_version")

    static let keysAll = Statement(
        "keys_all",
        """
        SELECT k.public_id, k.secret_hash, k.user_id, k.id, to_jsonb(k.models), k.video_created_status,
            k.content_mode, k.chat_format, k.expires_at, k.revoked_at IS NOT NULL OR u.state <> 'active',
            num_nonnulls(k.requests_per_minute, k.concurrent_tasks_max, u.requests_per_minute,
                u.concurrent_tasks_max) > 0, u.role = 'admin', k.dialect
        FROM api_key k JOIN app_user u ON u.id = k.user_id
        """)

    static let modelsAll = Statement(
        "models_all",
        """
        SELECT m.id, m.kind, m.family, m.title, m.created_at,
            (SELECT jsonb_object_agg(c.category, c.parameters) FROM model_category c WHERE c.model_id = m.id),
            (SELECT jsonb_agg(r.vendor ORDER BY r.position)
                FROM route r WHERE r.model_id = m.id AND r.enabled),
            (SELECT jsonb_agg(to_jsonb(p)) FROM price p WHERE p.model_id = m.id)
        FROM model m WHERE m.enabled ORDER BY m.id
        """)

    // As the claim has it. Without any account there is another reason to refuse.
    static let modelPayable = Statement(
        "model_payable",
        """
        SELECT coalesce(bool_or(a.exhausted_at IS NULL
            AND coalesce(a.credits_micros >= coalesce(r.cost_micros, 1), true)), true)
        FROM route r JOIN account a USING (vendor)
        WHERE r.model_id = $1 AND r.enabled AND a.state IN ('active', 'cooling')
        """)

    static let settingsAll = Statement("settings_all", "SELECT name, value FROM setting")

    static let vendorsServed = Statement(
        "vendors_served", "SELECT DISTINCT vendor FROM account WHERE state IN ('active', 'cooling')")

    /// Rises whenever users, keys, models, routes, accounts or settings change.
    public func configVersion() throws(KinoraError) -> Int64 {
        try first(Self.configVersion) { $0.integer(0) } ?? 0
    }

    public func keys() throws(KinoraError) -> [KeyRecord] {
        try rows(Self.keysAll) { row throws(KinoraError) in
            let models = try row.json(4).arrayValue.map { Set($0.compactMap(\.stringValue)) }
            let options = KeyOptions(
                models: models, videoCreatedStatus: Int(row.integer(5)),
                contentMode: KeyOptions.ContentMode(rawValue: row.text(6)) ?? .serve,
                chatFormat: KeyOptions.ChatFormat(rawValue: row.text(7)) ?? .auto,
                dialect: KeyOptions.RootDialect(rawValue: row.text(12)) ?? .auto)
            return KeyRecord(
                publicID: row.text(0), secretHash: row.bytes(1),
                caller: Caller(
                    userID: row.integer(2), keyID: row.integer(3), options: options, isLimited: row.bool(10),
                    isOperator: row.bool(11)),
                expiresAt: row.optionalTimestamp(8), isRevoked: row.bool(9))
        }
    }

    public func models() throws(KinoraError) -> [Model] {
        try rows(Self.modelsAll) { row throws(KinoraError) in
            var rules: [Category: [ParameterRule]] = [:]
            var references: [Category: [ReferenceRule]] = [:]
            for (name, parameters) in try row.json(5).objectValue?.members ?? [] {
                guard let category = Category(rawValue: name) else { continue }
                rules[category] = (parameters.arrayValue ?? []).compactMap(ParameterRule.init)
                let media = (parameters.arrayValue ?? []).compactMap(ReferenceRule.init)
                if !media.isEmpty { references[category] = media }
            }
            return Model(
                id: row.text(0), kind: row.text(1), family: row.text(2), title: row.text(3),
                createdAt: row.timestamp(4), rules: rules, references: references,
                prices: Self.prices(try row.json(7)),
                vendors: try row.json(6).arrayValue?.compactMap(\.stringValue) ?? [])
        }
    }

    private static func prices(_ rows: JSON) -> [Category: PriceList] {
        var prices: [Category: PriceList] = [:]
        for row in rows.arrayValue ?? [] {
            func amount(_ column: String) -> Amount { Amount(micros: row[column]?.integerValue ?? 0) }
            guard let category = row["category"]?.stringValue.flatMap(Category.init(rawValue:)) else {
                continue
            }
            prices[category, default: PriceList()][row["resolution"]?.stringValue ?? ""] = Price(
                task: amount("task_micros"), second: amount("second_micros"),
                image: amount("image_micros"), input: amount("input_micros"),
                output: amount("output_micros"),
                offPeakPercent: Int(row["off_peak_percent"]?.integerValue ?? 100))
        }
        return prices
    }

    /// Whether some account that may run the model has the credit for it.
    public func isPayable(_ model: String) throws(KinoraError) -> Bool {
        try first(Self.modelPayable, [.text(model)]) { $0.bool(0) } ?? true
    }

    public func settings() throws(KinoraError) -> [String: JSON] {
        let pairs = try rows(Self.settingsAll) { row throws(KinoraError) in (row.text(0), try row.json(1)) }
        return Dictionary(uniqueKeysWithValues: pairs)
    }

    /// Vendors that have an account which may work.
    public func vendorsServed() throws(KinoraError) -> Set<String> {
        Set(try rows(Self.vendorsServed) { $0.text(0) })
    }
}
