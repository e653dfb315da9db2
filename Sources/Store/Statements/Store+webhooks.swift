public import Core

/// A message for a receiver, claimed to be sent now.
public struct WebhookDelivery: Sendable {
    public let row: Int64
    /// `webhook-id`: the same at every try, so that a receiver knows a repetition.
    public let message: String
    /// How often it was sent, this time included. Also the claim's fence.
    public let tries: Int
    /// The body, byte for byte.
    public let payload: String
    public let endpoint: WebhookEndpoint
}

/// Where messages go, and with whose signature.
public struct WebhookEndpoint: Sendable {
    public let row: Int64
    public let url: String
    public let sealedSecret: [UInt8]
}

/// What a try that failed leads to.
public struct WebhookFailure: Sendable {
    /// HTTP status; nil when no answer came.
    public var status: Int?
    public var error: String
    /// Nil: it is given up.
    public var nextTry: Duration?
    /// The receiver says that it is gone for good.
    public var isGone = false

    public init(status: Int?, error: String, nextTry: Duration?, isGone: Bool = false) {
        self.status = status
        self.error = error
        self.nextTry = nextTry
        self.isGone = isGone
    }
}

extension Statement {
    static let webhooks = [
        Store.webhookClaim, Store.webhookNextDue, Store.webhookDelivered, Store.webhookFailed,
        Store.webhookSweep,
    ]
}

extension Store {
    // Each receiver gets its turn: one with a long backlog must not keep the others waiting. The claim ends
    // by itself when its worker dies: long after the time-out, so that no message is on its way twice.
    static let webhookClaim = Statement(
        "webhook_claim",
        """
        WITH due AS MATERIALIZED (
            SELECT d.id FROM webhook_endpoint e CROSS JOIN LATERAL (
                SELECT id, due_at FROM webhook_delivery
                WHERE endpoint_id = e.id AND state = 'pending' AND due_at <= now()
                ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED) d
            WHERE e.enabled AND NOT e.id = ANY ($3::bigint[]) ORDER BY d.due_at LIMIT $1)
        UPDATE webhook_delivery d SET tries = d.tries + 1, tried_at = now(),
            due_at = now() + $4 * interval '1 s'
        FROM due, webhook_endpoint e
        WHERE d.id = due.id AND e.id = d.endpoint_id
        RETURNING d.id, 'msg_' || replace(d.uid::text, '-', ''), d.tries, d.payload, e.id, e.url,
            e.secret_sealed
        """)

    static let webhookNextDue = Statement(
        "webhook_next_due",
        """
        SELECT extract(epoch FROM min(d.due_at) - now())::float8
        FROM webhook_endpoint e LEFT JOIN LATERAL (
            SELECT due_at FROM webhook_delivery WHERE endpoint_id = e.id AND state = 'pending'
                AND NOT e.id = ANY ($1::bigint[])
            ORDER BY due_at LIMIT 1) d ON true
        WHERE e.enabled HAVING count(*) > 0
        """)

    static let webhookDelivered = Statement(
        "webhook_delivered",
        """
        WITH d AS (UPDATE webhook_delivery SET state = 'delivered', due_at = NULL, finished_at = now(),
            last_status = $2, last_error = NULL
            WHERE id = $1 AND state = 'pending' RETURNING endpoint_id),
        e AS (UPDATE webhook_endpoint e SET consecutive_failures = 0, failing_since = NULL
            FROM d WHERE e.id = d.endpoint_id AND failing_since IS NOT NULL)
        SELECT endpoint_id FROM d
        """)

    // $2 is the fence: another worker may have tried since.
    static let webhookFailed = Statement(
        "webhook_failed",
        """
        WITH d AS (UPDATE webhook_delivery SET last_status = $3, last_error = $4,
            state = CASE WHEN $5::float8 IS NULL THEN 'failed' ELSE 'pending' END,
            due_at = now() + $5::float8 * interval '1 s',
            finished_at = CASE WHEN $5::float8 IS NULL THEN now() END
            WHERE id = $1 AND tries = $2 AND state = 'pending' RETURNING endpoint_id, state),
        why AS (SELECT e.id, e.enabled, e.consecutive_failures + (d.state = 'failed')::int AS failures,
            CASE WHEN NOT e.enabled THEN e.disabled_reason
                WHEN $6::boolean THEN 'the receiver answered 410 Gone'
                WHEN e.consecutive_failures + (d.state = 'failed')::int >= $7::integer
                    THEN $7::integer || ' deliveries in a row were given up'
                WHEN e.failing_since < now() - $8::integer * interval '1 day'
                    THEN 'no delivery succeeded for ' || $8::integer || ' days' END AS reason
            FROM d JOIN webhook_endpoint e ON e.id = d.endpoint_id)
        UPDATE webhook_endpoint e SET consecutive_failures = why.failures,
            failing_since = coalesce(e.failing_since, now()),
            enabled = why.reason IS NULL, disabled_reason = why.reason
        FROM why WHERE e.id = why.id RETURNING CASE WHEN why.enabled THEN why.reason END
        """)

    static let webhookSweep = Statement(
        "webhook_sweep",
        """
        DELETE FROM webhook_delivery WHERE id = ANY (ARRAY(
            SELECT id FROM webhook_delivery WHERE created_at < now() - $1 * interval '1 day'
                AND (state <> 'pending' OR due_at < now() - interval '1 day') LIMIT 1000))
        """)

    /// Messages to be sent now: at most `limit`, at most `each` for an endpoint, none for those that are
    /// `busy`. Nobody else is given them for `lease`.
    public func claimWebhooks(
        limit: Int, each: Int, except busy: [Int64], lease: Duration
    ) throws(KinoraError) -> [WebhookDelivery] {
        try rows(
            Self.webhookClaim,
            [.integer(Int64(limit)), .integer(Int64(each)), .integers(busy), .real(lease.inSeconds)]
        ) { row in
            WebhookDelivery(
                row: row.integer(0), message: row.text(1), tries: Int(row.integer(2)), payload: row.text(3),
                endpoint: WebhookEndpoint(
                    row: row.integer(4), url: row.text(5), sealedSecret: row.bytes(6)))
        }
    }

    /// When a message for one of the endpoints that are not `busy` is due. `hasEndpoints` false: nobody wants
    /// to be told anything.
    public func nextWebhook(
        except busy: [Int64]
    ) throws(KinoraError) -> (hasEndpoints: Bool, due: Duration?) {
        try first(Self.webhookNextDue, [.integers(busy)]) { row in
            (true, row.optionalReal(0).map { .seconds($0) })
        } ?? (false, nil)
    }

    /// The receiver has it. Such an answer counts whoever asked for it.
    public func webhookDelivered(_ delivery: WebhookDelivery, status: Int) throws(KinoraError) {
        try execute(Self.webhookDelivered, [.integer(delivery.row), .integer(Int64(status))])
    }

    /// The try failed. Gives the reason when that switched the endpoint off; nil when it was off already.
    public func webhookFailed(
        _ delivery: WebhookDelivery, _ failure: WebhookFailure
    ) throws(KinoraError) -> String? {
        try first(
            Self.webhookFailed,
            [
                .integer(delivery.row), .integer(Int64(delivery.tries)),
                .optional(failure.status.map(Int64.init)), .text(failure.error),
                failure.nextTry.map { .real($0.inSeconds) } ?? .null, .bool(failure.isGone),
                .integer(Int64(Limits.webhookFailuresMax)), .integer(Int64(Limits.webhookFailingDaysMax)),
            ]
        ) { $0.optionalText(0) } ?? nil
    }

    /// Forgets old messages, at most a thousand at a time. How many.
    public func sweepWebhooks() throws(KinoraError) -> Int {
        try execute(Self.webhookSweep, [.integer(Int64(Limits.webhookLogDays))])
    }
}
