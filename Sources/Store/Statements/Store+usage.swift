public import Core

extension Statement {
    static let usage = [Store.usageRoll, Store.usageAwait, Store.usageRollOf, Store.usageList]
}

/// What usage is added up by.
public enum UsageGroup: String, Sendable, CaseIterable {
    case day, user, key, model, account
    case userIdentifier = "user-identifier"
}

/// Which usage is asked for; nil: no bound. Days are `2026-01-31`, in UTC, the last one included.
public struct UsageQuestion: Sendable {
    public var group: UsageGroup
    public var since: String?
    public var until: String?
    public var user: String?

    public init(group: UsageGroup, since: String? = nil, until: String? = nil, user: String? = nil) {
        self.group = group
        self.since = since
        self.until = until
        self.user = user
    }
}

extension Store {
    // What is removed here is added there by the same commit: nothing is counted twice, whatever dies. One
    // process at a time: two that add to the same rows could wait for each other in a circle.
    static let usageRoll = Statement(
        "usage_roll",
        """
        WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(\(usageTurn)) AS mine),
        done AS (DELETE FROM usage_pending WHERE task_id = ANY (ARRAY(
                SELECT task_id FROM usage_pending WHERE (SELECT mine FROM turn) ORDER BY task_id LIMIT $1))
            RETURNING task_id),
        \(usageAdded)
        SELECT task_id FROM done
        """)

    // The same of one task that is about to lose what it is counted by, in the same transaction.
    static let usageAwait = Statement(
        "usage_await",
        """
        SELECT pg_advisory_xact_lock(\(usageTurn)) FROM usage_pending WHERE task_id = $1
        """)
    static let usageRollOf = Statement(
        "usage_roll_of",
        """
        WITH done AS (DELETE FROM usage_pending WHERE task_id = $1 RETURNING task_id),
        \(usageAdded)
        SELECT task_id FROM done
        """)

    private static let usageTurn = "hashtextextended('kinora usage', 0)"

    private static let usageAdded = """
        added AS (INSERT INTO usage_day AS d (day, user_id, key_id, model_id, account_id, user_identifier,
                accepted, succeeded, failed, captured_micros, video_seconds, images)
            SELECT u.day, u.user_id, u.key_id, u.model_id, u.account_id, u.user_identifier, sum(u.accepted),
                sum(u.succeeded), sum(u.failed), sum(u.captured_micros), sum(u.video_seconds), sum(u.images)
            FROM done JOIN v_task_usage u USING (task_id) GROUP BY 1, 2, 3, 4, 5, 6
            ON CONFLICT (day, user_id, key_id, model_id, account_id, user_identifier) DO UPDATE SET
                accepted = d.accepted + excluded.accepted, succeeded = d.succeeded + excluded.succeeded,
                failed = d.failed + excluded.failed,
                captured_micros = d.captured_micros + excluded.captured_micros,
                video_seconds = d.video_seconds + excluded.video_seconds, images = d.images + excluded.images)
        """

    static let usageList = Statement(
        "usage_list",
        """
        SELECT CASE $1 WHEN 'day' THEN u.day::text WHEN 'user' THEN o.name WHEN 'key' THEN k.public_id
                WHEN 'model' THEN u.model_id WHEN 'account' THEN a.vendor || '/' || a.name
                ELSE nullif(u.user_identifier, '') END AS what,
            sum(u.accepted)::bigint, sum(u.succeeded)::bigint, sum(u.failed)::bigint,
            sum(u.captured_micros)::bigint, sum(u.video_seconds)::bigint, sum(u.images)::bigint,
            sum(u.input_tokens)::bigint, sum(u.output_tokens)::bigint
        FROM v_usage u JOIN app_user o ON o.id = u.user_id LEFT JOIN api_key k ON k.id = u.key_id
            LEFT JOIN account a ON a.id = u.account_id
        WHERE u.day BETWEEN coalesce($2::date, '-infinity') AND coalesce($3::date, 'infinity')
            AND o.name = coalesce($4, o.name)
        GROUP BY 1 ORDER BY 1
        """)

    /// Adds up what has ended, at most so many tasks; how many that were. 0 while another process does it.
    public func rollUsage(limit: Int) throws(KinoraError) -> Int {
        try rows(Self.usageRoll, [.integer(Int64(limit))]) { $0.integer(0) }.count
    }

    /// All usage up to this moment, whether it was added up or not.
    public func listUsage(_ question: UsageQuestion) throws(KinoraError) -> [JSONObject] {
        let values: [Value] = [
            .text(question.group.rawValue), .optional(question.since), .optional(question.until),
            .optional(question.user),
        ]
        return try rows(Self.usageList, values) { row in
            [
                question.group.rawValue.replacing("-", with: "_"): JSON(row.optionalText(0)),
                "accepted": .integer(row.integer(1)), "succeeded": .integer(row.integer(2)),
                "failed": .integer(row.integer(3)),
                "cost": Self.units(Amount(micros: row.integer(4))),
                "video_seconds": .integer(row.integer(5)), "images": .integer(row.integer(6)),
                "input_tokens": .integer(row.integer(7)), "output_tokens": .integer(row.integer(8)),
            ]
        }
    }
}
