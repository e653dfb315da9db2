public import Core

extension Statement {
    static let claims = [
        Store.taskClaim, Store.taskClaimDue, Store.taskNextDue, Store.taskExpire, Store.taskOutwait,
        Store.taskInput, Store.taskMore, Store.accountsNow,
    ]
}

extension Store {
    // Takes queued tasks and a free slot for each. $1 worker, $2 most tasks, $3 and $4 seconds an image and a
    // video may run, $5 lease in seconds, $6 and $7 models and the user of each that was served last. The
    // LIMITed, locking steps are MATERIALIZED: a plan that ran them again would claim too many.
    // gate: the last priority that may be started now; behind it stands what waits for its window. Only who
    //     meets an off-peak task asks for it.
    // lane: models and priorities that wait. Read by leaps through the index task_queued, as turns are: what
    //     one user has queued costs the others nothing, and a model that nobody waits for costs nothing.
    // usable: accounts with room, as the view has it from which people see why a task waits.
    // pinned: a task pinned to an account comes before all others, since it can run nowhere else, even while
    //     the account is paused for others.
    // pair: where what waits can be made, and paid. way: how much of each model can be started now; `seen`
    //     is the user served last.
    // turn, asker: the users of each lane in a circle behind the one served last.
    // taken, due: each user's share of what can be started; of a lower priority only what comes after all of
    //     a higher one. Bounds instead of equations leave task_queued as the only index that has the order:
    //     where most tasks are queued, the primary key looks as good, and leads through all that ever were.
    //     A task that no free account may make takes nobody's place.
    // line: who is next, everybody's first task before anybody's second. Arrays: `choice` takes one after the
    //     other, and would read all rows for each.
    // choice: goes along the line and gives each the best pair that has a slot left: first where the task has
    //     failed least often, then routes in order, then the least load; never one that has no access to the
    //     model, as it said of this very task. `used`: accounts given so far; nth: the how manieth of its
    //     account.
    // free: the numbers behind the highest that is taken, and when they are used up the gaps before it, which
    //     takes a look at all that are taken.
    // Slots are numbered, and attempt_slot_taken refuses a number twice: two workers that pick the same one
    // collide there, and the loser simply claims less. Everybody inserts in the order of account and slot:
    // the loser waits for the winner's commit, and must not do so in a circle.
    static let taskClaim = Statement(
        "task_claim",
        """
        WITH RECURSIVE gate AS MATERIALIZED (
            SELECT (CASE WHEN off_peak_opens(now()) IS NULL THEN 32767 ELSE \(offPeak) - 1 END)::smallint
                AS last),
        lane AS (
            (SELECT model_id, priority FROM task WHERE \(isFree) ORDER BY model_id, priority LIMIT 1)
            UNION ALL
            SELECT n.* FROM lane l CROSS JOIN LATERAL (SELECT model_id, priority FROM task
                WHERE \(isFree) AND (model_id, priority) > (l.model_id, l.priority)
                ORDER BY model_id, priority LIMIT 1) n),
        usable AS MATERIALIZED (
            SELECT id, vendor, slots, weight, credits_micros, slots_taken AS taken, room, is_open
            FROM v_account_load WHERE room > 0),
        pinned AS MATERIALIZED (
            SELECT q.* FROM usable a CROSS JOIN LATERAL (
                SELECT id, model_id, priority, attempt, a.id AS account_id FROM task
                WHERE state = 'queued' AND pinned_account_id = a.id AND due_at <= now()
                    AND priority <= (SELECT last FROM gate)
                    AND EXISTS (SELECT FROM route r WHERE r.model_id = task.model_id AND r.vendor = a.vendor
                        AND coalesce(a.credits_micros >= coalesce(r.cost_micros, 1), true))
                ORDER BY priority, id LIMIT least($2, a.room) FOR UPDATE SKIP LOCKED) q
            WHERE EXISTS (SELECT FROM task WHERE state = 'queued' AND pinned_account_id IS NOT NULL)),
        pair AS MATERIALIZED (
            SELECT r.model_id, r.id AS route_id, r.vendor_model, r.position, a.id AS account_id,
                r.enabled AND a.is_open AS is_open, a.taken, a.room,
                a.slots::float8 * a.weight * r.weight AS capacity
            FROM (SELECT model_id FROM lane UNION SELECT model_id FROM pinned) m
            JOIN route r USING (model_id) JOIN usable a USING (vendor)
            WHERE coalesce(a.credits_micros >= coalesce(r.cost_micros, 1), true)),
        way AS MATERIALIZED (
            SELECT model_id, sum(room)::bigint AS room,
                coalesce((SELECT user_id FROM unnest($6::text[], $7::bigint[]) AS s (model, user_id)
                    WHERE model = model_id), 0) AS seen
            FROM pair WHERE is_open GROUP BY model_id),
        turn AS (
            SELECT l.model_id, l.priority, w.room, half, upto, 1 AS nth,
                (SELECT user_id FROM task WHERE \(isFree) AND model_id = l.model_id AND priority = l.priority
                    AND user_id > behind AND user_id <= upto AND due_at <= now()
                    ORDER BY user_id LIMIT 1) AS user_id
            FROM lane l JOIN way w USING (model_id) CROSS JOIN LATERAL
                (VALUES (1, w.seen, 9223372036854775807), (2, 0, w.seen)) AS circle (half, behind, upto)
            WHERE l.priority < \(offPeak) OR l.priority <= (SELECT last FROM gate)
            UNION ALL
            SELECT t.model_id, t.priority, t.room, half, upto, nth + 1,
                (SELECT user_id FROM task WHERE \(isFree) AND model_id = t.model_id AND priority = t.priority
                    AND user_id > t.user_id AND user_id <= upto AND due_at <= now()
                    ORDER BY user_id LIMIT 1)
            FROM turn t WHERE t.user_id IS NOT NULL AND nth < $2),
        asker AS MATERIALIZED (
            SELECT *, greatest(1, least($2, room)
                    / count(*) OVER (PARTITION BY model_id, priority)) AS share
            FROM turn WHERE user_id IS NOT NULL ORDER BY model_id, priority, half, user_id),
        taken AS MATERIALIZED (
            SELECT q.* FROM way w CROSS JOIN LATERAL (
                SELECT q.*, u.share, u.half FROM asker u CROSS JOIN LATERAL (
                    SELECT id, model_id, user_id, priority, attempt FROM task
                    WHERE \(isFree) AND due_at <= now()
                        AND (model_id, priority, user_id, id) > (u.model_id, u.priority, u.user_id, 0)
                        AND (model_id, priority, user_id) <= (u.model_id, u.priority, u.user_id)
                        AND (attempt = 0 OR EXISTS (SELECT FROM pair c
                            WHERE c.model_id = task.model_id AND c.is_open
                                AND NOT EXISTS (SELECT FROM \(closed) = task.id)))
                    ORDER BY model_id, priority, user_id, id LIMIT u.share FOR UPDATE SKIP LOCKED) q
                WHERE u.model_id = w.model_id LIMIT least($2, w.room)) q),
        due AS (
            SELECT id, model_id, priority, attempt, round, half, user_id
            FROM (SELECT *, min(priority) FILTER (WHERE round >= share) OVER (PARTITION BY model_id) AS last
                FROM (SELECT *, row_number() OVER (PARTITION BY model_id, priority, user_id ORDER BY id)
                    AS round FROM taken) t) t
            WHERE priority <= coalesce(last, priority)),
        line AS MATERIALIZED (
            SELECT array_agg(id) AS ids, array_agg(model_id) AS models, array_agg(attempt) AS attempts,
                array_agg(account_id) AS homes
            FROM (SELECT * FROM (SELECT *, 1 AS round, 1 AS half, 0 AS user_id FROM pinned UNION ALL
                    SELECT id, model_id, priority, attempt, NULL, round, half, user_id FROM due) both_kinds
                ORDER BY account_id IS NULL, priority, round, half, user_id, id) in_order),
        choice AS (
            SELECT 0 AS turn, NULL::bigint AS id, NULL::smallint AS attempt,
                NULL::bigint AS account_id, NULL::bigint AS route_id, NULL::text AS vendor_model,
                0 AS nth, '{}'::bigint[] AS used
            UNION ALL
            SELECT l.turn, l.id, l.attempt, c.account_id, c.route_id, c.vendor_model, c.used + 1,
                CASE WHEN c.account_id IS NULL THEN p.used ELSE p.used || c.account_id END
            FROM choice p JOIN line ON p.turn < cardinality(line.ids)
                CROSS JOIN LATERAL (SELECT p.turn + 1 AS turn, ids[p.turn + 1] AS id,
                    models[p.turn + 1] AS model_id, attempts[p.turn + 1] AS attempt,
                    homes[p.turn + 1] AS account_id) l
                LEFT JOIN LATERAL (
                SELECT c.*, n.used FROM pair c
                    CROSS JOIN LATERAL (SELECT cardinality(array_positions(p.used, c.account_id)) AS used) n
                WHERE c.model_id = l.model_id AND n.used < c.room
                    AND CASE WHEN l.account_id IS NULL THEN c.is_open ELSE c.account_id = l.account_id END
                    AND (l.attempt = 0 OR NOT EXISTS (SELECT FROM \(closed) = l.id))
                ORDER BY
                    CASE WHEN l.attempt > 0 THEN (
                        SELECT ARRAY[count(*), count(*) FILTER (WHERE f.route_id = c.route_id)]
                        FROM attempt f WHERE f.task_id = l.id AND f.account_id = c.account_id) END,
                    c.position, (c.taken + n.used + 1) / c.capacity, c.account_id, c.route_id
                LIMIT 1) c ON true
            WHERE cardinality(p.used) < $2),
        free AS MATERIALIZED (
            SELECT u.account_id, ARRAY(
                SELECT generate_series(top + 1, a.slots) UNION ALL
                (SELECT generate_series(1, least(top, a.slots))
                    EXCEPT SELECT slot FROM attempt WHERE account_id = a.id AND finished_at IS NULL)
                LIMIT u.tasks) AS slots
            FROM (SELECT account_id, count(*) AS tasks FROM choice GROUP BY account_id) u
            JOIN usable a ON a.id = u.account_id
            CROSS JOIN LATERAL (SELECT coalesce(max(slot), 0) AS top FROM attempt
                WHERE account_id = a.id AND finished_at IS NULL) highest),
        p AS (
            INSERT INTO attempt (task_id, number, account_id, slot, route_id, vendor_model)
            SELECT c.id, c.attempt + 1, account_id, slots[nth] AS slot, c.route_id, c.vendor_model
            FROM choice c JOIN free USING (account_id) WHERE nth <= cardinality(slots)
            ORDER BY account_id, slot
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
        RETURNING \(ClaimedTask.columns), array_position((SELECT ids FROM line), task.id)
        """)

    /// What the account of the pair `c` has said of a task, whose number comes behind: the model is closed.
    private static let closed = """
        attempt f WHERE f.account_id = c.account_id AND f.vendor_model = c.vendor_model
            AND f.error_code = 'upstream_model_closed' AND f.task_id
        """

    static let offPeak = TaskPriority.offPeak.rawValue

    static let isFree = "state = 'queued' AND pinned_account_id IS NULL"

    // Takes running tasks that nobody looks after: their worker gave them back or is gone, the vendor has
    // called, or a lease has run out.
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

    // When the next waiting task is due, the next account has rested or off-peak tasks may be started; how
    // long a worker may rest.
    static let taskNextDue = Statement(
        "task_next_due",
        """
        SELECT extract(epoch FROM least(
                (SELECT min(due_at) FROM task WHERE state IN ('running', 'storing')),
                (SELECT min(cooling_until) FROM account WHERE cooling_until > now()),
                off_peak_opens(now())) - now())::float8
        """
    )

    // No account came back in time for them. Rows that are claimed at this moment are left. One process at a
    // time: two that give several users their quota back could wait for each other's wallets in a circle.
    static let taskExpire = Statement(
        "task_expire",
        """
        WITH turn AS MATERIALIZED (
            SELECT pg_try_advisory_xact_lock(hashtextextended('kinora expire', 0)) AS mine),
        late AS MATERIALIZED (SELECT task.id FROM task
            WHERE state = 'queued' AND deadline_at <= now() AND (SELECT mine FROM turn)
            ORDER BY deadline_at LIMIT $1 FOR UPDATE SKIP LOCKED)
        UPDATE task SET state = 'expired', due_at = NULL, finished_at = now(), error_code = $2,
            error_message = $3
        FROM late JOIN task_input i ON i.task_id = late.id WHERE task.id = late.id RETURNING task.id, i.uid
        """)

    // No account has ever come for them: the last one is gone, say. Nothing but the order of ids tells how
    // old they are, so each asker's first ones are looked at, and askers are found by leaps, as claims do.
    static let taskOutwait = Statement(
        "task_outwait",
        """
        WITH RECURSIVE turn AS MATERIALIZED (
            SELECT pg_try_advisory_xact_lock(hashtextextended('kinora expire', 0)) AS mine),
        asker AS (
            (SELECT model_id, priority, user_id FROM task WHERE \(isFree)
                ORDER BY model_id, priority, user_id LIMIT 1)
            UNION ALL
            SELECT n.* FROM asker a CROSS JOIN LATERAL (SELECT model_id, priority, user_id FROM task
                WHERE \(isFree) AND (model_id, priority, user_id) > (a.model_id, a.priority, a.user_id)
                ORDER BY model_id, priority, user_id LIMIT 1) n),
        first AS (
            SELECT q.* FROM asker a CROSS JOIN LATERAL (SELECT id, created_at FROM task
                WHERE \(isFree)
                    AND (model_id, priority, user_id, id) > (a.model_id, a.priority, a.user_id, 0)
                    AND (model_id, priority, user_id) <= (a.model_id, a.priority, a.user_id)
                    AND deadline_at IS NULL
                ORDER BY model_id, priority, user_id, id LIMIT 20) q
            UNION ALL
            SELECT q.* FROM account a CROSS JOIN LATERAL (SELECT id, created_at FROM task
                WHERE state = 'queued' AND pinned_account_id = a.id AND deadline_at IS NULL
                ORDER BY priority, id LIMIT 20) q),
        late AS MATERIALIZED (SELECT task.id FROM task JOIN first USING (id)
            WHERE first.created_at < now() - $1 * interval '1 s' AND task.state = 'queued'
                AND (SELECT mine FROM turn)
            FOR UPDATE OF task SKIP LOCKED)
        UPDATE task SET state = 'expired', due_at = NULL, finished_at = now(), error_code = $2,
            error_message = $3
        FROM late JOIN task_input i ON i.task_id = late.id WHERE task.id = late.id RETURNING task.id, i.uid
        """)

    static let taskInput = Statement(
        "task_input",
        """
        SELECT \(ClaimedTask.input)
        FROM task JOIN task_input i ON i.task_id = task.id WHERE task.id = $1 AND task.claim = $2
        """)

    static let taskMore = Statement(
        "task_more",
        """
        SELECT \(ClaimedTask.more)
        FROM unnest($1::bigint[], $2::bigint[]) AS k (id, claim), task
            JOIN task_input i ON i.task_id = task.id
            JOIN attempt p ON p.task_id = task.id AND p.number = task.attempt
        WHERE \(held)
        """)

    static let accountsNow = Statement(
        "accounts_now",
        """
        SELECT id, vendor, base_url, region, proxy_url, credential_sealed FROM account
        WHERE id = ANY ($1::bigint[])
        """)

    /// A claim is void after that time, unless it was renewed, even if its worker lives. It is longer than
    /// any call takes.
    public static let lease = Duration.seconds(leaseSeconds)
    static let leaseSeconds: Int64 = 1800

    /// Takes at most `limit` queued tasks, each with a slot of an account, in the order of their turns. For
    /// each model, the users behind the one in `served` come first: it is the user of the last task of that
    /// model that was claimed before.
    public func claim(
        worker: Int64, limit: Int, imageTimeoutSeconds: Int64, videoTimeoutSeconds: Int64,
        served: [String: Int64]
    ) throws(KinoraError) -> [ClaimedTask] {
        let served = Array(served)
        let claimed = try rows(
            Self.taskClaim,
            [
                .integer(worker), .integer(Int64(limit)), .integer(imageTimeoutSeconds),
                .integer(videoTimeoutSeconds), .integer(Self.leaseSeconds), .texts(served.map(\.key)),
                .integers(served.map(\.value)),
            ]
        ) { row throws(KinoraError) in
            (turn: row.integer(ClaimedTask.columnsCount), task: try ClaimedTask.decode(row))
        }
        return try whole(claimed.sorted { $0.turn < $1.turn }.map(\.task))
    }

    /// Takes at most `limit` running tasks that nobody looks after.
    public func claimDue(worker: Int64, limit: Int) throws(KinoraError) -> [ClaimedTask] {
        try whole(
            rows(
                Self.taskClaimDue, [.integer(worker), .integer(Int64(limit)), .integer(Self.leaseSeconds)],
                ClaimedTask.decode))
    }

    /// With what only some tasks have. They are claimed: where the database is away for a moment, it is asked
    /// again, since a task that was given back would pass for one that may have been submitted. Whose claim
    /// was lost meanwhile is left out, and so is, when the database stays away, who needs an answer.
    func whole(_ tasks: [ClaimedTask]) throws(KinoraError) -> [ClaimedTask] {
        let some = Dictionary(tasks.filter(\.mayHaveMore).map { ($0.row, $0) }) { $1 }
        guard !some.isEmpty else { return tasks }
        let more = try more(of: some)
        return tasks.compactMap { $0.mayHaveMore ? more[$0.row] : $0 }
    }

    private func more(of tasks: [Int64: ClaimedTask]) throws(KinoraError) -> [Int64: ClaimedTask] {
        let (rows, claims) = (Array(tasks.keys), tasks.values.map(\.claim))
        let pause = Signal()
        for delay in Self.moreDelays {
            do throws(KinoraError) {
                let found = try self.rows(Self.taskMore, [.integers(rows), .integers(claims)]) {
                    row throws(KinoraError) in try tasks[row.integer(0)]?.with(more: row)
                }
                return Dictionary(found.compactMap { $0.map { ($0.row, $0) } }) { $1 }
            } catch {
                guard error.code == .databaseAway else { throw error }
                _ = pause.wait(for: delay)
            }
        }
        return [:]
    }

    /// Together shorter than a worker may be silent.
    private static let moreDelays = [50, 200, 1000, 2000].map { Duration.milliseconds($0) }

    /// What a task's vendor is to make; nil when the claim was lost.
    public func input(of task: ClaimedTask) throws(KinoraError) -> TaskInput? {
        try first(Self.taskInput, [.integer(task.row), .integer(task.claim)], TaskInput.init)
    }

    /// Accounts as they are now, by row.
    public func accounts(_ rows: [Int64]) throws(KinoraError) -> [Int64: ClaimedAccount] {
        let found = try self.rows(Self.accountsNow, [.integers(rows)]) { ClaimedAccount($0, from: 0) }
        return Dictionary(uniqueKeysWithValues: found.map { ($0.row, $0) })
    }

    /// Ends queued tasks that have run before and whose time is over, at most so many. Their rows and ids.
    public func expire(limit: Int) throws(KinoraError) -> [(row: Int64, id: TaskID)] {
        let error = KinoraError(.taskDeadline)
        return try rows(
            Self.taskExpire, [.integer(Int64(limit)), .text(error.code.rawValue), .text(error.message)]
        ) { ($0.integer(0), $0.uid(1)) }
    }

    /// Ends queued tasks that have waited longer than that for their first account, a few of each user. Their
    /// rows and ids.
    public func expire(
        waitedSeconds: Int64
    ) throws(KinoraError) -> [(row: Int64, id: TaskID)] {
        let error = KinoraError(.taskDeadline, "No account could take the task in time.")
        return try rows(
            Self.taskOutwait, [.integer(waitedSeconds), .text(error.code.rawValue), .text(error.message)]
        ) { ($0.integer(0), $0.uid(1)) }
    }

    /// How long until a running task is due, an account has rested or off-peak tasks may be started; nil when
    /// nothing of that is to come.
    public func nextDue() throws(KinoraError) -> Duration? {
        try first(Self.taskNextDue) { $0.optionalInteger(0) == nil ? nil : Duration.seconds($0.real(0)) }
            ?? nil
    }
}
