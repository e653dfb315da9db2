public import Core

extension Statement {
    static let workers = [
        Store.workerRegister, Store.workerBeat, Store.workerIdle, Store.workerLeave, Store.workerRescue,
        Store.workerHeld, Store.workerRelease, Store.attemptAccount, Store.attemptHint,
        Store.wakeWorkers, Store.taskAnnounce, Store.routeUsual, Store.idempotencySweep,
    ]
}

extension Store {
    static let workerRegister = Statement(
        "worker_register", "INSERT INTO worker (host, process_id, version) VALUES ($1, $2, $3) RETURNING id")

    static let workerBeat = Statement(
        "worker_beat",
        """
        UPDATE worker SET heartbeat_at = now(), steady_since =
            CASE WHEN heartbeat_at < now() - $2 * interval '1 s' THEN now() ELSE steady_since END
        WHERE id = $1 RETURNING id
        """)

    static let workerIdle = Statement("worker_idle", "UPDATE worker SET idle = $2 WHERE id = $1 RETURNING id")

    // What a leaving worker still holds is looked at by another one at once.
    static let workerLeave = Statement(
        "worker_leave",
        """
        WITH w AS (DELETE FROM worker WHERE id = $1 RETURNING id)
        UPDATE task SET due_at = now(), worker_id = NULL FROM w
        WHERE task.worker_id = w.id AND task.state IN ('running', 'storing') RETURNING task.id
        """)

    // When the database was away, or its clock stepped, all workers are late, and one that lives is as late
    // as one that is dead. Only who has been in time for as long as a silence may last says who is dead.
    // The distinct workers of what is under way are read by leaps through the index task_held. One that has
    // no row is gone as well: its claim was committed after others had declared it dead, or while it left.
    static let workerRescue = Statement(
        "worker_rescue",
        """
        WITH RECURSIVE dead AS (
            DELETE FROM worker WHERE heartbeat_at < now() - $1 * interval '1 s'
                AND EXISTS (SELECT FROM worker own WHERE own.id = $2
                    AND own.heartbeat_at > now() - $1 * interval '1 s'
                    AND own.steady_since < now() - $1 * interval '1 s')
            RETURNING id),
        holder AS (
            SELECT min(worker_id) AS id FROM task WHERE worker_id IS NOT NULL
            UNION ALL
            SELECT (SELECT min(worker_id) FROM task WHERE worker_id > holder.id)
            FROM holder WHERE holder.id IS NOT NULL),
        gone AS (
            SELECT id FROM dead
            UNION
            SELECT id FROM holder WHERE NOT EXISTS (SELECT FROM worker w WHERE w.id = holder.id))
        UPDATE task SET due_at = now(), worker_id = NULL FROM gone
        WHERE task.worker_id = gone.id AND task.state IN ('running', 'storing') RETURNING task.id
        """)

    static let workerHeld = Statement(
        "worker_held", "SELECT id, claim FROM task WHERE worker_id = $1 AND state IN ('running', 'storing')")

    static let workerRelease = Statement(
        "worker_release",
        """
        UPDATE task SET due_at = now(), worker_id = NULL
        FROM unnest($1::bigint[], $2::bigint[]) AS k (id, claim)
        WHERE \(held) AND \(isHeld) RETURNING task.id
        """)

    // A hint, not news: whoever sees it first takes the task and polls it, once a second at most. Its worker
    // may be polling it at this moment: then that poll's answer is void, and the next one's counts.
    static let attemptHint = Statement(
        "attempt_hint",
        """
        WITH a AS (UPDATE attempt p SET hinted_at = now()
            FROM task_input i JOIN task t ON t.id = i.task_id
            WHERE \(shortID) = $1 AND i.uid = $2 AND t.attempt = $3 AND p.task_id = t.id AND p.number = $3
                AND t.phase <> 'submitting' AND t.due_at > now()
                AND (p.hinted_at IS NULL OR p.hinted_at <= now() - interval '1 s')
            RETURNING p.task_id)
        UPDATE task SET due_at = now() FROM a
        WHERE task.id = a.task_id AND \(isRunning) AND task.phase <> 'submitting' RETURNING task.id
        """)

    static let attemptAccount = Statement(
        "attempt_account",
        """
        SELECT a.id, a.vendor, a.base_url, a.region, a.proxy_url, a.credential_sealed
        FROM task_input i JOIN attempt p ON p.task_id = i.task_id AND p.number = $3
            JOIN account a ON a.id = p.account_id
        WHERE \(shortID) = $1 AND i.uid = $2
        """)

    // Busy workers find the task by themselves: only an idle one makes a wake-up worth its price. A commit
    // with a notification is written like any other, and nobody hears of it before: not worth waiting for the
    // disk.
    static let wakeWorkers = Statement(
        "wake_workers",
        """
        SELECT set_config('synchronous_commit', 'off', true), pg_notify('\(Listener.workChannel)', '')
        FROM worker WHERE \(rests) AND id <> $1 LIMIT 1
        """)

    /// Of a worker, that it would hear of work.
    static let rests = "idle AND heartbeat_at > now() - interval '\(Limits.workerSilenceSecondsMax) s'"

    // As wakeWorkers: who is not told looks again within seconds. And a commit with notifications takes a
    // lock that all of them share.
    static let taskAnnounce = Statement(
        "task_announce",
        "SELECT set_config('synchronous_commit', 'off', true), pg_notify('kinora_task', $1)")

    static let routeUsual = Statement("route_usual", "UPDATE route SET usual_seconds = $2 WHERE id = $1")

    static let idempotencySweep = Statement(
        "idempotency_sweep",
        """
        DELETE FROM idempotency WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM idempotency WHERE created_at < now() - interval '48 hours' LIMIT 1000))
        """)

    public func registerWorker(host: String, processID: Int32) throws(KinoraError) -> Int64 {
        try first(
            Self.workerRegister, [.text(host), .integer(Int64(processID)), .text(kinoraVersion)]
        ) { $0.integer(0) } ?? 0
    }

    /// A sign of life. False when others have declared this worker dead and taken its tasks.
    public func beat(worker: Int64) throws(KinoraError) -> Bool {
        try execute(Self.workerBeat, [.integer(worker), .integer(Self.beatSecondsMax)]) > 0
    }

    public func setIdle(_ isIdle: Bool, worker: Int64) throws(KinoraError) {
        try execute(Self.workerIdle, [.integer(worker), .bool(isIdle)])
    }

    /// Gives everything back. How many tasks others must go on with.
    public func leave(worker: Int64) throws(KinoraError) -> Int {
        try execute(Self.workerLeave, [.integer(worker)])
    }

    /// Two seconds late: a little outage makes nobody else's heartbeat older than a silence may be.
    private static let beatSecondsMax = Int64(Limits.heartbeatSeconds + 2)

    /// Removes workers that fell silent and makes their tasks due, as far as `own` may judge. How many tasks
    /// that were.
    public func rescue(by own: Int64) throws(KinoraError) -> Int {
        try execute(
            Self.workerRescue, [.integer(Int64(Limits.workerSilenceSecondsMax)), .integer(own)])
    }

    /// Rows that the worker is said to hold, each with its claim.
    public func held(by worker: Int64) throws(KinoraError) -> [Int64: Int64] {
        Dictionary(
            uniqueKeysWithValues: try rows(Self.workerHeld, [.integer(worker)]) {
                ($0.integer(0), $0.integer(1))
            })
    }

    /// Gives tasks back, each with its claim: unless somebody else has them, they are due. How many that
    /// were.
    public func release(_ claims: [(row: Int64, claim: Int64)]) throws(KinoraError) -> Int {
        try execute(Self.workerRelease, [.integers(claims.map(\.row)), .integers(claims.map(\.claim))])
    }

    /// The account that an attempt was made with; nil when there is no such attempt.
    public func account(of task: TaskID, attempt: Int) throws(KinoraError) -> ClaimedAccount? {
        try first(Self.attemptAccount, [.text(task.short), .uid(task), .integer(Int64(attempt))]) {
            ClaimedAccount($0, from: 0)
        }
    }

    /// The vendor says that something happened to an attempt: it is polled now. False when that changes
    /// nothing.
    public func hint(_ task: TaskID, attempt: Int) throws(KinoraError) -> Bool {
        try execute(
            Self.attemptHint, [.text(task.short), .uid(task), .integer(Int64(attempt))]) > 0
    }

    /// Has every process forget what it remembers of tasks that were changed or deleted.
    public func announceChanges(_ rows: [Int64]) throws(KinoraError) {
        // PostgreSQL takes at most 7,999 bytes; an empty payload stands for all tasks.
        let payload = rows.count > 350 ? "" : rows.map(String.init).joined(separator: ",")
        try execute(Self.taskAnnounce, [.text(payload)])
    }

    /// Tells idle workers of other processes that there is work. `own` is this process's worker, 0 when it
    /// has none: it was told by a signal.
    public func wakeWorkers(exceptFor own: Int64) throws(KinoraError) {
        try execute(Self.wakeWorkers, [.integer(own)])
    }

    /// Remembers how long a task of the route usually takes.
    public func setUsual(_ duration: Duration, route: Int64) throws(KinoraError) {
        try execute(Self.routeUsual, [.integer(route), .real(duration.inSeconds)])
    }

    /// Forgets old Idempotency-Keys, at most a thousand at a time. How many.
    public func sweepIdempotency() throws(KinoraError) -> Int { try execute(Self.idempotencySweep) }
}
