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

/// Bytes in the media store that no row names any more.
public struct MediaRemoval: Sendable {
    public let media: StoredMedia
    /// How often it was tried, this time included.
    public let tries: Int
}

extension Statement {
    static let removals = [
        Store.removalClaim, Store.removalDone, Store.mediaRemovalClaim, Store.mediaUnnamed,
        Store.mediaRemovalDone,
    ]
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

    // As above: 1, 2, 4 … minutes, an hour at most, and never given up. What a row names again stays.
    static let mediaRemovalClaim = Statement(
        "media_removal_claim",
        """
        WITH due AS (
            SELECT sha256 FROM media_removal WHERE due_at <= now()
            ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED),
        wanted AS (DELETE FROM media_removal r USING due
            WHERE r.sha256 = due.sha256 AND EXISTS (SELECT FROM asset f WHERE f.sha256 = due.sha256))
        UPDATE media_removal r SET tries = r.tries + 1,
            due_at = now() + least(60, 2 ^ least(r.tries, 6)) * interval '1 minute'
        FROM due
        WHERE r.sha256 = due.sha256 AND NOT EXISTS (SELECT FROM asset f WHERE f.sha256 = due.sha256)
        RETURNING encode(r.sha256, 'hex'), 0::bigint, r.media_type, r.tries
        """)

    static let mediaUnnamed = Statement(
        "media_unnamed",
        """
        INSERT INTO media_removal (sha256, media_type) VALUES (decode($1, 'hex'), $2)
        ON CONFLICT (sha256) DO UPDATE SET tries = 0, due_at = excluded.due_at
        """)

    static let mediaRemovalDone = Statement(
        "media_removal_done", "DELETE FROM media_removal WHERE sha256 = decode($1, 'hex')")

    /// Bytes lie in the media store for a task that did not get them. They are removed in a minute, unless a
    /// row names them then.
    public func removeUnlessNamed(_ media: StoredMedia) throws(KinoraError) {
        try execute(Self.mediaUnnamed, [.text(media.sha256), .text(media.type.rawValue)])
    }

    /// Bytes lie in the media store for a task that was refused. They are removed in a minute, unless a task
    /// names them then; its rows of them go at once.
    public func forget(_ media: [StoredMedia], rows: [Int64]) throws(KinoraError) {
        for media in media { try removeUnlessNamed(media) }
        guard !rows.isEmpty else { return }
        try pool.withConnection { connection throws(KinoraError) in
            try connection.transaction { connection throws(KinoraError) in
                try Self.removeUnused(rows, in: connection)
            }
        }
    }

    /// Removes the rows of media that no task names.
    static func removeUnused(_ assets: [Int64], in connection: Connection) throws(KinoraError) {
        _ = try connection.run(assetLock, [.integers(assets)])
        _ = try connection.run(assetUnused, [.integers(assets)])
    }

    /// Bytes to be removed from the media store now, at most `limit`. Nobody else is given them before their
    /// next try.
    public func claimMediaRemovals(limit: Int) throws(KinoraError) -> [MediaRemoval] {
        try rows(Self.mediaRemovalClaim, [.integer(Int64(limit))]) { row throws(KinoraError) in
            MediaRemoval(media: try Self.media(row), tries: Int(row.integer(3)))
        }
    }

    /// They are gone.
    public func mediaRemovalDone(_ removal: MediaRemoval) throws(KinoraError) {
        try execute(Self.mediaRemovalDone, [.text(removal.media.sha256)])
    }

    /// The vendor has forgotten it, or is asked no more.
    public func removalDone(_ row: Int64) throws(KinoraError) {
        try execute(Self.removalDone, [.integer(row)])
    }
}
