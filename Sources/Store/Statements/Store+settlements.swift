public import Core

extension Statement {
    static let settlements = [
        Store.taskAccepted, Store.taskRests, Store.taskStoring, Store.taskSucceeded, Store.taskFailed,
        Store.taskRequeue, Store.taskHasOther,
    ]
}

/// What a worker writes when a task that it holds has failed, and what the task's account learns from it.
extension Store {
    private static let fence = "WHERE id = $1 AND claim = $2 AND \(isHeld)"

    // $1 task, $2 claim, $3 to $9 as `blamed` has them.
    static let taskFailed = Statement(
        "task_failed",
        """
        WITH t AS (UPDATE task SET state = $10, phase = NULL, worker_id = NULL, due_at = NULL,
            finished_at = now(),
            error_code = $8, error_message = $11 \(fence) RETURNING id, attempt),
        p AS (UPDATE attempt SET outcome = $12, finished_at = now(), error_code = $8, error_detail = $9
            FROM t WHERE attempt.task_id = t.id AND attempt.number = t.attempt
            RETURNING attempt.id, account_id),
        \(blamed)
        SELECT id, (SELECT fall FROM blamed) FROM p
        """)

    // An off-peak task may wait a day for its window: its time begins anew with its next start.
    static let taskRequeue = Statement(
        "task_requeue",
        """
        WITH t AS (UPDATE task SET state = 'queued', phase = NULL, worker_id = NULL,
            due_at = now() + $10 * interval '1 s',
            deadline_at = CASE WHEN priority < \(offPeak) THEN deadline_at END
            \(fence) AND \(isRunning) RETURNING id, attempt),
        p AS (UPDATE attempt
            SET outcome = 'abandoned', finished_at = now(), error_code = $8, error_detail = $9 FROM t
            WHERE attempt.task_id = t.id AND attempt.number = t.attempt RETURNING attempt.id, account_id),
        \(blamed)
        SELECT id, (SELECT fall FROM blamed) FROM p
        """)

    // Disabled accounts, and those whose key was refused, come back when somebody sees to it, and not for
    // this task.
    static let taskHasOther = Statement(
        "task_has_other",
        """
        SELECT EXISTS (
            SELECT FROM task t JOIN attempt p ON p.task_id = t.id AND p.number = t.attempt
                JOIN route r USING (model_id) JOIN account a USING (vendor)
            WHERE t.id = $1 AND t.pinned_account_id IS NULL AND r.enabled AND a.state IN ('active', 'cooling')
                AND (a.id, r.vendor_model) <> (p.account_id, p.vendor_model)
                AND NOT EXISTS (SELECT FROM attempt f WHERE f.task_id = t.id AND f.account_id = a.id
                    AND f.vendor_model = r.vendor_model AND f.error_code = 'upstream_model_closed'))
        """)

    // What an error does to the account of the attempt `p`. $3 fault, or null: nothing; $4 seconds of rest
    // that the vendor asks for, or null; $5 failures in a row that disable; $6 and $7 seconds of the first
    // and the longest rest; $8 and $9 the error's code and detail. While the account rests, others that were
    // under way tell nothing new: they are not counted, and only a longer rest that the vendor asks for is
    // heeded. Who cannot pay does not rest, but waits to be refilled: what it had is not known any more, and
    // any credit that is read from then on is new. Columns stand here by themselves, not through a subquery:
    // of two errors at the same moment, the second waits for the first and is then computed from what that
    // one has written. So is what it was before, which is locked when it is read: of two errors only one
    // makes the account fall.
    static let blamed = """
        before AS (SELECT a.id AS account_id, a.state AS old_state, a.exhausted_at AS was_exhausted_at,
                a.cooling_until AS was_cooling_until
            FROM p JOIN account a ON a.id = p.account_id WHERE $3::text IS NOT NULL FOR UPDATE OF a),
        blamed AS (UPDATE account SET
            state = CASE WHEN $3::text = 'credential' THEN 'invalid'
                WHEN $3 = 'money' OR state NOT IN ('active', 'cooling') THEN state
                WHEN $3 = 'failure' AND consecutive_errors + \(news) >= nullif($5::bigint, 0) THEN 'disabled'
                ELSE 'cooling' END,
            state_reason = CASE WHEN $3 = 'credential' OR state IN ('active', 'cooling')
                THEN left(concat_ws(': ', $8::text, nullif($9::text, '')), 500) ELSE state_reason END,
            consecutive_errors = consecutive_errors + CASE $3 WHEN 'failure' THEN \(news) ELSE 0 END,
            consecutive_throttles = consecutive_throttles + CASE $3 WHEN 'throttle' THEN \(news) ELSE 0 END,
            cooling_until = CASE WHEN $3 IN ('failure', 'throttle')
                THEN greatest(cooling_until, now() + $4::float8 * interval '1 s',
                    CASE WHEN cooling_until > now() OR $3 = 'throttle' AND $4 IS NOT NULL THEN NULL
                        ELSE now() + (0.75 + random() / 2) * interval '1 s'
                            * least($7::float8, $6::float8 * power(3, least(20, CASE $3
                                WHEN 'failure' THEN consecutive_errors ELSE consecutive_throttles END))) END)
                ELSE cooling_until END,
            exhausted_at = CASE $3 WHEN 'money' THEN coalesce(exhausted_at, now()) ELSE exhausted_at END,
            credits_micros = CASE $3 WHEN 'money' THEN NULL ELSE credits_micros END
            FROM before WHERE account.id = before.account_id
            RETURNING CASE WHEN state IN ('invalid', 'disabled') AND state <> old_state THEN state
                WHEN exhausted_at IS NOT NULL AND was_exhausted_at IS NULL THEN 'exhausted'
                WHEN state = 'cooling' AND coalesce(was_cooling_until <= now(), true) THEN 'cooling'
                END AS fall)
        """

    private static let news = "CASE WHEN cooling_until > now() THEN 0 ELSE 1 END"

    static func values(_ error: KinoraError, _ blame: Blame?) -> [Value] {
        let wish = blame?.retryAfterSeconds.map { min(max(Int64($0), 1), Limits.retryAfterSecondsMax) }
        return [
            .optional(blame?.fault.rawValue), .optional(wish), .integer(blame?.errorsMax ?? 0),
            .integer(Limits.coolingSecondsFirst), .integer(Limits.coolingSecondsMax),
            .text(error.code.rawValue), .text(error.detail),
        ]
    }

    private static func fenced(_ task: ClaimedTask) -> [Value] { [.integer(task.row), .integer(task.claim)] }

    // Both return false when the claim was lost: then the task belongs to somebody else and nothing was
    // written.

    /// The task is over. `blame` is what its account has to do with that; nil: nothing. `onFall` hears what
    /// the account became by it.
    public func failed(
        _ task: ClaimedTask, _ error: KinoraError, blame: Blame? = nil,
        onFall: (AccountFall) -> Void = { _ in }
    ) throws(KinoraError) -> Bool {
        let state: TaskState = error.code == .taskDeadline ? .expired : .failed
        let outcome = error.code == .submitUnknown ? "unknown" : "failed"
        return try settle(
            Self.taskFailed,
            Self.fenced(task) + Self.values(error, blame) + [
                .text(state.rawValue), .text(error.message), .text(outcome),
            ], onFall)
    }

    /// Back into the queue; the attempt is over and its slot free. `blame` and `onFall` as for `failed`.
    public func requeue(
        _ task: ClaimedTask, delay: Duration, _ error: KinoraError, blame: Blame? = nil,
        onFall: (AccountFall) -> Void = { _ in }
    ) throws(KinoraError) -> Bool {
        try settle(
            Self.taskRequeue, Self.fenced(task) + Self.values(error, blame) + [.real(delay.inSeconds)],
            onFall)
    }

    /// Whether any account could make the task but the one that holds it, now or when it has rested, has a
    /// slot or is refilled: not those that have no access to the model.
    public func hasOther(than task: ClaimedTask) throws(KinoraError) -> Bool {
        try first(Self.taskHasOther, [.integer(task.row)]) { $0.bool(0) } ?? false
    }

    private func settle(
        _ statement: Statement, _ values: [Value], _ onFall: (AccountFall) -> Void
    ) throws(KinoraError) -> Bool {
        guard let fall = try first(statement, values, { $0.optionalText(1) }) else { return false }
        if let fall = fall.flatMap(AccountFall.init(rawValue:)) { onFall(fall) }
        return true
    }
}
