import Core
import Store
import TestSupport
import Testing

/// What is held for requests to text models, what they cost, and what is counted of them.
@Suite(.freshDatabase) struct RelayTests {
    let database = TestDatabase.current
    let store = TestDatabase.current.store()

    private func quota(_ caller: Caller) throws -> [Int64] {
        let quota = try store.quota(of: caller)
        return [quota.available.micros, quota.held.micros, quota.used.micros]
    }

    private func expectSound() throws {
        let faults = try store.ledgerFaults(limit: 10)
        #expect(faults.isEmpty, "\(faults)")
    }

    private func admit(
        _ caller: Caller, holding micros: Int64 = 0, seconds: Int64 = 60
    ) throws(KinoraError) -> Int64 {
        try store.admitRelay(
            of: caller, model: "gpt-4", holding: Amount(micros: micros), endsWithin: seconds
        ).row
    }

    private func limited(requests: Int? = nil, tasks: Int? = nil) throws -> Caller {
        let caller = try database.caller()
        try database.sql(
            """
            UPDATE api_key SET requests_per_minute = \(requests.map(String.init) ?? "NULL"),
                concurrent_tasks_max = \(tasks.map(String.init) ?? "NULL") WHERE id = \(caller.keyID)
            """)
        return Caller(userID: caller.userID, keyID: caller.keyID, isLimited: true)
    }

    private func usage(_ group: UsageGroup = .model) throws -> [JSONObject] {
        try store.listUsage(UsageQuestion(group: group))
    }

    private static let answered = RelayCount(succeeded: 1, tokens: TokenUsage(input: 30, output: 12))
    private static let unanswered = RelayCount(failed: 1)

    // Money --------------------------------------------------------------------------------------------

    @Test func theMostIsHeldAndWhatItCostIsCaptured() throws {
        let owner = try database.caller()
        try database.grant(1000)
        let relay = try admit(owner, holding: 400)
        #expect(try quota(owner) == [600, 400, 0])
        try expectSound()
        let account = try database.account("one")
        try store.endRelay(relay, cost: Amount(micros: 150), account: account, Self.answered)
        #expect(try quota(owner) == [850, 0, 150])
        #expect(try database.sql("SELECT spent_micros FROM key_spend") == [["150"]])
        #expect(try database.count("relay") == 0)
        try expectSound()
        let events = try database.sql("SELECT event FROM ledger WHERE relay_id = \(relay) ORDER BY id").map {
            $0[0]
        }
        #expect(events == ["hold:r\(relay)", "capture:r\(relay)", "release:r\(relay)"])
    }

    @Test(
        arguments: [(0, [1000, 0, 0]), (400, [600, 0, 400]), (9000, [600, 0, 400])] as [(Int64, [Int64])])
    func neverMoreThanWasHeldIsCaptured(_ cost: Int64, _ expected: [Int64]) throws {
        let owner = try database.caller()
        try database.grant(1000)
        let relay = try admit(owner, holding: 400)
        try store.endRelay(relay, cost: Amount(micros: cost), account: nil, Self.answered)
        #expect(try quota(owner) == expected)
        try expectSound()
    }

    @Test func theSecondEndChangesNothing() throws {
        let owner = try database.caller()
        try database.grant(1000)
        let relay = try admit(owner, holding: 400)
        try concurrently(8) { _ in
            try store.endRelay(relay, cost: Amount(micros: 100), account: nil, Self.answered)
        }
        #expect(try quota(owner) == [900, 0, 100])
        #expect(try database.count("relay_usage") == 1)
        try expectSound()
    }

    @Test func whoCannotPayIsRefusedAndNothingIsWritten() throws {
        let owner = try database.caller()
        try database.grant(1000)
        _ = try admit(owner, holding: 700)
        #expect { try admit(owner, holding: 301) } throws: {
            ($0 as? KinoraError)?.code == .insufficientQuota
        }
        _ = try admit(owner, holding: 300)
        #expect(try database.count("relay") == 2)
        try database.sql("UPDATE api_key SET quota_cap_micros = 1000")
        try database.grant(1000)
        #expect { try admit(owner, holding: 1) } throws: { ($0 as? KinoraError)?.code == .insufficientQuota }
        try expectSound()
    }

    @Test func quotaThatPaysForSevenPaysForSeven() throws {
        let owner = try database.caller()
        try database.grant(700)
        let admitted = Happening<Int64>()
        try concurrently(16) { _ in
            for _ in 0..<2 {
                do throws(KinoraError) { admitted.note(try admit(owner, holding: 100)) } catch {
                    guard error.code == .insufficientQuota else { throw error }
                }
            }
        }
        #expect(admitted.all.count == 7)
        try expectSound()
    }

    // The dead -----------------------------------------------------------------------------------------

    @Test func whatItsProcessLeftBehindIsReleasedAtItsDeadline() throws {
        let owner = try database.caller()
        try database.grant(1000)
        let dead = try admit(owner, holding: 400)
        let alive = try admit(owner, holding: 100)
        #expect(try !store.sweepRelay())
        try database.sql("UPDATE relay SET deadline_at = now() - interval '1 s' WHERE id = \(dead)")
        // Before and after, the books are sound.
        try expectSound()
        #expect(try store.sweepRelay())
        #expect(try !store.sweepRelay())
        #expect(try quota(owner) == [900, 100, 0])
        #expect(try database.sql("SELECT id FROM relay") == [["\(alive)"]])
        #expect(try usage().map { $0["failed"] } == [1])
        // Its process was only slow: too late.
        try store.endRelay(dead, cost: Amount(micros: 400), account: nil, Self.answered)
        #expect(try quota(owner) == [900, 100, 0])
        try expectSound()
    }

    @Test func severalSweepersReleaseEachOnce() throws {
        let owner = try database.caller()
        try database.grant(1000)
        for _ in 0..<20 { _ = try admit(owner, holding: 10) }
        try database.sql("UPDATE relay SET deadline_at = now() - interval '1 s'")
        try concurrently(4) { _ in while try store.sweepRelay() {} }
        #expect(try quota(owner) == [1000, 0, 0])
        #expect(try database.count("relay_usage") == 20)
        try expectSound()
    }

    /// Whoever removes the row settles it.
    @Test func noRowCanGoWithoutItsMoney() throws {
        let owner = try database.caller()
        try database.grant(1000)
        _ = try admit(owner, holding: 400)
        try database.sql("DELETE FROM relay")
        #expect(try quota(owner) == [1000, 0, 0])
        try expectSound()
    }

    @Test func theProofSeesWhatDoesNotAgree() throws {
        let owner = try database.caller()
        try database.grant(1000)
        let relay = try admit(owner, holding: 400)
        try database.sql("UPDATE relay SET held_micros = 500")
        #expect(try store.ledgerFaults(limit: 10).map { $0["subject"] } == ["relay"])
        try database.sql("UPDATE relay SET held_micros = 400; ALTER TABLE relay DISABLE TRIGGER relay_settle")
        try database.sql("DELETE FROM relay")
        let faults = try store.ledgerFaults(limit: 10)
        #expect(faults.map { $0["subject"] } == ["relay"])
        #expect(faults.first?["id"] == .integer(relay))
    }

    // Limits -------------------------------------------------------------------------------------------

    @Test func requestsPerMinuteAreThoseOfSubmitsAndOfTextModelsTogether() throws {
        let caller = try limited(requests: 3)
        let first = try store.admitRelay(
            of: caller, model: "gpt-4", holding: Amount(micros: 0), endsWithin: 60)
        #expect(first.allowance == Allowance(requestsMax: 3, remaining: 2, resetSeconds: 60))
        #expect(try store.submit(.sample(caller), within: nil)?.allowance?.remaining == 1)
        _ = try admit(caller)
        #expect { try admit(caller) } throws: { error in
            let error = error as? KinoraError
            return error?.code == .rateLimitExceeded && error?.allowance?.remaining == 0
        }
        #expect(try database.count("relay") == 2)
    }

    @Test func openOnesCountAmongTheTasksAtOnce() throws {
        let caller = try limited(tasks: 2)
        let relay = try admit(caller)
        #expect(try store.submit(.sample(caller), within: nil) != nil)
        #expect { try admit(caller) } throws: { ($0 as? KinoraError)?.code == .concurrencyLimitExceeded }
        #expect { try store.submit(.sample(caller), within: nil) } throws: {
            ($0 as? KinoraError)?.code == .concurrencyLimitExceeded
        }
        try store.endRelay(relay, cost: Amount(micros: 0), account: nil, Self.answered)
        _ = try admit(caller)
    }

    @Test func manyThreadsFillTheLimitExactly() throws {
        let caller = try limited(tasks: 5)
        let admitted = Happening<Int64>()
        try concurrently(16) { _ in
            do throws(KinoraError) { admitted.note(try admit(caller)) } catch {
                guard error.code == .concurrencyLimitExceeded else { throw error }
            }
        }
        #expect(admitted.all.count == 5)
    }

    // Usage --------------------------------------------------------------------------------------------

    @Test func whatWasUsedIsThereBeforeAndAfterItIsAddedUp() throws {
        let owner = try database.caller()
        let account = try database.account("one")
        try database.grant(1000)
        for _ in 0..<3 {
            try store.endRelay(
                try admit(owner, holding: 100), cost: Amount(micros: 40), account: account, Self.answered)
        }
        try store.endRelay(
            try admit(owner, holding: 100), cost: Amount(micros: 0), account: nil, Self.unanswered)
        let place = RelayCount.Place(user: owner.userID, key: owner.keyID, model: "gpt-4", account: account)
        let counted = RelayCount(succeeded: 10, failed: 2, tokens: TokenUsage(input: 100, output: 50))
        try store.countRelays([place: counted])
        let before = try usage()
        #expect(before.map { $0["model"] } == ["gpt-4"])
        #expect(before[0]["accepted"] == 16 && before[0]["succeeded"] == 13 && before[0]["failed"] == 3)
        #expect(before[0]["input_tokens"] == 190 && before[0]["output_tokens"] == 86)
        #expect(before[0]["cost"] == "0.00012")
        #expect(try usage(.account).map { $0["accepted"] } == [15, 1])
        #expect(try store.rollRelayUsage(limit: 3) == 3)
        #expect(try usage() == before)
        #expect(try store.rollRelayUsage(limit: 100) == 2)
        #expect(try store.rollRelayUsage(limit: 100) == 0)
        #expect(try usage() == before)
        #expect(try database.count("relay_usage") == 0)
    }

    @Test func severalProcessesAddUpEachRowOnce() throws {
        let owner = try database.caller()
        let place = RelayCount.Place(user: owner.userID, key: owner.keyID, model: "gpt-4", account: nil)
        try concurrently(8) { _ in
            for _ in 0..<10 {
                try store.countRelays([
                    place: RelayCount(succeeded: 1, tokens: TokenUsage(input: 2, output: 3))
                ])
                _ = try store.rollRelayUsage(limit: 5)
            }
        }
        while try store.rollRelayUsage(limit: 100) > 0 {}
        let sums = try usage()
        #expect(sums.count == 1 && sums[0]["succeeded"] == 80)
        #expect(sums[0]["input_tokens"] == 160 && sums[0]["output_tokens"] == 240)
    }

    @Test func nothingToCountWritesNothing() throws {
        try store.countRelays([:])
        #expect(try database.count("relay_usage") == 0)
    }

    // Accounts -----------------------------------------------------------------------------------------

    private func path(_ name: String = "one") throws -> RelayPath? {
        try store.relayPaths().first { $0.model == "gpt-4" }
    }

    private func blame(_ account: ClaimedAccount, _ code: ErrorCode, after: Int? = nil) throws -> AccountFall?
    {
        let error = KinoraError(code, retryAfterSeconds: after, detail: "words")
        return try store.blame(account, error, try #require(Blame(error, errorsMax: 3)))
    }

    @Test func aWayLeadsToEveryAccountThatMayWork() throws {
        #expect(try store.relayPaths().isEmpty)
        try database.account("one")
        try database.account("two")
        #expect(try Set(store.relayPaths().map(\.model)) == ["gpt-4", "text-embedding-3-small"])
        #expect(try store.relayPaths().count == 4)
        try database.sql("UPDATE account SET state = 'disabled' WHERE name = 'one'")
        try database.sql("UPDATE route SET enabled = false WHERE model_id = 'gpt-4'")
        #expect(try store.relayPaths().map(\.model) == ["text-embedding-3-small"])
        try database.sql("UPDATE account SET exhausted_at = now()")
        #expect(try store.relayPaths().isEmpty)
    }

    @Test func aFaultOfAnAccountIsWrittenAsAfterATask() throws {
        try database.account("one")
        let account = try #require(try path()).account
        #expect(try blame(account, .upstreamRate, after: 300) == .cooling)
        let resting = try #require(try path())
        #expect(resting.rest > .seconds(200) && resting.hasErrors)
        #expect(try blame(account, .upstreamRate) == nil)
        try database.sql("UPDATE account SET cooling_until = now() - interval '1 s'")
        try store.clear(account)
        let rested = try #require(try path())
        #expect(!rested.hasErrors)
        #expect(try database.value("SELECT state FROM account") == "active")
        #expect(try blame(account, .upstreamMoney) == .exhausted)
        #expect(try path() == nil)
        try database.sql("UPDATE account SET exhausted_at = NULL")
        #expect(try blame(account, .upstreamCredential) == .invalid)
        #expect(try path() == nil)
    }

    @Test func errorsInARowDisableIt() throws {
        try database.account("one")
        let account = try #require(try path()).account
        for round in 1...3 {
            try database.sql("UPDATE account SET cooling_until = now() - interval '1 s'")
            #expect(try blame(account, .upstreamServer) == (round == 3 ? .disabled : .cooling))
        }
    }

    @Test func aKeyThatWasReplacedTellsNothingOfItsAccount() throws {
        try database.account("one")
        let account = try #require(try path()).account
        try database.sql("UPDATE account SET credential_sealed = '\\x02'")
        #expect(try blame(account, .upstreamCredential) == nil)
        #expect(try database.value("SELECT state FROM account") == "active")
    }
}
