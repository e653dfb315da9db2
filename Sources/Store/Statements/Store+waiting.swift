public import Core

extension Statement {
    static let waiting = [Store.taskWaiting, Store.taskPlace]
}

/// Why queued tasks wait. For people who ask, never on the way of a task.
extension Store {
    /// Columns of `waiting_reason` as `w` for a task `t`, in the decoder's order.
    static let waitingColumns = """
        w.reason, w.until, w.accounts, w.taken, w.proving, w.resting, w.poor, w.closed,
        t.model_id, t.pinned_account_id
        """

    static let waiting = "waiting_reason(t.model_id, t.priority, t.pinned_account_id, t.due_at) w"

    static let taskWaiting = Statement(
        "task_waiting",
        """
        SELECT \(waitingColumns)
        FROM task_input i JOIN task t ON t.id = i.task_id CROSS JOIN LATERAL
            \(waiting)
        WHERE \(shortID) = $1 AND t.state = 'queued'
        """)

    // How many tasks come before it, counted up to $2: the claim's order, of which only the user whose turn
    // it is next is not known here. Others' tasks of the same priority come before it as often as its own
    // user's do, and once more where the circle of users reaches them first. Each LIMIT is on rows in the
    // order of an index: what lies behind it is not read.
    static let taskPlace = Statement(
        "task_place",
        """
        WITH RECURSIVE asked AS (SELECT t.* FROM task_input i JOIN task t ON t.id = i.task_id
            WHERE \(shortID) = $1 AND t.state = 'queued'),
        pinned AS (
            SELECT count(*) AS tasks FROM asked a CROSS JOIN LATERAL (SELECT FROM task
                WHERE state = 'queued' AND pinned_account_id = a.pinned_account_id AND due_at <= now()
                    AND (priority, id) < (a.priority, a.id) ORDER BY priority, id LIMIT $2) q),
        urgent AS (
            SELECT count(*) AS tasks FROM asked a CROSS JOIN LATERAL (SELECT FROM task
                WHERE \(isFree) AND model_id = a.model_id AND priority < a.priority AND due_at <= now()
                ORDER BY priority, user_id, id LIMIT $2) q WHERE a.pinned_account_id IS NULL),
        own AS (
            SELECT count(*) AS tasks FROM asked a CROSS JOIN LATERAL (SELECT FROM task
                WHERE \(isFree) AND model_id = a.model_id AND priority = a.priority AND user_id = a.user_id
                    AND id < a.id AND due_at <= now() ORDER BY id LIMIT $2) q
            WHERE a.pinned_account_id IS NULL),
        other AS (
            SELECT 1 AS nth, (SELECT min(user_id) FROM task WHERE \(isFree) AND model_id = a.model_id
                AND priority = a.priority) AS user_id FROM asked a WHERE a.pinned_account_id IS NULL
            UNION ALL
            SELECT nth + 1, (SELECT min(user_id) FROM task WHERE \(isFree) AND model_id = a.model_id
                AND priority = a.priority AND user_id > o.user_id)
            FROM other o CROSS JOIN asked a WHERE o.user_id IS NOT NULL AND nth < $2)
        SELECT (pinned.tasks + urgent.tasks + own.tasks + (
            SELECT count(*) FROM (SELECT FROM other o CROSS JOIN asked a CROSS JOIN LATERAL (
                SELECT FROM task WHERE \(isFree) AND model_id = a.model_id AND priority = a.priority
                    AND user_id = o.user_id AND due_at <= now() ORDER BY id
                LIMIT own.tasks + CASE WHEN o.user_id < a.user_id THEN 1 ELSE 0 END) q
                WHERE o.user_id <> a.user_id LIMIT $2) q))::bigint
        FROM pinned, urgent, own WHERE EXISTS (SELECT FROM asked)
        """)

    /// Reads `waitingColumns`; nil for a task that does not wait.
    static func waitingReason(_ row: Row, from first: Int) throws(KinoraError) -> WaitingReason? {
        guard let word = row.optionalText(first) else { return nil }
        guard let code = WaitingReason.Code(rawValue: word) else {
            throw KinoraError(.internalFault, detail: "unknown waiting reason '\(word)'")
        }
        func count(_ column: Int) -> Int { Int(row.integer(first + column)) }
        return WaitingReason(
            code: code, model: row.text(first + 8), isPinned: row.optionalInteger(first + 9) != nil,
            until: row.optionalTimestamp(first + 1),
            accounts: WaitingReason.Accounts(
                count: count(2), atSlotLimit: count(3), proving: count(4), resting: count(5),
                poor: count(6), closed: count(7)))
    }

    /// Why the task waits; nil when it does not, or does not exist.
    public func waitingReason(of reference: TaskReference) throws(KinoraError) -> WaitingReason? {
        let found = try rows(Self.taskWaiting, [.text(reference.short)]) { row throws(KinoraError) in
            try Self.waitingReason(row, from: 0)
        }
        return found.first ?? nil
    }

    /// How many tasks come before it, at most `limit`; nil when it does not wait. As many users' turns come
    /// before it as there are others: it may be one of them sooner.
    public func tasksAhead(of reference: TaskReference, limit: Int64) throws(KinoraError) -> Int64? {
        try first(Self.taskPlace, [.text(reference.short), .integer(limit)]) { min($0.integer(0), limit) }
    }
}
