public import Core

extension Statement {
    static let cancellations = [
        Store.taskCancel, Store.cancellationClaim, Store.cancellationTicket, Store.cancellationWait,
        Store.cancellationEnd,
    ]
}

/// A cancelled task whose attempt may still run at its vendor.
public struct Cancellation: Sendable {
    public let task: ClaimedTask
    /// Whether the vendor has been asked to stop.
    public let isAsked: Bool
}

/// How an attempt of a cancelled task ended.
public enum CancelledEnd: String, Sendable {
    /// The vendor has ended it.
    case cancelled
    /// It never reached the vendor.
    case abandoned
    /// Nobody knows, and its time is over.
    case unknown
}

/// Cancelling, and what is left to do of it. A task is cancelled at once; its attempt keeps its slot until
/// the vendor has ended it too.
extension Store {
    // From the outside, so without a fence; raising the claim makes whoever holds the task write nothing
    // more.
    static let taskCancel = Statement(
        "task_cancel", "SELECT id FROM cancel_task($1, $2) AS id WHERE id IS NOT NULL")

    // The next look is fixed before this one begins: a worker that dies with it holds up nothing for long.
    static let cancellationClaim = Statement(
        "cancellation_claim",
        """
        WITH due AS MATERIALIZED (SELECT attempt_id FROM cancellation WHERE due_at <= now()
            ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED),
        c AS (UPDATE cancellation SET due_at = now() + interval '90 s' FROM due
            WHERE cancellation.attempt_id = due.attempt_id
            RETURNING cancellation.attempt_id, cancellation.asked_at)
        SELECT \(ClaimedTask.columns), c.asked_at IS NOT NULL
        FROM c JOIN attempt p ON p.id = c.attempt_id JOIN task ON task.id = p.task_id
            JOIN account ac ON ac.id = p.account_id JOIN task_input i ON i.task_id = task.id
            LEFT JOIN route rt ON rt.id = p.route_id
        """)

    // A submit that was on its way when its task was cancelled, and was answered afterwards. $4: what the
    // task was called until then.
    static let cancellationTicket = Statement(
        "cancellation_ticket",
        """
        WITH p AS (UPDATE attempt SET vendor_task_id = $3, accepted_at = now()
            WHERE task_id = $1 AND number = $2 AND finished_at IS NULL
                AND vendor_task_id IS NOT DISTINCT FROM $4
                AND id IN (SELECT attempt_id FROM cancellation) RETURNING id)
        UPDATE cancellation SET due_at = now() FROM p WHERE attempt_id = p.id RETURNING attempt_id
        """)

    static let cancellationWait = Statement(
        "cancellation_wait",
        """
        UPDATE cancellation SET due_at = now() + $3 * interval '1 s',
            asked_at = CASE WHEN $4::boolean THEN coalesce(asked_at, now()) ELSE asked_at END
        FROM attempt p WHERE p.task_id = $1 AND p.number = $2 AND attempt_id = p.id RETURNING attempt_id
        """)

    // What the vendor may still have of it is removed there.
    static let cancellationEnd = Statement(
        "cancellation_end",
        """
        WITH p AS (SELECT id, vendor_task_id FROM attempt WHERE task_id = $1 AND number = $2),
        c AS (DELETE FROM cancellation USING p WHERE attempt_id = p.id RETURNING attempt_id),
        told AS (INSERT INTO removal (attempt_id) SELECT p.id FROM p, c
            WHERE p.vendor_task_id IS NOT NULL ON CONFLICT DO NOTHING)
        UPDATE attempt SET outcome = $3, finished_at = now() FROM c
        WHERE id = c.attempt_id AND finished_at IS NULL RETURNING id
        """)

    /// Cancels an unfinished task, whoever holds it. `caller` nil: anybody's task. Gives its row; nil when
    /// there is no such unfinished task.
    public func cancel(_ reference: TaskReference, of caller: Caller? = nil) throws(KinoraError) -> Int64? {
        try first(Self.taskCancel, [.text(reference.short), .optional(caller?.userID)]) { $0.integer(0) }
    }

    /// Cancelled attempts to be looked at now, at most `limit`. Nobody else is given them for a while.
    public func claimCancellations(limit: Int) throws(KinoraError) -> [Cancellation] {
        let claimed = try rows(Self.cancellationClaim, [.integer(Int64(limit))]) { row throws(KinoraError) in
            (task: try ClaimedTask.decode(row), isAsked: row.bool(ClaimedTask.columnsCount))
        }
        let areAsked = Dictionary(claimed.map { ($0.task.row, $0.isAsked) }) { $1 }
        return try whole(claimed.map(\.task)).map {
            Cancellation(task: $0, isAsked: areAsked[$0.row] ?? false)
        }
    }

    private static func attempt(_ task: ClaimedTask) -> [Value] {
        [.integer(task.row), .integer(Int64(task.attempt))]
    }

    /// The vendor took the task, though it had been cancelled meanwhile. False when it was not.
    public func noteTicket(_ vendorTask: String, ofCancelled task: ClaimedTask) throws(KinoraError) -> Bool {
        try execute(
            Self.cancellationTicket,
            Self.attempt(task) + [.text(vendorTask), task.vendorTask.map(Value.text) ?? .null]) > 0
    }

    /// The vendor has not ended it yet; look again after `delay`.
    public func waitForEnd(
        ofCancelled task: ClaimedTask, delay: Duration, isAsked: Bool
    ) throws(KinoraError) {
        try execute(
            Self.cancellationWait, Self.attempt(task) + [.real(delay.inSeconds), .bool(isAsked)])
    }

    /// The attempt is over and its slot free. False when it was no cancelled one.
    public func end(cancelled task: ClaimedTask, _ end: CancelledEnd) throws(KinoraError) -> Bool {
        try execute(Self.cancellationEnd, Self.attempt(task) + [.text(end.rawValue)]) > 0
    }
}
