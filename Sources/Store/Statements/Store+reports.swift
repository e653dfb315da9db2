public import Core

extension Statement {
    static let reports = [Store.taskReports, Store.familyStats]
}

extension Store {
    // Filters and counts within the newest only: what somebody asks for once a minute must not read all that
    // there ever was.
    static let taskReports = Statement(
        "task_reports",
        """
        WITH newest AS (SELECT id, state, phase FROM task
                WHERE user_id = $1 AND kind = $2 AND deleted_at IS NULL ORDER BY id DESC LIMIT $3),
            asked AS (SELECT id FROM newest WHERE ($4::text[] IS NULL OR state = ANY ($4))
                AND ($5::text[] IS NULL OR phase IS NULL OR phase = ANY ($5))),
            page AS (SELECT id FROM asked ORDER BY id DESC OFFSET $6 LIMIT $7)
        SELECT (SELECT count(*) FROM asked),
            (SELECT jsonb_agg(jsonb_build_array(encode(a.sha256, 'hex'), a.bytes, a.media_type)
                    ORDER BY ta.position)
                FROM task_asset ta JOIN asset a ON a.id = ta.asset_id
                WHERE ta.task_id = page.id AND ta.role = 'result'),
            \(taskColumns)
        FROM (SELECT) once LEFT JOIN page ON true LEFT JOIN task t ON t.id = page.id
            LEFT JOIN task_input i ON i.task_id = t.id \(remixSource)
        ORDER BY page.id DESC
        """)

    // The queue of one user may be long: what is more than some is not counted.
    static let familyStats = Statement(
        "family_stats",
        """
        WITH m AS MATERIALIZED (SELECT id FROM model WHERE family = $1),
            r AS (SELECT vendor, usual_seconds FROM route WHERE model_id IN (SELECT id FROM m) AND enabled),
            a AS (SELECT state, slots, slots_taken FROM v_account_load
                WHERE vendor IN (SELECT vendor FROM r)),
            q AS (SELECT FROM task WHERE state = 'queued' AND pinned_account_id IS NULL
                AND model_id IN (SELECT id FROM m) AND user_id = $2 LIMIT $3),
            w AS (SELECT FROM task WHERE state IN ('running', 'storing')
                AND model_id IN (SELECT id FROM m) AND user_id = $2 LIMIT $3)
        SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM a WHERE state = 'active'),
            (SELECT coalesce(sum(slots), 0) FROM a WHERE state = 'active'),
            (SELECT coalesce(sum(slots_taken), 0) FROM a WHERE state = 'active'),
            (SELECT count(*) FROM q), (SELECT count(*) FROM w),
            coalesce(sum(u.succeeded), 0)::bigint, coalesce(sum(u.failed), 0)::bigint,
            coalesce((SELECT round(avg(usual_seconds)) FROM r), 0)::bigint
        FROM usage_day u WHERE u.user_id = $2 AND u.model_id IN (SELECT id FROM m)
        """)

    /// The page, and how many there are of its stages among the newest `Limits.tasksCountedMax`. The results
    /// of each task stand beside it.
    public func reports(
        _ page: ReportPage, of caller: Caller
    ) throws(KinoraError) -> (tasks: [(task: MediaTask, results: [StoredMedia])], total: Int) {
        func words(_ words: [String]?) -> Value {
            words.map { .text("{\($0.joined(separator: ","))}") } ?? .null
        }
        var total = 0
        let tasks = try rows(
            Self.taskReports,
            [
                .integer(caller.userID), .text(page.kind.rawValue), .integer(Int64(Limits.tasksCountedMax)),
                words(page.stages?.states.map(\.rawValue)), words(page.stages?.phases.map(\.rawValue)),
                .integer(Int64(page.skipped)), .integer(Int64(page.limit)),
            ]
        ) { row throws(KinoraError) -> (task: MediaTask, results: [StoredMedia])? in
            total = Int(row.integer(0))
            guard row.optionalInteger(2) != nil else { return nil }
            let results = try row.json(1).arrayValue ?? []
            return (
                try Self.task(row, from: 2),
                results.compactMap { item in
                    guard let item = item.arrayValue, item.count == 3, let sha256 = item[0].stringValue,
                        let bytes = item[1].integerValue,
                        let type = item[2].stringValue.flatMap(MediaType.init(rawValue:))
                    else { return nil }
                    return StoredMedia(sha256: sha256, bytes: bytes, type: type)
                }
            )
        }
        return (tasks.compactMap { $0 }, total)
    }

    public func stats(ofFamily family: String, for caller: Caller) throws(KinoraError) -> FamilyStats {
        let counted = Value.integer(Int64(Limits.tasksCountedMax))
        return try first(Self.familyStats, [.text(family), .integer(caller.userID), counted]) { row in
            func count(_ column: Int) -> Int { Int(row.integer(column)) }
            return FamilyStats(
                accounts: count(0), activeAccounts: count(1), slots: count(2), usedSlots: count(3),
                waiting: count(4), running: count(5), succeeded: count(6), failed: count(7),
                averageSeconds: count(8))
        }
            ?? FamilyStats(
                accounts: 0, activeAccounts: 0, slots: 0, usedSlots: 0, waiting: 0, running: 0, succeeded: 0,
                failed: 0, averageSeconds: 0)
    }
}
