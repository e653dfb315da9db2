public import Core

extension Statement {
    static let checks = [
        Store.accountNamed, Store.accountsOpen, Store.accountChecked, Store.accountCredits,
    ]
}

/// An account that somebody asks about.
public struct NamedAccount: Sendable {
    public let name: String
    public let account: ClaimedAccount
}

/// What vendors say of accounts when they are asked.
extension Store {
    private static let namedColumns = """
        name, id, vendor, base_url, region, proxy_url, credential_sealed
        """

    static let accountNamed = Statement(
        "account_named",
        """
        SELECT \(namedColumns) FROM account
        WHERE id::text = $1 OR name = $1 OR vendor || '/' || name = $1 ORDER BY id
        """)

    static let accountsOpen = Statement(
        "accounts_open",
        "SELECT \(namedColumns) FROM account WHERE state IN ('active', 'cooling') ORDER BY id")

    static let accountChecked = Statement(
        "account_checked",
        "UPDATE account SET checked_at = now(), check_error = $2 WHERE id = $1 RETURNING id")

    // $3 credit below which it is low. True for the first reading of a lack: who reads at the same moment
    // waits for this one, and finds low_since.
    static let accountCredits = Statement(
        "account_credits",
        """
        WITH before AS (SELECT id, low_since FROM account WHERE id = $1 FOR UPDATE)
        UPDATE account a SET credits_micros = $2::bigint, checked_at = now(), check_error = NULL,
            low_since = CASE WHEN $2 < $3::bigint THEN coalesce(a.low_since, now()) END
        FROM before WHERE a.id = before.id RETURNING before.low_since IS NULL AND a.low_since IS NOT NULL
        """)

    private static func named(_ row: Row) -> NamedAccount {
        NamedAccount(name: row.text(0), account: ClaimedAccount(row, from: 1))
    }

    /// The accounts that are called so: by number, name or `vendor/name`.
    public func accounts(named name: String) throws(KinoraError) -> [NamedAccount] {
        try rows(Self.accountNamed, [.text(name)], Self.named)
    }

    /// The accounts that are neither disabled nor refused.
    public func openAccounts() throws(KinoraError) -> [NamedAccount] {
        try rows(Self.accountsOpen, [], Self.named)
    }

    /// Remembers that a vendor was asked about an account; nothing else of it changes. `error` is nil when it
    /// answered well.
    public func checked(account: Int64, error: KinoraError?) throws(KinoraError) {
        let words = error.map { $0.detail.isEmpty ? $0.code.rawValue : "\($0.code.rawValue): \($0.detail)" }
        try execute(
            Self.accountChecked, [.integer(account), .optional(words.map { String($0.prefix(500)) })])
    }

    /// Keeps an account's credit, nil: without limit. More than before makes one that could not pay work
    /// again. True when it has just fallen below `lowest`.
    public func setCredits(
        _ micros: Int64?, account: Int64, lowest: Int64
    ) throws(KinoraError) -> Bool {
        try first(
            Self.accountCredits, [.integer(account), .optional(micros), .integer(lowest)]
        ) { $0.bool(0) } ?? false
    }
}
