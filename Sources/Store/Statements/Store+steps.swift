public import Core

/// A write about a task that a worker holds: `claim` is the fence.
struct Fenced<Detail: Sendable>: Sendable {
    let row: Int64
    let claim: Int64
    let user: Int64
    let detail: Detail

    init(_ task: ClaimedTask, _ detail: Detail) {
        row = task.row
        claim = task.claim
        user = task.userID
        self.detail = detail
    }
}

/// The steps that every task takes, each written with one statement for all tasks that take it at the same
/// moment: a commit costs more than a row (docs/decisions/0012-draining.md).
struct Steps: Sendable {
    struct Rest: Sendable {
        let phase: TaskPhase?
        let progress: Int
        let isRenewed: Bool
    }

    struct Success: Sendable {
        let results: [TaskResult]
        let missing: Int
        let usage: JSON?
    }

    let accepted: BatchLoader<Fenced<String>, Bool>
    let rest: BatchLoader<Fenced<Rest>, Bool>
    let storing: BatchLoader<Fenced<Void>, Bool>
    let succeeded: BatchLoader<Fenced<Success>, Bool>

    init(_ pool: Pool) {
        accepted = Self.together(Store.taskAccepted, pool) { [.texts($0)] }
        rest = Self.together(Store.taskRests, pool) { details in
            [
                .texts(details.map { $0.phase?.rawValue ?? "" }),
                .integers(details.map { Int64($0.progress) }),
                .integers(details.map { $0.isRenewed ? Store.leaseSeconds : 0 }),
            ]
        }
        storing = Self.together(Store.taskStoring, pool) { _ in [] }
        succeeded = Self.together(Store.taskSucceeded, pool, isOfOneUser: true) { details in
            // One row for each result: which step it belongs to, and its place there.
            let rows = details.enumerated().flatMap { step, success in
                success.results.enumerated().map { (step: step, place: $0.offset, result: $0.element) }
            }
            let media = rows.map(\.result.media)
            return [
                .integers(rows.map { Int64($0.step + 1) }), .integers(rows.map { Int64($0.place) }),
                .texts(media.map(\.sha256)), .integers(media.map(\.bytes)),
                .texts(media.map(\.type.rawValue)),
                .texts(rows.map { $0.result.revisedPrompt ?? "" }),
                .integers(details.map { Int64($0.missing) }),
                .texts(details.map { $0.usage?.text ?? "" }),
            ]
        }
    }

    /// `statement` takes rows and claims and what `values` adds, and returns row and claim of what it wrote.
    /// `isOfOneUser`: each user's tasks are a statement of their own. What ends a task is booked in its
    /// owner's wallet, and who holds one wallet must not wait for another.
    private static func together<Detail>(
        _ statement: Statement, _ pool: Pool, isOfOneUser: Bool = false,
        _ values: @escaping @Sendable ([Detail]) -> [Value]
    ) -> BatchLoader<Fenced<Detail>, Bool> {
        @Sendable func write(
            _ steps: [Fenced<Detail>], _ connection: Connection
        ) throws(KinoraError) -> [Int64: Int64] {
            let rows = try connection.run(
                statement,
                [.integers(steps.map(\.row)), .integers(steps.map(\.claim))]
                    + values(steps.map(\.detail)))
            var written: [Int64: Int64] = [:]
            rows.forEach { written[$0.integer(0)] = $0.integer(1) }
            return written
        }
        // The others wait behind it, and the lock that failed them all was waited for long enough.
        @Sendable func writeAlone(_ step: Fenced<Detail>) throws(KinoraError) -> Bool {
            try pool.withConnection { connection throws(KinoraError) in
                try connection.transaction { connection throws(KinoraError) in
                    try connection.script("SET LOCAL lock_timeout = '250ms'")
                    return try write([step], connection)[step.row] == step.claim
                }
            }
        }
        return BatchLoader(keysMax: 100, patience: .milliseconds(5)) { steps throws(KinoraError) in
            var results = [Result<Bool?, KinoraError>](repeating: .success(false), count: steps.count)
            let groups = Dictionary(grouping: steps.indices) { isOfOneUser ? steps[$0].user : 0 }
            for group in groups.values {
                do throws(KinoraError) {
                    var written = try pool.withConnection { connection throws(KinoraError) in
                        try write(group.map { steps[$0] }, connection)
                    }
                    for index in group where written[steps[index].row] == steps[index].claim {
                        // The same step twice was written once.
                        results[index] = .success(written.removeValue(forKey: steps[index].row) != nil)
                    }
                } catch {
                    // What one of them may not write must not keep the others from it.
                    let mayBeOfOne = group.count > 1 && (error.code != .databaseAway || error.isLocked)
                    for index in group {
                        results[index] = Result { () throws(KinoraError) in
                            guard mayBeOfOne else { throw error }
                            return try writeAlone(steps[index])
                        }
                    }
                }
            }
            return results
        }
    }
}

extension Store {
    // coalesce hides the states from the planner. Where nothing runs while statistics are made, the index
    // task_due looks as if it were empty, and plans would find a task by reading all of it instead of by id.
    static let isHeld = "coalesce(task.state IN ('running', 'storing'), false)"
    static let isRunning = "coalesce(task.state = 'running', false)"
    // A result may be here before anybody noted that it is on its way.
    private static let isAccepted = "coalesce(task.state = 'storing' OR task.phase <> 'submitting', false)"

    // The rows are named twice: whatever the plan, it begins with an index and these rows.
    static let held = "task.id = ANY ($1::bigint[]) AND task.id = k.id AND task.claim = k.claim"
    private static let attempted =
        "attempt.task_id = ANY ($1::bigint[]) AND attempt.task_id = t.id AND attempt.number = t.attempt"

    // A vendor that takes tasks limits the account no longer. What it took while the account rested left
    // before the refusal, and proves nothing.
    static let taskAccepted = Statement(
        "task_accepted",
        """
        WITH t AS (UPDATE task SET phase = 'waiting'
            FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS k (id, claim, vendor_task)
            WHERE \(held) AND \(isRunning) RETURNING task.id, task.claim, task.attempt, k.vendor_task),
        p AS (UPDATE attempt SET vendor_task_id = t.vendor_task, accepted_at = now() FROM t
            WHERE \(attempted) RETURNING attempt.account_id),
        relieved AS (UPDATE account SET consecutive_throttles = 0
            WHERE id IN (SELECT account_id FROM p) AND consecutive_throttles > 0
                AND coalesce(cooling_until <= now(), true))
        SELECT id, claim FROM t
        """)

    // Without a new lease no indexed column changes, and the row's new version needs no index entries. What
    // was taken from its worker, or what somebody asks to look at, gets no new one.
    static let taskRests = Statement(
        "task_rests",
        """
        UPDATE task SET phase = nullif(k.phase, ''), progress = greatest(task.progress, k.progress),
            due_at = CASE WHEN k.lease > 0 AND task.worker_id IS NOT NULL AND task.due_at > now()
                THEN now() + k.lease * interval '1 s' ELSE task.due_at END
        FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[])
            AS k (id, claim, phase, progress, lease)
        WHERE \(held) AND \(isHeld) AND (task.state = 'running') = (k.phase <> '')
        RETURNING task.id, task.claim
        """)

    static let taskStoring = Statement(
        "task_storing",
        """
        UPDATE task SET state = 'storing', phase = NULL, progress = greatest(progress, 99)
        FROM unnest($1::bigint[], $2::bigint[]) AS k (id, claim)
        WHERE \(held) AND \(isHeld) RETURNING task.id, task.claim
        """)

    static let isBack = "state = 'cooling' AND cooling_until <= now()"

    // $3 to $8: a row for each result, with the number of its task in $1; $9: how many of each task did not
    // come; $10: what its vendor says of usage, or nothing. Two tasks of a user may have the same result, and
    // a task one twice: it is one asset. The FULL JOIN finds pairs only, as JOIN would; but not by comparing
    // each with each, which looks cheapest where one row is expected.
    static let taskSucceeded = Statement(
        "task_succeeded",
        """
        WITH t AS (UPDATE task SET state = 'succeeded', phase = NULL, progress = 100, worker_id = NULL,
                due_at = NULL, finished_at = now(),
                captured_micros = CASE WHEN k.missing > 0 AND task.piece_micros > 0
                    THEN greatest(task.price_micros - k.missing * task.piece_micros, 0) END
            FROM unnest($1::bigint[], $2::bigint[], $9::bigint[], $10::text[]) WITH ORDINALITY
                AS k (id, claim, missing, usage, step)
            WHERE \(held) AND \(isAccepted)
            RETURNING task.id, task.claim, task.attempt, task.user_id, k.usage, k.step),
        m AS (SELECT t.id, t.user_id, m.position, decode(m.sha256, 'hex') AS sha256, m.bytes, m.media_type,
                nullif(m.revised_prompt, '') AS revised_prompt
            FROM t JOIN unnest($3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::text[], $8::text[])
                AS m (step, position, sha256, bytes, media_type, revised_prompt) USING (step)),
        f AS (INSERT INTO asset (user_id, sha256, bytes, media_type)
            SELECT DISTINCT ON (sha256, user_id) user_id, sha256, bytes, media_type FROM m
            ORDER BY sha256, user_id
            ON CONFLICT (sha256, user_id) DO UPDATE SET media_type = excluded.media_type
            RETURNING id, user_id, sha256),
        l AS (INSERT INTO task_asset (task_id, role, position, asset_id, revised_prompt)
            SELECT m.id, 'result', m.position, f.id, m.revised_prompt
            FROM m FULL JOIN f USING (user_id, sha256)),
        p AS (UPDATE attempt SET outcome = 'succeeded', finished_at = now(),
            vendor_usage = nullif(t.usage, '')::jsonb FROM t
            WHERE \(attempted) RETURNING attempt.account_id),
        cleared AS (UPDATE account SET consecutive_errors = 0, consecutive_throttles = 0,
            state = CASE WHEN \(isBack) THEN 'active' ELSE state END,
            state_reason = CASE WHEN \(isBack) THEN '' ELSE state_reason END
            WHERE id IN (SELECT account_id FROM p)
                AND (\(isBack) OR consecutive_errors > 0 OR consecutive_throttles > 0))
        SELECT id, claim FROM t
        """)

    // Every step below returns false when the claim was lost: then the task belongs to somebody else and
    // nothing was written.

    /// The vendor took the task and calls it `vendorTask`. It stays with its worker.
    public func accepted(_ task: ClaimedTask, vendorTask: String) throws(KinoraError) -> Bool {
        try steps.accepted.value(of: Fenced(task, vendorTask)) ?? false
    }

    /// What its owner sees of a task that rests at its worker: phase and progress. `isRenewed` begins a new
    /// lease.
    public func rests(_ task: ClaimedTask, isRenewed: Bool) throws(KinoraError) -> Bool {
        let rest = Steps.Rest(phase: task.phase, progress: task.progress, isRenewed: isRenewed)
        return try steps.rest.value(of: Fenced(task, rest)) ?? false
    }

    /// The vendor is done; the result is being fetched, and that takes its time. Not needed for one that is
    /// here at once.
    public func storing(_ task: ClaimedTask) throws(KinoraError) -> Bool {
        try steps.storing.value(of: Fenced(task, ())) ?? false
    }

    /// `results` in order; never empty. `missing` more were asked for and are not paid. `usage`: what the
    /// vendor says that it took.
    public func succeeded(
        _ task: ClaimedTask, results: [TaskResult], missing: Int = 0, usage: JSON? = nil
    ) throws(KinoraError) -> Bool {
        let success = Steps.Success(results: results, missing: missing, usage: usage)
        return try steps.succeeded.value(of: Fenced(task, success)) ?? false
    }
}
