public import Core

extension Statement {
    static let codes = [
        Store.codeRedeem, Store.codeBatchInsert, Store.codeBatchList, Store.codeList, Store.codeVoid,
        Store.codeBatchVoid,
    ]
}

/// A batch of codes to be made.
public struct NewCodes: Sendable {
    public var amount: Amount
    public var note: String
    public var expiresInDays: Int?
    /// Hashes of the codes, as the vault makes them, in hex digits.
    public var hashes: [String]

    public init(amount: Amount, note: String, expiresInDays: Int?, hashes: [String]) {
        self.amount = amount
        self.note = note
        self.expiresInDays = expiresInDays
        self.hashes = hashes
    }
}

extension Store {
    static let codeRedeem = Statement(
        "code_redeem",
        "SELECT refusal, retry_seconds, added_micros FROM redeem($1, $2, decode($3, 'hex'), $4)")

    static let codeBatchInsert = Statement(
        "code_batch_insert",
        """
        WITH b AS (INSERT INTO code_batch (amount_micros, note, expires_at)
            VALUES ($1, $2, now() + $3::bigint * interval '1 day') RETURNING id),
        c AS (INSERT INTO redemption_code (batch_id, code_hash)
            SELECT b.id, decode(h, 'hex') FROM b, unnest($4::text[]) h)
        SELECT id FROM b
        """)

    private static let isOpen = "redeemed_at IS NULL AND voided_at IS NULL"

    static let codeBatchList = Statement(
        "code_batch_list",
        """
        SELECT b.id, b.amount_micros, c.codes, c.redeemed, c.void, b.created_at, b.expires_at,
            coalesce(b.expires_at <= now(), false), b.note
        FROM code_batch b CROSS JOIN LATERAL (
            SELECT count(*) AS codes, count(redeemed_at) AS redeemed, count(voided_at) AS void
            FROM redemption_code WHERE batch_id = b.id) c
        ORDER BY b.id
        """)

    static let codeList = Statement(
        "code_list",
        """
        SELECT c.id, CASE WHEN c.redeemed_at IS NOT NULL THEN 'redeemed'
                WHEN c.voided_at IS NOT NULL THEN 'void' WHEN b.expires_at <= now() THEN 'expired'
                ELSE 'open' END,
            u.name, coalesce(c.redeemed_at, c.voided_at)
        FROM redemption_code c JOIN code_batch b ON b.id = c.batch_id
            LEFT JOIN app_user u ON u.id = c.redeemed_by
        WHERE c.batch_id = $1 ORDER BY c.id
        """)

    static let codeVoid = Statement(
        "code_void",
        """
        UPDATE redemption_code SET voided_at = now() WHERE code_hash = decode($1, 'hex') AND \(isOpen)
        RETURNING id
        """)

    static let codeBatchVoid = Statement(
        "code_batch_void",
        "UPDATE redemption_code SET voided_at = now() WHERE batch_id = $1 AND \(isOpen) RETURNING id")

    /// Adds what a code is worth to the caller's quota; gives how much that is. Throws `codeNotFound`,
    /// `codeUsed`, `codeExpired`, or `redemptionLimitExceeded` after too many codes that do not exist.
    public func redeem(codeHash: String, by caller: Caller) throws(KinoraError) -> Amount {
        let answer = try first(
            Self.codeRedeem,
            [
                .integer(caller.userID), .integer(caller.keyID), .text(codeHash),
                .integer(Int64(Limits.wrongCodesPerHourMax)),
            ]
        ) { (refusal: $0.optionalText(0), seconds: Int($0.integer(1)), added: $0.integer(2)) }
        switch answer?.refusal {
        case nil: return Amount(micros: answer?.added ?? 0)
        case "unknown": throw KinoraError(.codeNotFound, field: "code")
        case "used": throw KinoraError(.codeUsed, field: "code")
        case "limit":
            throw KinoraError(.redemptionLimitExceeded, retryAfterSeconds: answer?.seconds)
        default: throw KinoraError(.codeExpired, field: "code")
        }
    }

    /// The number of the batch. Throws `alreadyExists` when there is such a code already: then none was kept.
    public func addCodes(_ codes: NewCodes) throws(KinoraError) -> Int64 {
        try first(
            Self.codeBatchInsert,
            [
                .integer(codes.amount.micros), .text(codes.note),
                .optional(codes.expiresInDays.map(Int64.init)), .texts(codes.hashes),
            ]
        ) { $0.integer(0) } ?? 0
    }

    public func listCodeBatches() throws(KinoraError) -> [JSONObject] {
        try rows(Self.codeBatchList) { row in
            [
                "batch": .integer(row.integer(0)), "amount": Self.units(Amount(micros: row.integer(1))),
                "codes": .integer(row.integer(2)), "redeemed": .integer(row.integer(3)),
                "void": .integer(row.integer(4)), "created_at": .string(row.timestamp(5).iso8601),
                "expires_at": JSON(row.optionalTimestamp(6)?.iso8601), "expired": .bool(row.bool(7)),
                "note": .string(row.text(8)),
            ]
        }
    }

    /// The codes of a batch: not what they are, which nobody knows, but what became of them.
    public func listCodes(ofBatch batch: Int64) throws(KinoraError) -> [JSONObject] {
        try rows(Self.codeList, [.integer(batch)]) { row in
            [
                "code": .integer(row.integer(0)), "state": .string(row.text(1)),
                "user": JSON(row.optionalText(2)), "at": JSON(row.optionalTimestamp(3)?.iso8601),
            ]
        }
    }

    /// False when there is no such code, or it was redeemed or voided before.
    public func voidCode(hash: String) throws(KinoraError) -> Bool {
        try execute(Self.codeVoid, [.text(hash)]) > 0
    }

    /// How many codes of the batch that made worthless.
    public func voidCodes(ofBatch batch: Int64) throws(KinoraError) -> Int {
        try execute(Self.codeBatchVoid, [.integer(batch)])
    }
}
