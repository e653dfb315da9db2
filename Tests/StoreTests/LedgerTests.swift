import Core
import Store
import TestSupport
import Testing

/// Quota is held, captured and released with the life of a task, and every transfer is written once.
@Suite(.freshDatabase) struct LedgerTests {
    let database = TestDatabase.current
    let store = TestDatabase.current.store()

    private static let price = Amount(micros: 250)

    private func quota(_ caller: Caller) throws -> [Int64] {
        let quota = try store.quota(of: caller)
        #expect(quota.total.micros == quota.available.micros + quota.held.micros + quota.used.micros)
        return [quota.available.micros, quota.held.micros, quota.used.micros]
    }

    private func kinds() throws -> [String?] {
        try database.sql("SELECT kind FROM ledger ORDER BY id").map { $0[0] }
    }

    private func expectSound() throws {
        let faults = try store.ledgerFaults(limit: 10)
        #expect(faults.isEmpty, "\(faults)")
    }

    /// A task in the hands of a worker, storing its result.
    private func claimed(_ caller: Caller) throws -> ClaimedTask {
        if try database.count("account") == 0 { try database.account("one", slots: 100) }
        _ = try store.submit(.sample(caller, price: Self.price))
        return try #require(try store.claim(worker: 1).first)
    }

    private static let media = StoredMedia(sha256: String(repeating: "0d", count: 32), bytes: 9, type: .mp4)

    // The life of a task -------------------------------------------------------------------------------

    @Test func anAcceptedTaskIsHeldForAndCapturedOnceItSucceeds() throws {
        let owner = try database.caller()
        try database.grant(1000)
        let task = try claimed(owner)
        #expect(try quota(owner) == [750, 250, 0])
        #expect(try store.storing(task))
        #expect(try quota(owner) == [750, 250, 0])
        #expect(try store.succeeded(task, results: [TaskResult(Self.media)]))
        #expect(try quota(owner) == [750, 0, 250])
        #expect(try kinds() == ["topup", "hold", "capture"])
        #expect(
            try database.sql("SELECT key_id, spent_micros FROM key_spend") == [["\(owner.keyID)", "250"]])
        try expectSound()
    }

    /// Every way in which a task ends without a result.
    enum End: CaseIterable {
        case failed, timedOut, cancelledQueued, cancelledRunning, expired
    }

    @Test(arguments: End.allCases)
    func aTaskThatEndsOtherwiseGivesAllOfItBack(_ end: End) throws {
        let owner = try database.caller()
        try database.grant(1000)
        let task = try claimed(owner)
        switch end {
        case .failed: #expect(try store.failed(task, KinoraError(.upstreamRequest)))
        case .timedOut: #expect(try store.failed(task, KinoraError(.taskDeadline)))
        case .cancelledRunning: #expect(try store.cancel(TaskReference(task.id)) != nil)
        case .cancelledQueued, .expired:
            #expect(try store.requeue(task, delay: .zero, KinoraError(.upstreamRate)))
            #expect(try quota(owner) == [750, 250, 0])
            try database.sql("UPDATE task SET deadline_at = now()")
            if end == .expired {
                #expect(try store.expire(limit: 10).map(\.row) == [task.row])
            } else {
                #expect(try store.cancel(TaskReference(task.id)) != nil)
            }
        }
        #expect(try quota(owner) == [1000, 0, 0])
        #expect(try kinds() == ["topup", "hold", "release"])
        #expect(try database.value("SELECT spent_micros FROM key_spend") == "0")
        try expectSound()
    }

    @Test func aSubmitAndItsHoldAreOneTransaction() throws {
        let owner = try database.caller()
        try database.grant(1000)
        _ = try store.submit(.sample(owner, price: Self.price))
        let writers = try database.sql(
            """
            SELECT xmin FROM task UNION SELECT xmin FROM ledger WHERE kind = 'hold'
            UNION SELECT xmin FROM wallet UNION SELECT xmin FROM key_spend
            """)
        #expect(writers.count == 1)
    }

    @Test func whatCostsNothingLeavesNoTraceAndNeedsNoQuota() throws {
        let owner = try database.caller()
        try database.account("one")
        _ = try store.submit(.sample(owner))
        let task = try #require(try store.claim(worker: 1).first)
        #expect(try store.storing(task) && store.succeeded(task, results: [TaskResult(Self.media)]))
        #expect(try database.count("ledger") == 0 && database.count("wallet") == 0)
        try expectSound()
    }

    @Test func aRepetitionOfASubmitIsHeldForOnce() throws {
        let owner = try database.caller()
        try database.grant(1000)
        for isFirst in [true, false] {
            var task = NewTask.sample(owner, price: Self.price)
            task.idempotency = ("once", [UInt8](repeating: 1, count: 32))
            #expect(try (store.submit(task) != nil) == isFirst)
        }
        #expect(try quota(owner) == [750, 250, 0])
        try expectSound()
    }

    // Races --------------------------------------------------------------------------------------------

    /// One holds the claim, one holds an older one, one cancels, and each tries again and again.
    @Test func threeSettlersRacingSettleOnce() throws {
        let owner = try database.caller()
        try database.grant(100_000)
        let store = store
        for round in 0..<12 {
            let task = try claimed(owner)
            #expect(try store.storing(task))
            let settled = Happening<String>()
            try concurrently(6) { thread in
                for _ in 0..<3 {
                    switch thread % 3 {
                    case 0:
                        if try store.succeeded(task, results: [TaskResult(Self.media)]) {
                            settled.note("capture")
                        }
                    case 1:
                        if try store.failed(task, KinoraError(.upstreamEmptyResult)) {
                            settled.note("release")
                        }
                    default: if try store.cancel(TaskReference(task.id)) != nil { settled.note("release") }
                    }
                }
            }
            #expect(settled.all.count == 1, "round \(round)")
            let last = try database.value("SELECT kind FROM ledger WHERE event = 'settle:\(task.row)'")
            #expect(last == settled.all.first)
            #expect(try store.quota(of: owner).held.micros == 0)
        }
        try expectSound()
    }

    @Test func aSecondSettlementIsRefusedByTheLedgerItself() throws {
        let owner = try database.caller()
        try database.grant(1000)
        let task = try claimed(owner)
        #expect(try store.storing(task) && store.succeeded(task, results: [TaskResult(Self.media)]))
        let again = #expect(throws: SQLFailure.self) {
            try database.sql(
                """
                INSERT INTO ledger (event, kind, debit, credit, user_id, task_id, amount_micros)
                SELECT event, 'release', 'held', 'available', user_id, task_id, amount_micros
                FROM ledger WHERE kind = 'capture'
                """)
        }
        #expect(again?.constraint == "ledger_event_unique")
        #expect(try quota(owner) == [750, 0, 250])
    }

    @Test func thirtyTwoThreadsOfTwoProcessesSpendItExactly() throws {
        let owner = try database.caller()
        try database.grant(20 * 250 + 249)
        let processes = [database.store(), database.store()]
        let outcomes = Happening<Bool>()
        try concurrently(32) { thread in
            for _ in 0..<2 {
                do throws(KinoraError) {
                    var task = NewTask.sample(owner, price: Self.price)
                    if thread % 4 == 0 {
                        task.idempotency = (task.id.description, .init(repeating: 1, count: 32))
                    }
                    outcomes.note(try processes[thread % 2].submit(task) != nil)
                } catch {
                    guard error.code == .insufficientQuota else { throw error }
                    outcomes.note(false)
                }
            }
        }
        #expect(outcomes.all.count { $0 } == 20)
        #expect(outcomes.all.count == 64)
        #expect(try database.count("task") == 20 && database.count("idempotency") <= 20)
        #expect(try quota(owner) == [249, 5000, 0])
        try expectSound()
    }

    @Test func theCapOfAKeyIsReachedExactlyAndOnlyByThatKey() throws {
        let owner = try database.caller(), sister = try database.caller()
        try database.grant(1_000_000)
        let publicID = try #require(
            try database.value("SELECT public_id FROM api_key WHERE id = \(owner.keyID)"))
        #expect(try store.limitKey(publicID: publicID, LimitChange(), quotaCap: Amount(micros: 7 * 250 + 1)))
        let outcomes = Happening<Bool>()
        let store = store
        try concurrently(16) { _ in
            do throws(KinoraError) {
                outcomes.note(try store.submit(.sample(owner, price: Self.price)) != nil)
            } catch {
                guard error.code == .insufficientQuota, error.message.contains("API key") else { throw error }
                outcomes.note(false)
            }
        }
        #expect(outcomes.all.count { $0 } == 7)
        #expect(try store.submit(.sample(sister, price: Self.price)) != nil)
        // What is given back may be spent again.
        let task = try #require(
            try database.value("SELECT left(replace(uid::text, '-', ''), 12) FROM task_input LIMIT 1"))
        #expect(try store.cancel(try #require(TaskReference("x-\(task)"))) != nil)
        #expect(try store.submit(.sample(owner, price: Self.price)) != nil)
        #expect(throws: KinoraError.self) { try store.submit(.sample(owner, price: Self.price)) }
        #expect(try store.limitKey(publicID: publicID, LimitChange(), quotaCap: Amount(micros: 0)))
        #expect(try store.submit(.sample(owner, price: Self.price)) != nil)
        try expectSound()
    }

    /// Two processes that give tasks of the same users back, each in its own order.
    @Test func manyExpireAtOnceWithoutWaitingInACircle() throws {
        let users = try (0..<8).map { try database.caller("user \($0)") }
        for index in users.indices { try database.grant(1_000_000, to: "user \(index)") }
        for _ in 0..<10 { for user in users { _ = try store.submit(.sample(user, price: Self.price)) } }
        try database.sql("UPDATE task SET deadline_at = now() - random() * interval '1 hour'")
        let processes = [database.store(), database.store()]
        let expired = Happening<Int>()
        try concurrently(4) { [database] thread in
            while try database.count("task WHERE state = 'queued'") > 0 {
                expired.note(try processes[thread % 2].expire(limit: 20).count)
            }
        }
        #expect(expired.all.reduce(0, +) == 80)
        for user in users { #expect(try quota(user) == [1_000_000, 0, 0]) }
        try expectSound()
    }

    // What cannot be paid ------------------------------------------------------------------------------

    @Test func aRefusedSubmitWritesNotOneRow() throws {
        let owner = try database.caller()
        try database.grant(249)
        for _ in 0..<50 {
            let error = #expect(throws: KinoraError.self) {
                try store.submit(.sample(owner, price: Self.price))
            }
            #expect(error?.code == .insufficientQuota)
        }
        // Not even dead ones.
        #expect(
            try database.sql("SELECT pg_relation_size('task'), pg_relation_size('task_input')") == [
                ["0", "0"]
            ])
        #expect(try quota(owner) == [249, 0, 0])
    }

    @Test func nobodyPaysWhatNobodyCanCount() throws {
        let owner = try database.caller()
        try database.grant(1000)
        let error = #expect(throws: KinoraError.self) {
            try store.submit(.sample(owner, price: Amount(micros: .max)))
        }
        #expect(error?.code == .insufficientQuota)
    }

    @Test func whoNeverHadQuotaHasNone() throws {
        let owner = try database.caller()
        #expect(try quota(owner) == [0, 0, 0])
        let error = #expect(throws: KinoraError.self) { try store.requireQuota(Self.price, of: owner) }
        #expect(error?.code == .insufficientQuota)
        try database.grant(250)
        #expect(throws: Never.self) { try store.requireQuota(Self.price, of: owner) }
        #expect(try quota(owner) == [250, 0, 0], "to look holds nothing")
    }
}
