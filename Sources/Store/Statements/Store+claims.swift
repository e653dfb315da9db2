public import Core

extension Statement {
    static let claims = [
        Store.taskClaim, Store.taskClaimDue, Store.taskNextDue, Store.taskCancel,
    ]
}

extension Store {
    // Takes queued tasks and a free slot for each. $1 worker, $2 most tasks, $3 and $4 seconds an image and a
    // video may run, $5 lease in seconds. The two LIMITed, locking steps are MATERIALIZED: a plan that ran
    // them again would claim too many. Slots are numbered, and attempt_slot_taken refuses a number twice: two
    // workers that pick the same one collide there, and the loser simply claims less. Everybody inserts in
    // the order of account and slot: the loser waits for the winner's commit, and must not do so in a circle.
    // A task pinned to an account comes before the others of that account, since it can run nowhere else; it
    // runs there even while the account is paused for others. Routes in order and accounts by load; which
    // user is next is a matter of `priority, id`.
    static let taskClaim = Statement(
        "task_claim",
        """
        WITH usable AS MATERIALIZED (
            SELECT a.id, a.vendor, a.slots, a.weight, count(t.id) AS taken,
                a.credits_micros, a.state IN ('active', 'cooling') AS is_open
            FROM account a LEFT JOIN attempt t ON t.account_id = a.id AND t.finished_at IS NULL
            WHERE a.state <> 'invalid' AND a.exhausted_at IS NULL
                AND coalesce(a.cooling_until <= now(), true)
            GROUP BY a.id HAVING count(t.id) < a.slots),
        numbered AS (
            SELECT a.id AS account_id, a.vendor, a.is_open, s.slot,
                (a.taken + row_number() OVER (PARTITION BY a.id ORDER BY s.slot))::float8
                    / (a.slots * a.weight) AS load
            FROM usable a
            CROSS JOIN LATERAL (SELECT slot FROM generate_series(1, a.slots) AS slot
                WHERE NOT EXISTS (SELECT FROM attempt t
                    WHERE t.account_id = a.id AND t.slot = slot.slot AND t.finished_at IS NULL)
                LIMIT $2) s),
        free AS MATERIALIZED (
            SELECT account_id, vendor, is_open, slot,
                row_number() OVER (PARTITION BY account_id ORDER BY slot) AS account_rank,
                row_number() OVER (PARTITION BY vendor, is_open ORDER BY load, account_id, slot)
                    AS vendor_rank
            FROM numbered),
        way AS (
            SELECT DISTINCT ON (r.model_id) r.model_id, r.id AS route_id, r.vendor, r.vendor_model, room.slots
            FROM route r JOIN (SELECT vendor, count(*) AS slots FROM free WHERE is_open GROUP BY vendor) room
                USING (vendor)
            WHERE r.enabled ORDER BY r.model_id, r.position, r.id),
        due AS MATERIALIZED (
            SELECT q.id, q.priority, q.attempt, w.vendor, w.route_id, w.vendor_model
            FROM way w CROSS JOIN LATERAL (
                SELECT id, priority, attempt FROM task
                WHERE state = 'queued' AND pinned_account_id IS NULL AND model_id = w.model_id
                    AND due_at <= now()
                ORDER BY priority, id LIMIT least($2, w.slots) FOR UPDATE SKIP LOCKED) q),
        pinned AS MATERIALIZED (
            SELECT q.id, q.priority, q.attempt, q.model_id, a.id AS account_id, a.vendor
            FROM usable a CROSS JOIN LATERAL (
                SELECT id, priority, attempt, model_id FROM task
                WHERE state = 'queued' AND pinned_account_id = a.id AND due_at <= now()
                    AND EXISTS (SELECT FROM route r WHERE r.model_id = task.model_id AND r.vendor = a.vendor)
                ORDER BY priority, id LIMIT least($2, a.slots - a.taken) FOR UPDATE SKIP LOCKED) q),
        pick AS (
            SELECT 1 AS turn, p.id, p.attempt, free.account_id, free.slot, r.id AS route_id, r.vendor_model
            FROM (SELECT *, row_number() OVER (PARTITION BY account_id ORDER BY priority, id) AS account_rank
                FROM pinned) p
            JOIN free USING (account_id, account_rank)
            JOIN LATERAL (SELECT id, vendor_model FROM route
                WHERE model_id = p.model_id AND vendor = p.vendor ORDER BY position, id LIMIT 1) r ON true
            UNION ALL
            SELECT 2, d.id, d.attempt, free.account_id, free.slot, d.route_id, d.vendor_model
            FROM (SELECT *, row_number() OVER (PARTITION BY vendor ORDER BY priority, id) AS vendor_rank
                FROM due) d
            JOIN (SELECT * FROM free WHERE is_open) free USING (vendor, vendor_rank)),
        p AS (
            INSERT INTO attempt (task_id, number, account_id, slot, route_id, vendor_model)
            SELECT id, attempt + 1, account_id, slot, route_id, vendor_model
            FROM (SELECT * FROM pick LIMIT $2) chosen ORDER BY account_id, slot, turn
            ON CONFLICT (account_id, slot) WHERE finished_at IS NULL DO NOTHING
            RETURNING task_id, number, account_id, route_id, vendor_model, vendor_task_id, started_at)
        UPDATE task SET state = 'running', phase = 'submitting', attempt = p.number, claim = task.claim + 1,
            worker_id = $1, due_at = now() + $5 * interval '1 s',
            started_at = coalesce(task.started_at, now()),
            deadline_at = coalesce(task.deadline_at,
                now() + CASE task.kind WHEN 'image' THEN $3::float8 ELSE $4::float8 END * interval '1 s')
        FROM p JOIN account ac ON ac.id = p.account_id JOIN task_input i ON i.task_id = p.task_id
            LEFT JOIN route rt ON rt.id = p.route_id
        WHERE task.id = p.task_id
        RETURNING \(ClaimedTask.columns)
        """)

    // Takes running tasks that somebody must look at now: a poll is due, or a lease has run out.
    static let taskClaimDue = Statement(
        "task_claim_due",
        """
        WITH due AS MATERIALIZED (
            SELECT id, attempt FROM task WHERE state IN ('running', 'storing') AND due_at <= now()
            ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        UPDATE task SET claim = task.claim + 1, worker_id = $1, due_at = now() + $3 * interval '1 s'
        FROM due JOIN attempt p ON p.task_id = due.id AND p.number = due.attempt
            JOIN account ac ON ac.id = p.account_id JOIN task_input i ON i.task_id = due.id
            LEFT JOIN route rt ON rt.id = p.route_id
        WHERE task.id = due.id
        RETURNING \(ClaimedTask.columns)
        """)

    // When the next waiting task is due; how long a worker may rest.
    static let taskNextDue = Statement(
        "task_next_due",
        """
        SELECT extract(epoch FROM min(due_at) - now())::float8 FROM task
        WHERE state IN ('running', 'storing')
        """
    )

    // From the outside, so without a fence; raising the claim makes whoever holds the task write nothing
    // more.
    static let taskCancel = Statement(
        "task_cancel",
        """
        WITH t AS (UPDATE task t SET state = 'cancelled', phase = NULL, worker_id = NULL, due_at = NULL,
            finished_at = now(), claim = claim + 1
            WHERE \(shortID) = $1 AND finished_at IS NULL RETURNING id, attempt),
        a AS (UPDATE attempt SET outcome = 'cancelled', finished_at = now() FROM t
            WHERE attempt.task_id = t.id AND attempt.number = t.attempt AND attempt.finished_at IS NULL)
        SELECT id FROM t
        """)

    /// Seconds that a submit, a poll or a download may take before another worker looks.
    private static let leaseSeconds: Int64 = 900

    /// Takes at most `limit` queued tasks, each with a slot of an account.
    public func claim(
        worker: Int64, limit: Int, imageTimeoutSeconds: Int64, videoTimeoutSeconds: Int64
    ) throws(KinoraError) -> [ClaimedTask] {
        try rows(
            Self.taskClaim,
            [
                .integer(worker), .integer(Int64(limit)), .integer(imageTimeoutSeconds),
                .integer(videoTimeoutSeconds), .integer(Self.leaseSeconds),
            ], ClaimedTask.decode)
    }

    /// Takes at most `limit` running tasks that are due.
    public func claimDue(worker: Int64, limit: Int) throws(KinoraError) -> [ClaimedTask] {
        try rows(
            Self.taskClaimDue, [.integer(worker), .integer(Int64(limit)), .integer(Self.leaseSeconds)],
            ClaimedTask.decode)
    }

    /// How long until a running task is due; nil when none runs.
    public func nextDue() throws(KinoraError) -> Duration? {
        try first(Self.taskNextDue) { $0.optionalInteger(0) == nil ? nil : Duration.seconds($0.real(0)) }
            ?? nil
    }

    /// Cancels an unfinished task, whoever holds it. False when there is none.
    public func cancel(_ reference: TaskReference) throws(KinoraError) -> Bool {
        try execute(Self.taskCancel, [.text(reference.short)]) > 0
    }
}
