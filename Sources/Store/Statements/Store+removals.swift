public import Core

/// A deleted task that its vendor still has.
public struct Removal: Sendable {
    /// The attempt's number.
    public let row: Int64
    /// How often the vendor was asked, this time included.
    public let tries: Int
    /// The vendor's id of the task.
    public let vendorTask: String
    public let account: ClaimedAccount
}

extension Statement {
    static let removals = [Store.removalClaim, Store.removalDone]
}

extension Store {
    // The next try is fixed before this one begins: 1, 2, 4 … minutes later, an hour at most. A vendor must
    // keep what a remix that still runs is made from.
    static let removalClaim = Statement(
        "removal_claim",
        """
        WITH due AS (
            SELECT r.attempt_id FROM removal r JOIN attempt p ON p.id = r.attempt_id
            WHERE r.due_at <= now() AND NOT EXISTS (
                SELECT FROM task_input i JOIN task t ON t.id = i.task_id
                WHERE i.remix_of_id = p.task_id AND t.finished_at IS NULL)
            ORDER BY r.due_at LIMIT $1 FOR UPDATE OF r SKIP LOCKED)
        UPDATE removal r SET tries = r.tries + 1,
            due_at = now() + least(60, 2 ^ r.tries) * interval '1 minute'
        FROM due, attempt p, account ac
        WHERE r.attempt_id = due.attempt_id AND p.id = due.attempt_id AND ac.id = p.account_id
        RETURNING r.attempt_id, r.tries, p.vendor_task_id, ac.id, ac.vendor, ac.base_url, ac.region,
            ac.proxy_url, ac.credential_sealed
        """)

    static let removalDone = Statement("removal_done", "DELETE FROM removal WHERE attempt_id = $1")

    /// Vendor tasks to be removed now, at most `limit`. Nobody else is given them before their next try.
    public func claimRemovals(limit: Int) throws(KinoraError) -> [Removal] {
        try rows(Self.removalClaim, [.integer(Int64(limit))]) { row in
            Removal(
                row: row.integer(0), tries: Int(row.integer(1)), vendorTask: row.text(2),
                account: ClaimedAccount(row, from: 3))
        }
    }

    /// The vendor has forgotten it, or is asked no more.
    public func removalDone(_ row: Int64) throws(KinoraError) {
        try execute(Self.removalDone, [.integer(row)])
    }
}
