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

    // Whose turn it is to be asked for its credit

    private func turn(_ minutes: Int = 60) throws -> String? {
        try store.takeCreditsTurn(every: .seconds(60 * minutes))?.name
    }

    @Test func accountsAreAskedOneAfterTheOtherOnceAPeriod() throws {
        for name in ["one", "two", "three"] { try database.account(name) }
        var asked: [String] = []
        while let name = try turn() {
            asked.append(name)
            // Nobody else asks meanwhile, and not at once afterwards.
            #expect(try turn() == nil)
            try store.endCreditsTurn(pause: .seconds(180))
            #expect(try turn() == nil)
            try store.endCreditsTurn(pause: .zero)
        }
        #expect(asked == ["one", "two", "three"])
        try database.sql("UPDATE account SET credits_asked_at = now() - interval '61 min' WHERE name = 'two'")
        #expect(try turn(62) == nil)
        #expect(try turn() == "two")
    }

    @Test func whoCannotPayIsAskedSoonerAndFirst() throws {
        for name in ["rich", "poor"] { try database.account(name) }
        try database.sql(
            """
            UPDATE account SET credits_asked_at = now() - interval '16 min';
            UPDATE account SET exhausted_at = now() WHERE name = 'poor'
            """)
        #expect(try turn() == "poor")
        try store.endCreditsTurn(pause: .zero)
        #expect(try turn() == nil)
        try database.sql("UPDATE account SET credits_asked_at = now() - interval '2 hours'")
        #expect(try turn() == "poor")
        try store.endCreditsTurn(pause: .zero)
        #expect(try turn() == "rich")
    }

    @Test func whoIsClosedOrDoesNotTellIsLeftOut() throws {
        let rows = try ["untold", "disabled", "invalid"].map { try database.account($0) }
        try store.noteUntoldCredits(of: rows[0])
        for row in rows[1...] {
            try database.sql("UPDATE account SET state = name WHERE id = \(row)")
        }
        #expect(try turn() == nil)
        // Another address may tell.
        try store.changeAccount(rows[0], AccountChange(slots: 2, weight: 2, proxyURL: ""))
        #expect(try turn() == nil)
        try store.changeAccount(rows[0], AccountChange(baseURL: "https://other.example/v1"))
        #expect(try turn() == "untold")
    }

    @Test func theTurnOfOneThatDiedIsOverAndClocksThatWereSetBackHoldNobodyUp() throws {
        for name in ["one", "two", "three"] { try database.account(name) }
        #expect(try turn() == "one")
        #expect(
            try database.value("SELECT free_at BETWEEN now() AND now() + interval '3 min' FROM credit_turn")
                == "t")
        try database.sql("UPDATE credit_turn SET free_at = now() - interval '1 s'")
        #expect(try turn() == "two")
        try database.sql("UPDATE credit_turn SET free_at = now() + interval '1 day'")
        #expect(try turn() == "three")
    }

    @Test func ofManyThatWantATurnOneHasIt() throws {
        for index in 0..<8 { try database.account("account \(index)") }
        let stores = [database.store(), database.store()]
        let turns = Happening<String>()
        try concurrently(16) { thread in
            if let account = try stores[thread % 2].takeCreditsTurn(every: .seconds(60)) {
                turns.note(account.name)
            }
        }
        #expect(turns.all == ["account 0"])
        #expect(try database.count("account WHERE credits_asked_at IS NOT NULL") == 1)
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
