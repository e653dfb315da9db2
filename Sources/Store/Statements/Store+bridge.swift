public import Core

extension Statement {
    static let bridge = [Store.bridgeAccountsFind]
}

extension Store {
    // Who names an account means it, whatever state it is in.
    static let bridgeAccountsFind = Statement(
        "bridge_accounts",
        """
        SELECT id, vendor, name FROM account
        WHERE id = $1 OR $1::bigint IS NULL AND state IN ('active', 'cooling') AND vendor IN (
            SELECT r.vendor FROM route r JOIN model m ON m.id = r.model_id WHERE m.family = $2 AND r.enabled)
        ORDER BY state, id LIMIT $3
        """)

    /// The account of that row, or all that may make something of the family, those that do not rest first.
    public func bridgeAccounts(_ row: Int64?, family: String) throws(KinoraError) -> [BridgeAccount] {
        try rows(
            Self.bridgeAccountsFind,
            [.optional(row), .text(family), .integer(Int64(Limits.bridgeAccountsMax))]
        ) { BridgeAccount(row: $0.integer(0), vendor: $0.text(1), name: $0.text(2)) }
    }
}
