public import Core

extension Statement {
    static let limits = [
        Store.taskAdmit, Store.taskSubmitWithin, Store.taskSubmitOnceWithin, Store.waitingLines,
        Store.keyLimit, Store.userLimit,
    ]
}

/// A line that a submit may find full: the tasks of one family of models that wait for a slot.
public struct LineLimit: Sendable, Equatable {
    public let family: String
    public let waitingMax: Int64
    /// Of the task: those that come after it do not keep it out.
    public let priority: TaskPriority

    public init(family: String, waitingMax: Int64, priority: TaskPriority = .ordinary) {
        self.family = family
        self.waitingMax = waitingMax
        self.priority = priority
    }
}

/// How a family's line stands, as a task of a priority finds it.
public struct WaitingLine: Sendable, Equatable {
    public let family: String
    public let priority: TaskPriority
    public let waiting: Int64
    /// Free slots of the accounts that run the family.
    public let slotsFree: Int64
    /// When the line has passed at the usual pace.
    public let retrySeconds: Int
}

/// New limits of a key or a user. Nil leaves what is, 0 takes the limit away.
public struct LimitChange: Sendable {
    public var requestsPerMinute: Int?
    public var concurrentTasksMax: Int?

    public init(requestsPerMinute: Int? = nil, concurrentTasksMax: Int? = nil) {
        self.requestsPerMinute = requestsPerMinute
        self.concurrentTasksMax = concurrentTasksMax
    }

    var values: [Value] {
        [.optional(requestsPerMinute.map(Int64.init)), .optional(concurrentTasksMax.map(Int64.init))]
    }
}

extension Store {
    static let admissionColumns = """
        g.holder, g.refusal, g.retry_seconds, g.requests_max, g.requests_used, g.reset_seconds
        """

    // What counts is written from the task that came to be: a refusal and a repetition count nothing.
    private static let submitWithinBody = """
        p AS (INSERT INTO request_permit (holder, holder_id, number, oldest, used_at)
            SELECT g.holder, g.holder_id, g.permit, g.oldest, g.used_at FROM g, t WHERE g.permit IS NOT NULL),
        o AS (INSERT INTO open_task (holder, holder_id, task_id)
            SELECT g.holder, g.holder_id, t.id FROM g, t WHERE g.is_counted),
        \(submitDetails)
        SELECT \(admissionColumns), (SELECT id FROM t), (SELECT created_at FROM t),
            CASE WHEN EXISTS (SELECT FROM t) THEN \(told) END
        FROM (VALUES (1)) AS always (row) LEFT JOIN g ON true
        """

    static let taskSubmitWithin = Statement(
        "task_submit_within",
        """
        WITH g AS MATERIALIZED (SELECT * FROM admit($3::bigint, $2::bigint, $18, $19, $15::smallint)),
        t AS (INSERT INTO task (user_id, key_id, model_id, kind, category, pinned_account_id,
                price_micros, priority, piece_micros)
            SELECT $2, $3, $4, $5, $6, $12::bigint, $14::bigint, $15::smallint, $16::bigint
            WHERE NOT EXISTS (SELECT FROM g WHERE refusal IS NOT NULL) RETURNING id, created_at),
        \(submitWithinBody)
        """)

    static let taskSubmitOnceWithin = Statement(
        "task_submit_once_within",
        """
        WITH g AS MATERIALIZED (SELECT * FROM admit($3::bigint, $2::bigint, $20, $21, $15::smallint)),
        once AS (INSERT INTO idempotency (user_id, key, request_hash, task_id)
            SELECT $2, $18, $19::bytea, nextval('kinora.task_id_seq')
            WHERE NOT EXISTS (SELECT FROM g WHERE refusal IS NOT NULL)
            ON CONFLICT DO NOTHING RETURNING task_id),
        t AS (INSERT INTO task (id, user_id, key_id, model_id, kind, category, pinned_account_id,
                price_micros, priority, piece_micros)
            OVERRIDING SYSTEM VALUE
            SELECT task_id, $2, $3, $4, $5, $6, $12::bigint, $14::bigint, $15::smallint,
                $16::bigint
            FROM once RETURNING id, created_at),
        \(submitWithinBody)
        """)

    static let taskAdmit = Statement(
        "task_admit", "SELECT \(admissionColumns) FROM admit($1, $2, $3, $4, $5) g")

    static let waitingLines = Statement(
        "waiting_lines",
        """
        SELECT f.family, p.priority, w.waiting, w.slots_free, w.retry_seconds
        FROM (SELECT DISTINCT family FROM model) f
            CROSS JOIN unnest($2::bigint[]) AS p (priority)
            CROSS JOIN LATERAL waiting_line(f.family, $1, p.priority::smallint) w
        """)

    // Unfinished tasks, by the three indexes that have them all.
    private static let unfinished = """
        SELECT id, key_id, user_id FROM task WHERE state IN ('running', 'storing')
        UNION ALL
        SELECT id, key_id, user_id FROM task WHERE state = 'queued' AND pinned_account_id IS NULL
        UNION ALL
        SELECT id, key_id, user_id FROM task WHERE state = 'queued' AND pinned_account_id IS NOT NULL
        """

    // Tasks that were accepted without a limit count from now on.
    static let keyLimit = Statement(
        "key_limit",
        """
        WITH k AS (UPDATE api_key SET requests_per_minute = nullif(coalesce($2, requests_per_minute), 0),
                concurrent_tasks_max = nullif(coalesce($3, concurrent_tasks_max), 0),
                quota_cap_micros = nullif(coalesce($4, quota_cap_micros), 0)
            WHERE public_id = $1 AND revoked_at IS NULL RETURNING id, concurrent_tasks_max),
        o AS (INSERT INTO open_task (holder, holder_id, task_id)
            SELECT 'key', k.id, t.id FROM k JOIN (\(unfinished)) t ON t.key_id = k.id
            WHERE k.concurrent_tasks_max IS NOT NULL ON CONFLICT DO NOTHING)
        SELECT id FROM k
        """)

    static let userLimit = Statement(
        "user_limit",
        """
        WITH k AS (UPDATE app_user SET requests_per_minute = nullif(coalesce($2, requests_per_minute), 0),
                concurrent_tasks_max = nullif(coalesce($3, concurrent_tasks_max), 0)
            WHERE name = $1 RETURNING id, concurrent_tasks_max),
        o AS (INSERT INTO open_task (holder, holder_id, task_id)
            SELECT 'user', k.id, t.id FROM k JOIN (\(unfinished)) t ON t.user_id = k.id
            WHERE k.concurrent_tasks_max IS NOT NULL ON CONFLICT DO NOTHING)
        SELECT id FROM k
        """)

    /// What `admit` says of one holder of a limit.
    struct Admission {
        let holder: String
        let refusal: String?
        let retrySeconds: Int
        let requests: (max: Int, used: Int, resetSeconds: Double)?

        init?(_ row: Row) {
            guard let holder = row.optionalText(0) else { return nil }
            self.holder = holder
            refusal = row.optionalText(1)
            retrySeconds = Int(row.integer(2))
            requests = row.optionalInteger(3).map { (Int($0), Int(row.integer(4)), row.real(5)) }
        }

        func allowance(afterThis isAccepted: Bool) -> Allowance? {
            guard let requests else { return nil }
            let used = requests.used + (isAccepted ? 1 : 0)
            return Allowance(
                requestsMax: requests.max, remaining: max(requests.max - used, 0),
                resetSeconds: isAccepted ? 60 : requests.resetSeconds)
        }

        func error(_ allowance: Allowance?) -> KinoraError {
            let whose = holder == "user" ? "account" : "API key"
            switch refusal {
            case "queue": return KinoraError(.queueFull, retryAfterSeconds: retrySeconds)
            case "rate":
                let limit = requests.map { String($0.max) } ?? "?"
                return KinoraError(
                    .rateLimitExceeded,
                    "Rate limit reached for this \(whose): \(limit) requests per minute. "
                        + "Please try again in \(retrySeconds) s.",
                    retryAfterSeconds: retrySeconds, allowance: allowance)
            default:
                return KinoraError(
                    .concurrencyLimitExceeded,
                    "This \(whose) has as many unfinished tasks as it may. Wait for one to end.",
                    retryAfterSeconds: retrySeconds, allowance: allowance)
            }
        }
    }

    /// Throws the refusal that lasts longest; gives the tightest allowance.
    static func judge(
        _ admissions: [Admission], isAccepted: Bool
    ) throws(KinoraError) -> Allowance? {
        let refused = admissions.filter { $0.refusal != nil }.max { $0.retrySeconds < $1.retrySeconds }
        let allowances = admissions.compactMap {
            $0.allowance(afterThis: refused == nil && isAccepted)
        }
        let tightest = allowances.min { $0.remaining < $1.remaining }
        if let refused { throw refused.error(tightest) }
        return tightest
    }

    private static func values(_ line: LineLimit?) -> [Value] {
        [.optional(line?.family), .optional(line?.waitingMax)]
    }

    /// As `submit`, within the limits of the task's key and user and of a line. All in one statement, which
    /// submits of the same key, user or line pass one after the other. Throws `rateLimitExceeded`,
    /// `concurrencyLimitExceeded` or `queueFull`: then nothing was kept and nothing counted.
    public func submit(
        _ task: NewTask, within line: LineLimit?, tellingAllBut own: Int64? = nil
    ) throws(KinoraError) -> (row: Int64, createdAt: Timestamp, isTold: Bool, allowance: Allowance?)? {
        let statement = task.idempotency == nil ? Self.taskSubmitWithin : Self.taskSubmitOnceWithin
        let found = try rows(statement, Self.values(of: task, own) + Self.values(line)) {
            (Admission($0), $0.optionalInteger(6), $0.timestamp(7), $0.bool(8))
        }
        let row = found.first?.1
        let allowance = try Self.judge(found.compactMap(\.0), isAccepted: row != nil)
        return row.map { ($0, found[0].2, found[0].3, allowance) }
    }

    /// Whether a submit would be within the limits at this moment. Throws as `submit` does; counts nothing.
    public func admit(_ caller: Caller, within line: LineLimit?) throws(KinoraError) {
        let found = try rows(
            Self.taskAdmit,
            [.integer(caller.keyID), .integer(caller.userID)] + Self.values(line)
                + [.optional(line?.priority.rawValue)],
            Admission.init)
        _ = try Self.judge(found.compactMap(\.self), isAccepted: false)
    }

    /// Every family's line, for each priority; waiting tasks are counted until the free slots and
    /// `waitingMax` places are taken.
    public func waitingLines(waitingMax: Int64) throws(KinoraError) -> [WaitingLine] {
        let priorities = TaskPriority.allCases.map(\.rawValue)
        return try rows(Self.waitingLines, [.integer(waitingMax), .integers(priorities)]) { row in
            WaitingLine(
                family: row.text(0), priority: TaskPriority(rawValue: row.integer(1)) ?? .ordinary,
                waiting: row.integer(2), slotsFree: row.integer(3), retrySeconds: Int(row.integer(4)))
        }
    }

    /// False when there is no active key of this public id. `quotaCap`, as the limits: 0 takes it away.
    public func limitKey(
        publicID: String, _ change: LimitChange, quotaCap: Amount? = nil
    ) throws(KinoraError) -> Bool {
        try execute(
            Self.keyLimit, [.text(publicID)] + change.values + [.optional(quotaCap?.micros)]) > 0
    }

    /// False when there is no user of this name.
    public func limitUser(name: String, _ change: LimitChange) throws(KinoraError) -> Bool {
        try execute(Self.userLimit, [.text(name)] + change.values) > 0
    }
}
