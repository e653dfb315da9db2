public import Core

extension Statement {
    static let cameos = [
        Store.cameoBegin, Store.cameoOfKey, Store.cameoFinish, Store.cameoRest, Store.cameoDrop,
        Store.cameoList,
        Store.cameoFind, Store.cameoDelete, Store.callerStats,
    ]
}

/// A character whose making is this process's business until `Limits.cameoBusySeconds` are over.
public struct BegunCameo: Sendable {
    public let row: Int64
    /// The request at the bridge: the same at every try.
    public let uid: TaskID
    public let account: BridgeAccount
}

extension Store {
    // One statement, so that of several requests with the same key one begins. One that was left in the
    // middle is begun again, as the same request at the bridge and with the same account.
    static let cameoBegin = Statement(
        "cameo_begin",
        """
        INSERT INTO cameo AS c (user_id, account_id, model, username, display_name, instruction_set,
            safety_instruction_set, idempotency_key, request_hash, busy_until)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, now() + $10::bigint * interval '1 second'
        WHERE (SELECT count(*) FROM cameo WHERE user_id = $1
            AND ($8::text IS NULL OR idempotency_key IS DISTINCT FROM $8)) < $11::bigint
        ON CONFLICT (user_id, idempotency_key) DO UPDATE SET busy_until = excluded.busy_until,
            updated_at = now()
        WHERE c.state = 'processing' AND c.busy_until <= now() AND c.request_hash = excluded.request_hash
        RETURNING id, uid, account_id, (SELECT vendor FROM account a WHERE a.id = c.account_id),
            (SELECT name FROM account a WHERE a.id = c.account_id)
        """)

    private static let cameoColumns = """
        uid, state, model, cameo_id, character_id, username, display_name, profile_url, instruction_set,
        safety_instruction_set, created_at, updated_at
        """

    static let cameoOfKey = Statement(
        "cameo_of_key",
        "SELECT request_hash, \(cameoColumns) FROM cameo WHERE user_id = $1 AND idempotency_key = $2")

    static let cameoFinish = Statement(
        "cameo_finish",
        """
        UPDATE cameo SET state = 'finalized', busy_until = NULL, cameo_id = $2, character_id = $3,
            username = $4, display_name = $5, profile_url = $6, updated_at = now()
        WHERE id = $1 AND state = 'processing' RETURNING \(cameoColumns)
        """)

    static let cameoRest = Statement(
        "cameo_rest",
        "UPDATE cameo SET busy_until = now(), updated_at = now() WHERE id = $1 AND state = 'processing'")

    static let cameoDrop = Statement(
        "cameo_drop", "DELETE FROM cameo WHERE id = $1 AND state = 'processing'")

    static let cameoList = Statement(
        "cameo_list", "SELECT \(cameoColumns) FROM cameo WHERE user_id = $1 ORDER BY id DESC LIMIT $2")

    private static let isNamed = "(left(replace(uid::text, '-', ''), 12) = $2 OR cameo_id = $3)"

    static let cameoFind = Statement(
        "cameo_find",
        "SELECT \(cameoColumns) FROM cameo WHERE user_id = $1 AND \(isNamed) ORDER BY id LIMIT 1")

    // Not while a request is at work for it: what that makes would be nobody's.
    static let cameoDelete = Statement(
        "cameo_delete",
        """
        DELETE FROM cameo WHERE user_id = $1 AND \(isNamed) AND (busy_until IS NULL OR busy_until <= now())
        RETURNING \(cameoColumns)
        """)

    // The sums of days: what ended a few seconds ago is not in them yet.
    static let callerStats = Statement(
        "caller_stats",
        """
        WITH a AS (SELECT state FROM account WHERE vendor IN (SELECT r.vendor FROM route r
                JOIN model m ON m.id = r.model_id WHERE m.family = $2 AND r.enabled)),
            u AS (SELECT m.kind, u.day = (now() AT TIME ZONE 'UTC')::date AS today, u.images, u.succeeded,
                u.failed
                FROM usage_day u JOIN model m ON m.id = u.model_id
                WHERE u.user_id = $1 AND m.kind IN ('image', 'video'))
        SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM a WHERE state = 'active'),
            coalesce(sum(images) FILTER (WHERE today), 0)::bigint, coalesce(sum(images), 0)::bigint,
            coalesce(sum(succeeded) FILTER (WHERE today AND kind = 'video'), 0)::bigint,
            coalesce(sum(succeeded) FILTER (WHERE kind = 'video'), 0)::bigint,
            coalesce(sum(failed) FILTER (WHERE today), 0)::bigint, coalesce(sum(failed), 0)::bigint
        FROM u
        """)

    /// Begins a character of the caller. Nil where another request is at work for the same key, has finished,
    /// or was another one (`cameo(ofKey:by:)` tells), and where the caller has as many as may be.
    public func beginCameo(
        _ draft: CameoDraft, with account: BridgeAccount, by caller: Caller, hash: [UInt8]?
    ) throws(KinoraError) -> BegunCameo? {
        try first(
            Self.cameoBegin,
            [
                .integer(caller.userID), .integer(account.row), .text(draft.model ?? CameoDraft.usualModel),
                .text(draft.username ?? ""), .text(draft.displayName ?? ""),
                .text(draft.instructionSet ?? ""),
                .text(draft.safetyInstructionSet ?? ""), .optional(draft.idempotencyKey),
                hash.map(Value.bytes) ?? .null, .integer(Int64(Limits.cameoBusySeconds)),
                .integer(Int64(Limits.cameosPerUserMax)),
            ]
        ) { row in
            BegunCameo(
                row: row.integer(0), uid: row.uid(1),
                account: BridgeAccount(row: row.integer(2), vendor: row.text(3), name: row.text(4)))
        }
    }

    /// The character that the caller has begun with an Idempotency-Key, and the hash of that request.
    public func cameo(ofKey key: String, by caller: Caller) throws(KinoraError) -> (hash: [UInt8], Cameo)? {
        try first(Self.cameoOfKey, [.integer(caller.userID), .text(key)]) {
            ($0.bytes(0), Self.cameo($0, from: 1))
        }
    }

    /// Nil when it was deleted meanwhile.
    public func finish(_ begun: BegunCameo, as made: MadeCameo) throws(KinoraError) -> Cameo? {
        try first(
            Self.cameoFinish,
            [
                .integer(begun.row), .text(made.cameoID), .optional(made.characterID), .text(made.username),
                .text(made.displayName), .optional(made.profileURL),
            ]
        ) { Self.cameo($0) }
    }

    /// It is not known what became of it: the same request may be sent again at once.
    public func rest(_ begun: BegunCameo) throws(KinoraError) {
        try execute(Self.cameoRest, [.integer(begun.row)])
    }

    /// It was surely not made.
    public func drop(_ begun: BegunCameo) throws(KinoraError) {
        try execute(Self.cameoDrop, [.integer(begun.row)])
    }

    /// Newest first; all of them, since there is a limit.
    public func cameos(of caller: Caller) throws(KinoraError) -> [Cameo] {
        try rows(
            Self.cameoList, [.integer(caller.userID), .integer(Int64(Limits.cameosPerUserMax))]
        ) { Self.cameo($0) }
    }

    /// By the id that Kinora gave it, or the upstream's.
    public func cameo(_ id: String, of caller: Caller) throws(KinoraError) -> Cameo? {
        try first(Self.cameoFind, Self.name(id, caller)) { Self.cameo($0) }
    }

    /// Nil when there is none, or a request is at work for it.
    public func deleteCameo(_ id: String, of caller: Caller) throws(KinoraError) -> Cameo? {
        try first(Self.cameoDelete, Self.name(id, caller)) { Self.cameo($0) }
    }

    private static func name(_ id: String, _ caller: Caller) -> [Value] {
        let own = id.hasPrefix(Cameo.prefix) ? String(id.dropFirst(Cameo.prefix.count)) : ""
        return [.integer(caller.userID), .text(own), .text(id)]
    }

    private static func cameo(_ row: Row, from column: Int = 0) -> Cameo {
        Cameo(
            uid: row.uid(column), state: Cameo.State(rawValue: row.text(column + 1)) ?? .processing,
            model: row.text(column + 2), cameoID: row.optionalText(column + 3),
            characterID: row.optionalText(column + 4), username: row.text(column + 5),
            displayName: row.text(column + 6), profileURL: row.optionalText(column + 7),
            instructionSet: row.text(column + 8), safetyInstructionSet: row.text(column + 9),
            createdAt: row.timestamp(column + 10), updatedAt: row.timestamp(column + 11))
    }

    /// What the caller has had made, and the accounts that make models of the family.
    public func stats(of caller: Caller, family: String) throws(KinoraError) -> CallerStats? {
        try first(Self.callerStats, [.integer(caller.userID), .text(family)]) { row in
            func count(_ column: Int) -> Int { Int(row.integer(column)) }
            return CallerStats(
                accounts: count(0), activeAccounts: count(1), imagesToday: count(2), images: count(3),
                videosToday: count(4), videos: count(5), failedToday: count(6), failed: count(7))
        }
    }
}
