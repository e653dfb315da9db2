public import Core

extension Statement {
    static let webhookAdministration = [
        Store.webhookNextID, Store.webhookInsert, Store.webhookList, Store.webhookFind, Store.webhookRemove,
        Store.webhookEnable, Store.webhookLog, Store.webhookReplay,
    ]
}

extension Store {
    // The seal binds the secret to the row, so the row must have its number first.
    static let webhookNextID = Statement(
        "webhook_next_id", "SELECT nextval('kinora.webhook_endpoint_id_seq')")

    static let webhookInsert = Statement(
        "webhook_insert",
        """
        INSERT INTO webhook_endpoint (id, user_id, url, secret_sealed) OVERRIDING SYSTEM VALUE
        SELECT $1::bigint, id, $3::text, $4::bytea FROM app_user WHERE name = $2 RETURNING id
        """)

    static let webhookList = Statement(
        "webhook_list",
        """
        SELECT e.id, u.name, e.url, e.enabled, e.disabled_reason, e.consecutive_failures, e.failing_since,
            (SELECT count(*) FROM webhook_delivery d WHERE d.endpoint_id = e.id AND d.state = 'pending'),
            e.created_at
        FROM webhook_endpoint e JOIN app_user u ON u.id = e.user_id ORDER BY e.id
        """)

    static let webhookFind = Statement(
        "webhook_find", "SELECT id, url, secret_sealed FROM webhook_endpoint WHERE id = $1")

    static let webhookRemove = Statement(
        "webhook_remove", "DELETE FROM webhook_endpoint WHERE id = $1 RETURNING id")

    static let webhookEnable = Statement(
        "webhook_enable",
        """
        UPDATE webhook_endpoint SET enabled = true, disabled_reason = NULL, consecutive_failures = 0,
            failing_since = NULL WHERE id = $1 RETURNING id
        """)

    static let webhookLog = Statement(
        "webhook_log",
        """
        SELECT d.id, d.endpoint_id, d.event, t.model_id, i.uid, d.state, d.tries, d.last_status, d.last_error,
            d.created_at, d.tried_at, d.due_at
        FROM webhook_delivery d LEFT JOIN task t ON t.id = d.task_id
            LEFT JOIN task_input i ON i.task_id = d.task_id
        WHERE ($1::bigint IS NULL OR d.endpoint_id = $1) AND (NOT $2 OR d.state = 'failed')
        ORDER BY d.id DESC LIMIT $3
        """)

    static let webhookReplay = Statement(
        "webhook_replay",
        """
        UPDATE webhook_delivery d SET state = 'pending', tries = 0, due_at = now(), finished_at = NULL
        FROM webhook_endpoint e WHERE d.id = $1 AND e.id = d.endpoint_id RETURNING e.enabled
        """)

    /// Keeps a new endpoint. `seal` gets the row number that the sealed secret is bound to. Nil when there is
    /// no such user.
    public func addWebhook(
        user: String, url: String, seal: (Int64) throws(KinoraError) -> [UInt8]
    ) throws(KinoraError) -> Int64? {
        let id = try first(Self.webhookNextID) { $0.integer(0) } ?? 0
        return try first(
            Self.webhookInsert, [.integer(id), .text(user), .text(url), .bytes(try seal(id))]
        ) { $0.integer(0) }
    }

    public func listWebhooks() throws(KinoraError) -> [JSONObject] {
        try rows(Self.webhookList) { row in
            [
                "id": .integer(row.integer(0)), "user": .string(row.text(1)), "url": .string(row.text(2)),
                "enabled": .bool(row.bool(3)), "reason": JSON(row.optionalText(4)),
                "failures": .integer(row.integer(5)),
                "failing_since": JSON(row.optionalTimestamp(6)?.iso8601),
                "pending": .integer(row.integer(7)), "created_at": .string(row.timestamp(8).iso8601),
            ]
        }
    }

    public func webhook(_ row: Int64) throws(KinoraError) -> WebhookEndpoint? {
        try first(Self.webhookFind, [.integer(row)]) { row in
            WebhookEndpoint(row: row.integer(0), url: row.text(1), sealedSecret: row.bytes(2))
        }
    }

    /// Removes an endpoint and its log. False when there is none.
    public func removeWebhook(_ row: Int64) throws(KinoraError) -> Bool {
        try execute(Self.webhookRemove, [.integer(row)]) > 0
    }

    /// Switches an endpoint on and forgets its failures. What it still has to be told is sent again.
    public func enableWebhook(_ row: Int64) throws(KinoraError) -> Bool {
        try execute(Self.webhookEnable, [.integer(row)]) > 0
    }

    public func listDeliveries(
        endpoint: Int64?, isFailed: Bool, limit: Int
    ) throws(KinoraError) -> [JSONObject] {
        try rows(
            Self.webhookLog, [.optional(endpoint), .bool(isFailed), .integer(Int64(limit))]
        ) { row in
            [
                "id": .integer(row.integer(0)), "endpoint": .integer(row.integer(1)),
                "event": .string(row.text(2)),
                "task": JSON(row.optionalUID(4).map { "\(row.text(3))-\($0.short)" }),
                "state": .string(row.text(5)), "tries": .integer(row.integer(6)),
                "status": row.optionalInteger(7).map(JSON.integer) ?? .null,
                "error": JSON(row.optionalText(8)),
                "created_at": .string(row.timestamp(9).iso8601),
                "tried_at": JSON(row.optionalTimestamp(10)?.iso8601),
                "due_at": JSON(row.optionalTimestamp(11)?.iso8601),
            ]
        }
    }

    /// Has a message sent again, with its old webhook-id. Says whether its endpoint is switched on; nil when
    /// there is no such message.
    public func replayDelivery(_ row: Int64) throws(KinoraError) -> Bool? {
        try first(Self.webhookReplay, [.integer(row)]) { $0.bool(0) }
    }
}
