public import Core

extension Statement {
    static let administration = [
        Store.adminPut, Store.adminFind, Store.keyInsert, Store.keyList, Store.keyRevoke, Store.keyChange,
        Store.keyCount,
        Store.accountInsert, Store.accountChange, Store.accountList, Store.accountState, Store.taskList,
        Store.taskShow,
        Store.accountNextID, Store.userInsert, Store.userList, Store.settingPut, Store.settingRemove,
        Store.timeZone,
    ]
}

/// What is to change of an account. Nil leaves what is.
public struct AccountChange: Sendable {
    /// Tasks it may run at once.
    public var slots: Int?
    /// Its share of the work among accounts of equal load.
    public var weight: Int?
    public var baseURL: String?
    /// Empty: none.
    public var proxyURL: String?
    /// Bound to the account's row.
    public var sealedCredential: [UInt8]?

    public init(
        slots: Int? = nil, weight: Int? = nil, baseURL: String? = nil, proxyURL: String? = nil,
        sealedCredential: [UInt8]? = nil
    ) {
        self.slots = slots
        self.weight = weight
        self.baseURL = baseURL
        self.proxyURL = proxyURL
        self.sealedCredential = sealedCredential
    }
}

extension Store {
    // A client stays one: its keys must not become an administrator's.
    static let adminPut = Statement(
        "admin_put",
        """
        INSERT INTO app_user (name, role, password_hash) VALUES ($1, 'admin', $2)
        ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash
        WHERE app_user.role = 'admin' RETURNING id
        """)

    static let adminFind = Statement(
        "admin_find",
        """
        SELECT name FROM app_user WHERE role = 'admin' AND password_hash IS NOT NULL ORDER BY id LIMIT 1
        """)

    static let keyInsert = Statement(
        "key_insert",
        """
        WITH owner AS (INSERT INTO app_user (name) VALUES ($1)
            ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id)
        INSERT INTO api_key (
            user_id, public_id, secret_hash, name, models, expires_at, video_created_status, content_mode,
            chat_format, dialect, requests_per_minute, concurrent_tasks_max, quota_cap_micros)
        SELECT id, $2, $3, $4, $5::text[], now() + $6::bigint * interval '1 day', $7, $8, $9, $10,
            nullif($11, 0), nullif($12, 0), nullif($13::bigint, 0) FROM owner
        RETURNING user_id
        """)

    static let userInsert = Statement(
        "user_insert",
        """
        INSERT INTO app_user (name, requests_per_minute, concurrent_tasks_max)
        VALUES ($1, nullif($2, 0), nullif($3, 0)) RETURNING id
        """)

    static let userList = Statement(
        "user_list",
        """
        SELECT u.name, u.role, u.state, u.requests_per_minute, u.concurrent_tasks_max,
            (SELECT count(*) FROM api_key k WHERE k.user_id = u.id AND k.revoked_at IS NULL), u.created_at
        FROM app_user u ORDER BY u.id
        """)

    static let settingPut = Statement(
        "setting_put",
        """
        INSERT INTO setting (name, value, description) VALUES ($1, $2::jsonb, $3)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value, description = excluded.description
        """)

    static let settingRemove = Statement("setting_remove", "DELETE FROM setting WHERE name = $1")

    static let timeZone = Statement("time_zone", "SELECT name FROM pg_timezone_names WHERE name = $1")

    static let keyCount = Statement("key_count", "SELECT count(*) FROM api_key WHERE revoked_at IS NULL")

    static let keyList = Statement(
        "key_list",
        """
        SELECT k.public_id, u.name, k.name,
            CASE WHEN k.revoked_at IS NOT NULL THEN 'revoked' WHEN k.expires_at <= now() THEN 'expired'
                WHEN u.state <> 'active' THEN 'user disabled' ELSE 'active' END,
            coalesce(array_to_string(k.models, ','), '*'), k.created_at, k.expires_at,
            k.requests_per_minute, k.concurrent_tasks_max, k.quota_cap_micros, s.spent_micros, k.dialect,
            k.chat_format
        FROM api_key k JOIN app_user u ON u.id = k.user_id LEFT JOIN key_spend s ON s.key_id = k.id
        ORDER BY k.id
        """)

    // What is not given stays as it is.
    static let keyChange = Statement(
        "key_change",
        """
        UPDATE api_key SET dialect = coalesce($2, dialect), chat_format = coalesce($3, chat_format)
        WHERE public_id = $1 AND revoked_at IS NULL RETURNING id
        """)

    static let keyRevoke = Statement(
        "key_revoke",
        "UPDATE api_key SET revoked_at = now() WHERE public_id = $1 AND revoked_at IS NULL RETURNING id")

    // The seal binds the credential to the row, so the row must have its number first.
    static let accountNextID = Statement("account_next_id", "SELECT nextval('kinora.account_id_seq')")

    static let accountInsert = Statement(
        "account_insert",
        """
        INSERT INTO account (id, vendor, name, base_url, region, slots, credential_sealed, proxy_url)
        OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id
        """)

    // What is not given stays as it is. Another key or address may tell a credit.
    static let accountChange = Statement(
        "account_change",
        """
        WITH given AS (SELECT $6::bytea AS credential)
        UPDATE account SET slots = coalesce($2, slots), weight = coalesce($3, weight),
            base_url = coalesce($4::text, base_url),
            proxy_url = CASE WHEN $5::text IS NULL THEN proxy_url ELSE nullif($5, '') END,
            credential_sealed = coalesce(credential, credential_sealed),
            credits_asked_at = CASE WHEN $4 IS NULL AND credential IS NULL THEN credits_asked_at END,
            state = CASE WHEN credential IS NOT NULL AND state = 'invalid' THEN 'active' ELSE state END,
            state_reason = CASE WHEN credential IS NOT NULL AND state = 'invalid' THEN ''
                ELSE state_reason END
        FROM given WHERE id = $1 RETURNING id
        """)

    static let accountList = Statement(
        "account_list",
        """
        SELECT a.id, a.vendor, a.name, a.base_url,
            CASE WHEN a.exhausted_at IS NOT NULL AND a.state IN ('active', 'cooling') THEN 'exhausted'
                WHEN a.state = 'cooling' AND a.cooling_until <= now() THEN 'active' ELSE a.state END,
            a.state_reason, a.slots, v.slots_taken, a.created_at, a.credits_micros, a.checked_at,
            a.check_error
        FROM account a JOIN v_account_load v ON v.id = a.id ORDER BY a.id
        """)

    static let accountState = Statement(
        "account_state",
        """
        WITH meant AS (SELECT id FROM account WHERE id::text = $1 OR name = $1 OR vendor || '/' || name = $1),
        changed AS (UPDATE account SET state = $2, state_reason = $3,
            cooling_until = NULL, exhausted_at = NULL, consecutive_errors = 0, consecutive_throttles = 0
            WHERE id = (SELECT min(id) FROM meant HAVING count(*) = 1) RETURNING id)
        SELECT (SELECT count(*) FROM meant), (SELECT count(*) FROM changed)
        """)

    static let taskList = Statement(
        "task_list",
        """
        SELECT i.uid, t.model_id, t.state, t.progress, u.name, ac.name, t.created_at, t.finished_at,
            t.error_code, left(i.prompt, 60), \(waitingColumns)
        FROM task t JOIN app_user u ON u.id = t.user_id JOIN task_input i ON i.task_id = t.id
        LEFT JOIN attempt a ON a.task_id = t.id AND a.number = t.attempt
        LEFT JOIN account ac ON ac.id = a.account_id
        LEFT JOIN LATERAL \(waiting) ON t.state = 'queued'
        WHERE ($1::text IS NULL OR t.state = $1) ORDER BY t.id DESC LIMIT $2
        """)

    static let taskShow = Statement(
        "task_show",
        """
        SELECT to_jsonb(t) || jsonb_build_object('uid', i.uid, 'input', to_jsonb(i) - 'uid', 'attempts',
            (SELECT jsonb_agg(
                    to_jsonb(a) || jsonb_build_object('account', ac.name, 'vendor', ac.vendor)
                    ORDER BY a.number)
                FROM attempt a JOIN account ac ON ac.id = a.account_id WHERE a.task_id = t.id),
            'assets', (SELECT jsonb_agg(jsonb_build_object('role', x.role, 'sha256', encode(s.sha256, 'hex'),
                'bytes', s.bytes, 'media_type', s.media_type))
                FROM task_asset x JOIN asset s ON s.id = x.asset_id
                WHERE x.task_id = t.id))
        FROM task t JOIN task_input i ON i.task_id = t.id
        WHERE \(shortID) = $1
        """)

    /// Makes an administrator, or gives the one of that name another password. False when the name is a
    /// client's: nothing has changed then.
    public func putAdmin(name: String, passwordHash: String) throws(KinoraError) -> Bool {
        try execute(Self.adminPut, [.text(name), .text(passwordHash)]) > 0
    }

    /// Makes a client. Throws `alreadyExists` when there is a user of that name.
    public func addUser(name: String, limits: LimitChange) throws(KinoraError) {
        try execute(Self.userInsert, [.text(name)] + limits.values)
    }

    public func listUsers() throws(KinoraError) -> [JSONObject] {
        try rows(Self.userList) { row in
            [
                "name": .string(row.text(0)), "role": .string(row.text(1)), "state": .string(row.text(2)),
                "requests_per_minute": Self.number(row.optionalInteger(3)),
                "concurrent_tasks": Self.number(row.optionalInteger(4)),
                "keys": .integer(row.integer(5)), "created_at": Self.time(row.optionalTimestamp(6)),
            ]
        }
    }

    public func putSetting(_ setting: any Setting, _ value: JSON) throws(KinoraError) {
        try execute(Self.settingPut, [.text(setting.name), .json(value), .text(setting.description)])
    }

    public func knowsTimeZone(_ name: String) throws(KinoraError) -> Bool {
        try first(Self.timeZone, [.text(name)]) { _ in true } ?? false
    }

    /// False when there was no row: the default held already.
    public func removeSetting(_ name: String) throws(KinoraError) -> Bool {
        try execute(Self.settingRemove, [.text(name)]) > 0
    }

    /// The name of the first administrator who has a password; nil when there is none.
    public func admin() throws(KinoraError) -> String? { try first(Self.adminFind) { $0.text(0) } }

    /// Keeps a new key: its public id and the hash of its secret. A user that is new is made with it, or
    /// neither is. Gives the user's row.
    @discardableResult
    public func addKey(
        _ key: APIKey, user: String, name: String, models: [String]?, expiresInDays: Int64?,
        createdStatus: Int, contentMode: KeyOptions.ContentMode, chatFormat: KeyOptions.ChatFormat = .auto,
        dialect: KeyOptions.RootDialect = .auto,
        limits: LimitChange = LimitChange(), quotaCap: Amount? = nil
    ) throws(KinoraError) -> Int64 {
        try first(
            Self.keyInsert,
            [
                .text(user), .text(key.publicID), .bytes(Array(key.secretHash)), .text(name),
                models.map(Value.texts) ?? .null, .optional(expiresInDays), .integer(Int64(createdStatus)),
                .text(contentMode.rawValue), .text(chatFormat.rawValue),
                .text(dialect.rawValue),
            ] + limits.values + [.optional(quotaCap?.micros)]
        ) { $0.integer(0) } ?? 0
    }

    public func activeKeys() throws(KinoraError) -> Int {
        Int(try first(Self.keyCount) { $0.integer(0) } ?? 0)
    }

    /// Changes whose API a key speaks, and how chats answer it. False when there is no such key.
    public func changeKey(
        publicID: String, dialect: KeyOptions.RootDialect?, chatFormat: KeyOptions.ChatFormat?
    ) throws(KinoraError) -> Bool {
        try execute(
            Self.keyChange,
            [.text(publicID), .optional(dialect?.rawValue), .optional(chatFormat?.rawValue)]) > 0
    }

    /// False when there is no such key, or it was revoked before.
    public func revokeKey(publicID: String) throws(KinoraError) -> Bool {
        try execute(Self.keyRevoke, [.text(publicID)]) > 0
    }

    /// Keeps a new account. `seal` gets the row number that the sealed credential is bound to.
    public func addAccount(
        vendor: String, name: String, baseURL: String, region: String, slots: Int,
        proxyURL: String? = nil, seal: (Int64) throws(KinoraError) -> [UInt8]
    ) throws(KinoraError) -> Int64 {
        let id = try first(Self.accountNextID) { $0.integer(0) } ?? 0
        try execute(
            Self.accountInsert,
            [
                .integer(id), .text(vendor), .text(name), .text(baseURL), .text(region),
                .integer(Int64(slots)),
                .bytes(try seal(id)), .optional(proxyURL),
            ])
        return id
    }

    /// Changes an account. One whose credential was refused works again with another. False when there is
    /// none of this number.
    @discardableResult
    public func changeAccount(_ id: Int64, _ change: AccountChange) throws(KinoraError) -> Bool {
        try execute(
            Self.accountChange,
            [
                .integer(id), .optional(change.slots.map(Int64.init)),
                .optional(change.weight.map(Int64.init)), .optional(change.baseURL),
                .optional(change.proxyURL), change.sealedCredential.map(Value.bytes) ?? .null,
            ]) > 0
    }

    /// Changes the state of the account with this number, name or `vendor/name`. Gives how many are called
    /// so; only when it is one, it is changed.
    public func setAccountState(
        _ account: String, to state: String, reason: String
    ) throws(KinoraError) -> Int {
        try first(Self.accountState, [.text(account), .text(state), .text(reason)]) { Int($0.integer(0)) }
            ?? 0
    }

    public func listKeys() throws(KinoraError) -> [JSONObject] {
        try rows(Self.keyList) { row in
            [
                "id": .string(row.text(0)), "user": .string(row.text(1)), "name": .string(row.text(2)),
                "state": .string(row.text(3)), "models": .string(row.text(4)),
                "dialect": .string(row.text(11)), "chat_format": .string(row.text(12)),
                "requests_per_minute": Self.number(row.optionalInteger(7)),
                "concurrent_tasks": Self.number(row.optionalInteger(8)),
                "quota": row.optionalInteger(9).map { Self.units(Amount(micros: $0)) } ?? .null,
                "spent": Self.units(Amount(micros: row.integer(10))),
                "created_at": Self.time(row.optionalTimestamp(5)),
                "expires_at": Self.time(row.optionalTimestamp(6)),
            ]
        }
    }

    public func listAccounts() throws(KinoraError) -> [JSONObject] {
        try rows(Self.accountList) { row in
            [
                "id": .integer(row.integer(0)), "vendor": .string(row.text(1)), "name": .string(row.text(2)),
                "base_url": .string(row.text(3)), "state": .string(row.text(4)),
                "reason": .string(row.text(5)),
                "slots": .integer(row.integer(6)), "slots_taken": .integer(row.integer(7)),
                "credits": row.optionalInteger(9).map { Self.units(Amount(micros: $0)) } ?? .null,
                "checked_at": Self.time(row.optionalTimestamp(10)),
                "check_error": JSON(row.optionalText(11)),
                "created_at": Self.time(row.optionalTimestamp(8)),
            ]
        }
    }

    public func listTasks(state: TaskState?, limit: Int) throws(KinoraError) -> [JSONObject] {
        try rows(
            Self.taskList, [.optional(state?.rawValue), .integer(Int64(limit))]
        ) { row throws(KinoraError) in
            let waiting = try Self.waitingReason(row, from: 10)
            return [
                "id": .string("\(row.text(1))-\(row.uid(0).short)"), "state": .string(row.text(2)),
                "progress": .integer(row.integer(3)), "user": .string(row.text(4)),
                "account": .string(row.text(5)),
                "created_at": Self.time(row.optionalTimestamp(6)),
                "finished_at": Self.time(row.optionalTimestamp(7)),
                "error": .string(row.text(8)), "waits": JSON(waiting?.code.rawValue),
                "reason": JSON(waiting?.words), "prompt": .string(row.text(9)),
            ]
        }
    }

    /// Most tasks before another one that are counted for an operator.
    private static let placesMax: Int64 = 10_000

    /// Everything about a task, for an operator; nil when there is none.
    public func describeTask(_ reference: TaskReference) throws(KinoraError) -> JSONObject? {
        let shown = try first(Self.taskShow, [.text(reference.short)]) { row throws(KinoraError) in
            try row.json(0).objectValue
        }
        guard var task = shown ?? nil else { return nil }
        if let reason = try waitingReason(of: reference) {
            task["waits"] = .string(reason.code.rawValue)
            task["reason"] = .string(reason.words)
            task["waits_until"] = Self.time(reason.until)
            task["tasks_ahead"] = Self.number(try tasksAhead(of: reference, limit: Self.placesMax))
        }
        return task
    }

    private static func number(_ integer: Int64?) -> JSON { integer.map(JSON.integer) ?? .null }
    private static func time(_ timestamp: Timestamp?) -> JSON { JSON(timestamp?.iso8601) }
}
