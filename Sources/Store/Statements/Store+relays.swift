public import Core

extension Statement {
    static let relays = [
        Store.relayPaths, Store.relayAdmit, Store.relayEnd, Store.relayCount, Store.relaySweep,
        Store.relayUsageRoll, Store.accountBlame, Store.accountClear,
    ]
}

/// One way from a text model to an account that may answer for it.
public struct RelayPath: Sendable {
    public let model: String
    public let vendorModel: String
    /// Ways of a lower position are tried first.
    public let position: Int64
    /// Share among ways of the same position.
    public let weight: Double
    public let account: ClaimedAccount
    /// It rests so long still; zero or less: not at all.
    public let rest: Duration
    /// Whether errors are remembered of it, which a success would clear.
    public let hasErrors: Bool
}

/// What requests to one text model have used, of one caller and by one account.
public struct RelayCount: Sendable, Equatable {
    public struct Place: Sendable, Hashable {
        public let user: Int64
        public let key: Int64
        public let model: String
        /// Nil: no account answered.
        public let account: Int64?

        public init(user: Int64, key: Int64, model: String, account: Int64?) {
            self.user = user
            self.key = key
            self.model = model
            self.account = account
        }
    }

    public var succeeded: Int64 = 0
    public var failed: Int64 = 0
    public var tokens = TokenUsage(input: 0, output: 0)

    public init(succeeded: Int64 = 0, failed: Int64 = 0, tokens: TokenUsage = TokenUsage(input: 0, output: 0))
    {
        self.succeeded = succeeded
        self.failed = failed
        self.tokens = tokens
    }
}

extension Store {
    static let relayPaths = Statement(
        "relay_paths",
        """
        SELECT r.model_id, r.vendor_model, r.position, (r.weight * a.weight)::float8,
            extract(epoch FROM a.cooling_until - now())::float8,
            a.consecutive_errors > 0 OR a.consecutive_throttles > 0 OR a.state = 'cooling',
            a.id, a.vendor, a.base_url, a.region, a.proxy_url, a.credential_sealed
        FROM model m JOIN route r ON r.model_id = m.id JOIN account a ON a.vendor = r.vendor
        WHERE m.kind IN ('chat', 'embedding') AND m.enabled AND r.enabled AND a.state IN ('active', 'cooling')
            AND a.exhausted_at IS NULL
        ORDER BY r.position, a.id
        """)

    // $6: whether the caller has limits. Refused requests write nothing.
    static let relayAdmit = Statement(
        "relay_admit",
        """
        WITH g AS MATERIALIZED (SELECT * FROM admit($2::bigint, $1::bigint, NULL, NULL, 0::smallint)
            WHERE $6::boolean),
        r AS (INSERT INTO relay (user_id, key_id, model_id, held_micros, deadline_at)
            SELECT $1, $2, $3, $4, now() + $5::bigint * interval '1 s'
            WHERE NOT EXISTS (SELECT FROM g WHERE refusal IS NOT NULL) RETURNING id),
        p AS (INSERT INTO request_permit (holder, holder_id, number, oldest, used_at)
            SELECT g.holder, g.holder_id, g.permit, g.oldest, g.used_at FROM g, r WHERE g.permit IS NOT NULL)
        SELECT \(admissionColumns), (SELECT id FROM r) FROM (VALUES (1)) AS always (row) LEFT JOIN g ON true
        """)

    static let relayEnd = Statement(
        "relay_end",
        """
        WITH r AS MATERIALIZED (SELECT * FROM end_relay($1, $2))
        INSERT INTO relay_usage (user_id, key_id, model_id, account_id, accepted, succeeded, failed,
            captured_micros, input_tokens, output_tokens)
        SELECT user_id, key_id, model_id, $3::bigint, 1, $4::bigint, $5::bigint, captured_micros, $6, $7
        FROM r
        """)

    static let relayCount = Statement(
        "relay_count",
        """
        INSERT INTO relay_usage (user_id, key_id, model_id, account_id, accepted, succeeded, failed,
            captured_micros, input_tokens, output_tokens)
        SELECT c.user_id, c.key_id, c.model_id, nullif(c.account_id, 0), c.succeeded + c.failed, c.succeeded,
            c.failed, 0, c.input_tokens, c.output_tokens
        FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
            $7::bigint[], $8::bigint[])
            AS c (user_id, key_id, model_id, account_id, succeeded, failed, input_tokens, output_tokens)
        """)

    // One at a time: a statement that settles waits for one wallet only.
    static let relaySweep = Statement(
        "relay_sweep",
        """
        WITH dead AS MATERIALIZED (SELECT id FROM relay WHERE deadline_at < now() ORDER BY deadline_at LIMIT 1
            FOR UPDATE SKIP LOCKED),
        r AS MATERIALIZED (SELECT e.* FROM dead CROSS JOIN LATERAL end_relay(dead.id, 0) e)
        INSERT INTO relay_usage (user_id, key_id, model_id, accepted, succeeded, failed, captured_micros,
            input_tokens, output_tokens)
        SELECT user_id, key_id, model_id, 1, 0, 1, 0, 0, 0 FROM r RETURNING id
        """)

    // As usage_roll, and under the same lock.
    static let relayUsageRoll = Statement(
        "relay_usage_roll",
        """
        WITH turn AS MATERIALIZED (
            SELECT pg_try_advisory_xact_lock(hashtextextended('kinora usage', 0)) AS mine),
        done AS (DELETE FROM relay_usage WHERE id = ANY (ARRAY(
                SELECT id FROM relay_usage WHERE (SELECT mine FROM turn) ORDER BY id LIMIT $1))
            RETURNING *),
        added AS (INSERT INTO usage_day AS d (day, user_id, key_id, model_id, account_id, user_identifier,
                accepted, succeeded, failed, captured_micros, video_seconds, images, input_tokens,
                output_tokens)
            SELECT day, user_id, key_id, model_id, account_id, '', sum(accepted), sum(succeeded), sum(failed),
                sum(captured_micros), 0, 0, sum(input_tokens), sum(output_tokens)
            FROM done GROUP BY 1, 2, 3, 4, 5
            ON CONFLICT (day, user_id, key_id, model_id, account_id, user_identifier) DO UPDATE SET
                accepted = d.accepted + excluded.accepted, succeeded = d.succeeded + excluded.succeeded,
                failed = d.failed + excluded.failed,
                captured_micros = d.captured_micros + excluded.captured_micros,
                input_tokens = d.input_tokens + excluded.input_tokens,
                output_tokens = d.output_tokens + excluded.output_tokens)
        SELECT id FROM done
        """)

    // $2 is the key that failed: an account that has another one by now is not to blame. $3 to $9: `blamed`.
    static let accountBlame = Statement(
        "account_blame",
        """
        WITH p AS (SELECT id AS account_id FROM account WHERE id = $1 AND credential_sealed = $2::bytea),
        \(blamed)
        SELECT (SELECT fall FROM blamed) FROM p
        """)

    static let accountClear = Statement(
        "account_clear",
        """
        UPDATE account SET consecutive_errors = 0, consecutive_throttles = 0,
            state = CASE WHEN \(isBack) THEN 'active' ELSE state END,
            state_reason = CASE WHEN \(isBack) THEN '' ELSE state_reason END
        WHERE id = $1 AND (\(isBack) OR consecutive_errors > 0 OR consecutive_throttles > 0)
        """)

    /// Every way to a text model's account that is neither switched off nor out of credit, by position.
    public func relayPaths() throws(KinoraError) -> [RelayPath] {
        try rows(Self.relayPaths) { row in
            RelayPath(
                model: row.text(0), vendorModel: row.text(1), position: row.integer(2), weight: row.real(3),
                account: ClaimedAccount(row, from: 6), rest: .seconds(row.real(4)), hasErrors: row.bool(5))
        }
    }

    /// Admits a request to a text model and holds what it may cost at most. Throws `insufficientQuota`,
    /// `rateLimitExceeded` or `concurrencyLimitExceeded`: then nothing was kept and nothing counted.
    public func admitRelay(
        of caller: Caller, model: String, holding most: Amount, endsWithin seconds: Int64
    ) throws(KinoraError) -> (row: Int64, allowance: Allowance?) {
        let found = try rows(
            Self.relayAdmit,
            [
                .integer(caller.userID), .integer(caller.keyID), .text(model), .integer(most.micros),
                .integer(seconds), .bool(caller.isLimited),
            ]
        ) { (Admission($0), $0.optionalInteger(6)) }
        let row = found.first?.1
        let allowance = try Self.judge(found.compactMap(\.0), isAccepted: row != nil)
        guard let row else { throw KinoraError(.internalFault, detail: "relay_admit gave no row") }
        return (row, allowance)
    }

    /// Ends an admitted request that cost so much. The second end of the same one changes nothing.
    public func endRelay(
        _ row: Int64, cost: Amount, account: Int64?, _ count: RelayCount
    ) throws(KinoraError) {
        try execute(
            Self.relayEnd,
            [
                .integer(row), .integer(cost.micros), .optional(account), .integer(count.succeeded),
                .integer(count.failed), .integer(count.tokens.input), .integer(count.tokens.output),
            ])
    }

    /// Counts requests that cost nothing.
    public func countRelays(_ counts: [RelayCount.Place: RelayCount]) throws(KinoraError) {
        guard !counts.isEmpty else { return }
        func column(_ value: ((key: RelayCount.Place, value: RelayCount)) -> Int64) -> Value {
            .integers(counts.map(value))
        }
        try execute(
            Self.relayCount,
            [
                column { $0.key.user }, column { $0.key.key }, .texts(counts.map(\.key.model)),
                column { $0.key.account ?? 0 }, column { $0.value.succeeded }, column { $0.value.failed },
                column { $0.value.tokens.input }, column { $0.value.tokens.output },
            ])
    }

    /// Ends a request that whoever carried it has left behind. False when there is none.
    public func sweepRelay() throws(KinoraError) -> Bool { try execute(Self.relaySweep) > 0 }

    /// Adds up what requests to text models have used, at most so many rows; how many that were.
    public func rollRelayUsage(limit: Int) throws(KinoraError) -> Int {
        try rows(Self.relayUsageRoll, [.integer(Int64(limit))]) { $0.integer(0) }.count
    }

    /// Writes down what an error says of an account. What the account became by it; nil: nothing new.
    public func blame(
        _ account: ClaimedAccount, _ error: KinoraError, _ blame: Blame
    ) throws(KinoraError) -> AccountFall? {
        try first(
            Self.accountBlame,
            [.integer(account.row), .bytes(account.sealedCredential)] + Self.values(error, blame)
        ) { $0.optionalText(0).flatMap(AccountFall.init(rawValue:)) } ?? nil
    }

    /// Forgets the errors of an account that has answered.
    public func clear(_ account: ClaimedAccount) throws(KinoraError) {
        try execute(Self.accountClear, [.integer(account.row)])
    }
}
