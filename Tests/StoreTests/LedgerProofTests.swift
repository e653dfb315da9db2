import Core
import Store
import TestSupport
import Testing

/// The ledger cannot be changed, and what somebody with all rights breaks is found.
@Suite(.freshDatabase) struct LedgerProofTests {
    let database = TestDatabase.current
    let store = TestDatabase.current.store()

    /// An open, a succeeded and a failed task, of 100 each, from a thousand.
    private func lives() throws -> Caller {
        let owner = try database.caller()
        try database.grant(1000)
        try database.account("one")
        for _ in 0..<3 { _ = try store.submit(.sample(owner, price: Amount(micros: 100))) }
        let claimed = try store.claim(worker: 1)
        let media = StoredMedia(sha256: String(repeating: "0d", count: 32), bytes: 9, type: .mp4)
        #expect(try store.storing(claimed[0]) && store.succeeded(claimed[0], results: [TaskResult(media)]))
        #expect(try store.failed(claimed[1], KinoraError(.upstreamRequest)))
        #expect(try store.ledgerFaults(limit: 9).isEmpty)
        return owner
    }

    private func faults() throws -> [String] {
        try store.ledgerFaults(limit: 99).map { fault in
            let id = fault["id"]?.integerValue.map { " \($0)" } ?? ""
            return "\(fault["subject"]?.stringValue ?? "")\(id): \(fault["fault"]?.stringValue ?? "")"
        }
    }

    @Test(arguments: [
        "UPDATE ledger SET amount_micros = 1", "UPDATE ledger SET note = 'x' WHERE id = 1",
        "DELETE FROM ledger", "TRUNCATE ledger", "UPDATE ledger SET id = DEFAULT WHERE false",
    ])
    func notEvenTheOwnerChangesTheLedger(_ statement: String) throws {
        _ = try lives()
        let before = try database.sql("SELECT * FROM ledger ORDER BY id")
        let failure = #expect(throws: SQLFailure.self) { try database.sql(statement) }
        #expect(failure?.constraint == "ledger_append_only")
        #expect(try database.sql("SELECT * FROM ledger ORDER BY id") == before)
    }

    @Test func theAppAddsToTheLedgerAndWritesNoBalance() throws {
        let owner = try lives()
        let app = try database.newSession()
        try app.rows("SET ROLE kinora_app")
        for statement in [
            "UPDATE ledger SET note = 'x'", "DELETE FROM ledger", "TRUNCATE ledger",
            "UPDATE wallet SET available_micros = 9", "INSERT INTO wallet (user_id) VALUES (99)",
            "DELETE FROM wallet", "UPDATE key_spend SET spent_micros = 0",
            "INSERT INTO key_spend VALUES (99, 0)", "ALTER TABLE ledger DISABLE TRIGGER ALL",
            "SELECT ledger_book()",
        ] {
            let failure = #expect(throws: SQLFailure.self, "\(statement)") { try app.rows(statement) }
            #expect(["42501", "0A000"].contains(failure?.state), "\(statement) \(failure?.state ?? "")")
        }
        #expect(try store.quota(of: owner).available.micros == 800)
    }

    private static let entry = """
        INSERT INTO ledger (event, kind, debit, credit, user_id, task_id, amount_micros) VALUES
        """

    @Test(arguments: [
        ("ledger_books_of_kind", "('topup:x', 'topup', 'issued', 'used', 1, NULL, 5)"),
        ("ledger_books_of_kind", "('settle:7', 'capture', 'available', 'used', 1, 7, 5)"),
        ("ledger_books_of_kind", "('gift:x', 'gift', 'issued', 'available', 1, NULL, 5)"),
        ("ledger_amount_in_range", "('topup:x', 'topup', 'issued', 'available', 1, NULL, 0)"),
        ("ledger_amount_in_range", "('topup:x', 'topup', 'issued', 'available', 1, NULL, -5)"),
        ("ledger_amount_in_range", "('topup:x', 'topup', 'issued', 'available', 1, NULL, 1000000000000001)"),
        ("ledger_event_length", "('', 'topup', 'issued', 'available', 1, NULL, 5)"),
        ("ledger_subject_iff_settled", "('topup:x', 'topup', 'issued', 'available', 1, 7, 5)"),
        ("ledger_subject_iff_settled", "('hold:7', 'hold', 'available', 'held', 1, NULL, 5)"),
        ("wallet_held_not_negative", "('settle:7', 'capture', 'held', 'used', 1, 7, 5000)"),
        ("wallet_user_id_fkey", "('topup:x', 'topup', 'issued', 'available', 4711, NULL, 5)"),
    ])
    func anEntryThatMakesNoSenseIsRefused(_ rule: String, _ values: String) throws {
        _ = try lives()
        let failure = #expect(throws: SQLFailure.self) { try database.sql("\(Self.entry) \(values)") }
        #expect(failure?.constraint == rule)
    }

    /// As the owner of the tables may, who can switch their triggers off.
    private func tamper(_ statements: String) throws {
        func triggers(_ verb: String) -> String {
            "ALTER TABLE ledger \(verb) TRIGGER USER; ALTER TABLE task \(verb) TRIGGER USER;"
        }
        try database.sql("\(triggers("DISABLE")) \(statements); \(triggers("ENABLE"))")
    }

    @Test(arguments: [
        ("UPDATE wallet SET available_micros = available_micros + 7", ["books: ", "wallet 1: "]),
        ("DELETE FROM wallet", ["books: ", "wallet 1: "]),
        (
            "UPDATE wallet SET available_micros = available_micros - 7, used_micros = used_micros + 7",
            ["wallet 1: "]
        ),
        ("UPDATE key_spend SET spent_micros = 0", ["key 1: "]),
        ("UPDATE ledger SET amount_micros = 99 WHERE kind = 'capture'", ["task 1: ", "wallet 1: "]),
        ("DELETE FROM ledger WHERE kind = 'topup'", ["books: ", "wallet 1: "]),
        ("DELETE FROM ledger WHERE kind = 'capture'", ["task 1: ", "wallet 1: "]),
        ("DELETE FROM ledger WHERE kind = 'release'", ["key 1: ", "task 2: ", "wallet 1: "]),
        // One that was made up is no second capture in disguise.
        (
            "ALTER TABLE ledger ENABLE TRIGGER ledger_book; "
                + "\(entry) ('again:1', 'capture', 'held', 'used', 1, 1, 5)",
            ["task 1: "]
        ),
        ("UPDATE ledger SET user_id = 2 WHERE kind = 'topup'", ["wallet 1: ", "wallet 2: "]),
        ("UPDATE task SET price_micros = 5 WHERE id = 3", ["task 3: "]),
        ("DELETE FROM task WHERE id = 3", ["task 3: "]),
        (
            "UPDATE task SET state = 'cancelled', phase = NULL, due_at = NULL, finished_at = now() "
                + "WHERE id = 3",
            ["task 3: "]
        ),
        (
            "UPDATE task SET state = 'failed', progress = 0, error_code = 'x', error_message = 'x' "
                + "WHERE id = 1",
            ["task 1: "]
        ),
    ])
    func whatWasTamperedWithIsFound(_ statements: String, _ expected: [String]) throws {
        _ = try lives()
        try tamper(statements)
        let found = try faults()
        #expect(found.count == expected.count, "\(found)")
        for (fault, start) in zip(found, expected) { #expect(fault.hasPrefix(start), "\(found)") }
    }

    /// Finished tasks may be removed one day; their transfers stay.
    @Test func aSettledTaskMayBeGone() throws {
        _ = try lives()
        try tamper("DELETE FROM task WHERE finished_at IS NOT NULL")
        #expect(try faults() == [])
    }

    @Test func whatWasRedeemedStandsInTheLedger() throws {
        let owner = try lives()
        let hashes = (1...3).map { String(repeating: "0\($0)", count: 32) }
        let codes = NewCodes(amount: Amount(micros: 50), note: "", expiresInDays: nil, hashes: hashes)
        _ = try store.addCodes(codes)
        for hash in hashes { _ = try store.redeem(codeHash: hash, by: owner) }
        #expect(try faults() == [])
        try tamper(
            """
            DELETE FROM ledger WHERE event = 'code:1';
            UPDATE wallet SET available_micros = available_micros - 50;
            UPDATE redemption_code SET redeemed_at = NULL, redeemed_by = NULL WHERE id = 2;
            UPDATE code_batch SET amount_micros = 49
            """)
        #expect(
            try faults() == [
                "code 1: user 1 redeemed 49; the ledger has nothing",
                "code 3: user 1 redeemed 49; the ledger has code:3 of user 1, 50",
                "code: no such code was redeemed; the ledger has code:2 of user 1, 50",
            ])
    }

    @Test func aFaultSaysWhatIsWrong() throws {
        _ = try lives()
        try tamper("UPDATE wallet SET used_micros = 0; DELETE FROM ledger WHERE kind = 'capture'")
        #expect(
            try faults() == [
                "books: all wallets hold 900; 1000 was issued",
                "task 1: succeeded task of user 1, price 100: held 100, captured 0, released 0",
                "wallet 1: available, held, used are 800, 100, 0; the ledger says 800, 200, 0",
            ])
    }
}
