import Core
import Store
import TestSupport
import Testing

/// What is remembered of asking vendors about accounts.
@Suite(.freshDatabase) struct CheckTests {
    let database = TestDatabase.current
    let store = TestDatabase.current.store()

    private func facts() throws -> [String?] {
        try database.sql("SELECT credits_micros, check_error, low_since IS NOT NULL FROM account")[0]
    }

    @Test func anAccountIsFoundByNumberNameOrBoth() throws {
        let one = try database.account("one")
        let other = try database.account("one", vendor: "other")
        for (name, rows) in [
            ("\(one)", [one]), ("other/one", [other]), ("one", [one, other]), ("two", []), ("", []),
            ("%", []), ("一", []),
        ] {
            #expect(try store.accounts(named: name).map(\.account.row) == rows, "\(name)")
        }
    }

    @Test func onlyOpenAccountsAreWalkedThrough() throws {
        for state in ["active", "cooling", "disabled", "invalid"] {
            let row = try database.account(state)
            try database.sql("UPDATE account SET state = '\(state)', cooling_until = now() WHERE id = \(row)")
        }
        #expect(try store.openAccounts().map(\.name) == ["active", "cooling"])
    }

    @Test func aCheckIsRememberedAndChangesNothingElse() throws {
        let row = try database.account("one")
        func rest() throws -> String? {
            try database.value("SELECT (to_jsonb(a) - 'checked_at' - 'check_error')::text FROM account a")
        }
        let before = try rest()
        let words = String(repeating: "字", count: 600)
        try store.checked(account: row, error: KinoraError(.upstreamCredential, detail: words))
        #expect(try database.value("SELECT checked_at > now() - interval '1 minute' FROM account") == "t")
        #expect(try facts()[1] == "upstream_credential: " + String(repeating: "字", count: 479))
        try store.checked(account: row, error: KinoraError(.upstreamServer))
        #expect(try facts()[1] == "upstream_server")
        try store.checked(account: row, error: nil)
        #expect(try facts()[1] == nil)
        #expect(try rest() == before)
    }

    @Test func aLackOfCreditIsToldOnceUntilThereIsMoreAgain() throws {
        let row = try database.account("one")
        func read(_ micros: Int64?, _ lowest: Int64 = 100) throws -> Bool {
            try store.setCredits(micros, account: row, lowest: lowest)
        }
        #expect(try !read(100))
        #expect(try read(99))
        let since = try database.value("SELECT low_since FROM account")
        #expect(try !read(50))
        #expect(try database.value("SELECT low_since FROM account") == since)
        #expect(try facts() == ["50", nil, "t"])
        #expect(try !read(100))
        #expect(try facts() == ["100", nil, "f"])
        #expect(try read(0))
        #expect(try !read(nil))
        #expect(try facts() == [nil, nil, "f"])
        // 0: never.
        #expect(try !read(0, 0))
    }

    @Test func manyReadersTellOfALackOnce() throws {
        let row = try database.account("one")
        let told = Happening<Bool>()
        let store = store
        try concurrently(8) { _ in told.note(try store.setCredits(1, account: row, lowest: 100)) }
        #expect(told.all.count { $0 } == 1)
    }

    @Test func creditThatRoseMakesAnExhaustedAccountWorkAgain() throws {
        let row = try database.account("one")
        _ = try store.setCredits(50, account: row, lowest: 0)
        try database.sql("UPDATE account SET exhausted_at = now()")
        _ = try store.setCredits(50, account: row, lowest: 0)
        #expect(try database.count("account WHERE exhausted_at IS NULL") == 0)
        _ = try store.setCredits(51, account: row, lowest: 0)
        #expect(try database.count("account WHERE exhausted_at IS NULL") == 1)
    }
}
