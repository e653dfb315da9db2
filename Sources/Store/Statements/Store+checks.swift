public import Core

extension Statement {
    static let checks = [
        Store.accountNamed, Store.accountsAll, Store.accountsOpen, Store.accountChecked, Store.accountCredits,
        Store.creditsTurn, Store.creditsTurnEnd, Store.creditsUntold,
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
        account.name, account.id, vendor, base_url, region, proxy_url, credential_sealed
        """

    static let accountNamed = Statement(
        "account_named",
        """
        SELECT \(namedColumns) FROM account
        WHERE id::text = $1 OR name = $1 OR vendor || '/' || name = $1 ORDER BY id
        """)

    static let accountsAll = Statement("accounts_all", "SELECT \(namedColumns) FROM account ORDER BY id")

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
            credits_asked_at = now(),
            low_since = CASE WHEN $2 < $3::bigint THEN coalesce(a.low_since, now()) END
        FROM before WHERE a.id = before.id RETURNING before.low_since IS NULL AND a.low_since IS NOT NULL
        """)

    // $1 seconds between two readings of an account, $2 seconds after which whoever asks must have died. Of
    // two that come at the same moment the second waits for the row of credit_turn, and then finds it taken.
    // It may have begun before the first, and so read an earlier clock. A time that is further away than that
    // was written before the clock was set back.
    static let creditsTurn = Statement(
        "credits_turn",
        """
        WITH due AS MATERIALIZED (SELECT id FROM account
            WHERE state IN ('active', 'cooling') AND coalesce(credits_asked_at <= now()
                - $1 * interval '1 s' / CASE WHEN exhausted_at IS NULL THEN 1 ELSE 4 END, true)
            ORDER BY exhausted_at IS NULL, credits_asked_at NULLS FIRST, id LIMIT 1),
        turn AS (UPDATE credit_turn SET free_at = now() + $2 * interval '1 s'
            WHERE NOT free_at BETWEEN now() AND now() + ($2 + 60) * interval '1 s'
                AND EXISTS (SELECT FROM due)
            RETURNING free_at)
        UPDATE account SET credits_asked_at = now() FROM due, turn WHERE account.id = due.id
        RETURNING \(namedColumns)
        """)

    static let creditsTurnEnd = Statement(
        "credits_turn_end", "UPDATE credit_turn SET free_at = now() + $1 * interval '1 s'")

    static let creditsUntold = Statement(
        "credits_untold", "UPDATE account SET credits_asked_at = 'infinity' WHERE id = $1")

    private static func named(_ row: Row) -> NamedAccount {
        NamedAccount(name: row.text(0), account: ClaimedAccount(row, from: 1))
    }

    /// The accounts that are called so: by number, name or `vendor/name`.
    public func accounts(named name: String) throws(KinoraError) -> [NamedAccount] {
        try rows(Self.accountNamed, [.text(name)], Self.named)
    }

    /// All accounts, in the order in which they were added.
    public func accounts() throws(KinoraError) -> [NamedAccount] {
        try rows(Self.accountsAll, [], Self.named)
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

    /// Longest that reading the credit of one account may take.
    private static let creditsTurnSeconds: Int64 = 180

    /// The account whose credit was not read for longest, if that is `interval` ago, or a quarter of it where
    /// it cannot pay. Nil when there is none, or another process asks about one: then it is nobody's turn.
    public func takeCreditsTurn(every interval: Duration) throws(KinoraError) -> NamedAccount? {
        try first(
            Self.creditsTurn, [.real(interval.inSeconds), .integer(Self.creditsTurnSeconds)], Self.named)
    }

    /// The account has been asked about. The next one may be after `pause`.
    public func endCreditsTurn(pause: Duration) throws(KinoraError) {
        try execute(Self.creditsTurnEnd, [.real(pause.inSeconds)])
    }

    /// The account's vendor does not tell its credit: it gets no turn until it has another address or key.
    public func noteUntoldCredits(of account: Int64) throws(KinoraError) {
        try execute(Self.creditsUntold, [.integer(account)])
    }
}
