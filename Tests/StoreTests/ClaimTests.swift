import Core
import Synchronization
import TestSupport
import Testing

@testable import Store

@Suite(.freshDatabase) struct ClaimTests {
    let database = TestDatabase.current
    let store = TestDatabase.current.store()

    private func worker() throws -> Int64 { try database.worker() }

    @discardableResult
    private func submit(_ count: Int, _ caller: Caller, model: String = "sora-2") throws -> [Int64] {
        try (0..<count).map { index in
            try #require(try store.submit(.sample(caller, model: model, prompt: "\(index)"))).row
        }
    }

    @Test func aClaimCarriesAllItTakesToAct() throws {
        let owner = try database.caller()
        let account = try database.account("one")
        let reference = StoredMedia(sha256: String(repeating: "0c", count: 32), bytes: 77, type: .webp)
        var new = NewTask.sample(owner)
        new.category = .i2v
        new.references = [try store.putAsset(reference, owner: owner.userID)]
        let row = try #require(try store.submit(new)).row
        let task = try #require(try store.claim(worker: try worker()).first)
        #expect((task.row, task.id, task.userID, task.model) == (row, new.id, owner.userID, "sora-2"))
        #expect((task.state, task.phase, task.progress, task.attempt) == (.running, .submitting, 0, 1))
        #expect(
            (task.kind, task.category, task.vendorTask, task.vendorModel) == (.video, .i2v, nil, "sora-2"))
        #expect((task.prompt, task.parameters, task.references) == (new.prompt, new.parameters, [reference]))
        #expect((task.account.row, task.account.vendor) == (account, "openai"))
        #expect((task.account.baseURL, task.account.sealedCredential) == ("https://openai.example/v1", [1]))
        #expect(task.running >= .zero && task.running < .seconds(60))
        #expect(task.remaining > .seconds(1700) && task.remaining <= .seconds(1800))
    }

    /// Between the claim and what is read behind it the task was cancelled, say.
    @Test func aTaskWhoseClaimIsLostIsNotTakenWithoutItsReferences() throws {
        let owner = try database.caller()
        try database.account("one")
        var new = NewTask.sample(owner)
        let text = try #require(try store.submit(new)).row
        new = .sample(owner)
        new.category = .i2v
        let picture = try #require(try store.submit(new)).row
        let claimed = try store.claim(worker: try worker())
        #expect(Set(claimed.map(\.row)) == [text, picture])
        try database.sql("UPDATE task SET claim = claim + 1")
        #expect(try store.whole(claimed).map(\.row) == [text])
    }

    @Test func theFirstAcceptedIsTheFirstClaimedUnlessAPriorityIsLower() throws {
        let owner = try database.caller()
        try database.account("one", slots: 1)
        let rows = try submit(3, owner)
        try database.sql("UPDATE task SET priority = -1 WHERE id = \(rows[2])")
        var order: [Int64] = []
        for _ in rows {
            let task = try #require(try store.claim(worker: try worker()).first)
            order.append(task.row)
            _ = try store.failed(task, KinoraError(.generationFailed))
        }
        #expect(order == [rows[2], rows[0], rows[1]])
    }

    @Test func theLeastLoadedAccountComesFirst() throws {
        let owner = try database.caller()
        let large = try database.account("large", slots: 10), small = try database.account("small", slots: 2)
        try submit(12, owner)
        let worker = try worker()
        var shares: [Int64: Int] = [:]
        for _ in 0..<6 {
            let task = try #require(try store.claim(worker: worker, limit: 1).first)
            shares[task.account.row, default: 0] += 1
        }
        // Both are half full: a load is a share of an account's own slots.
        #expect(shares == [large: 5, small: 1])
    }

    @Test func oneClaimOfManySpreadsThemAsWell() throws {
        let owner = try database.caller()
        let accounts = [try database.account("one", slots: 4), try database.account("two", slots: 4)]
        try submit(4, owner)
        let claimed = try store.claim(worker: try worker())
        let shares = Dictionary(grouping: claimed, by: \.account.row).mapValues(\.count)
        #expect(shares == [accounts[0]: 2, accounts[1]: 2])
    }

    @Test func aHeavierAccountGetsMore() throws {
        let owner = try database.caller()
        let light = try database.account("light", slots: 12), heavy = try database.account("heavy", slots: 12)
        try database.sql("UPDATE account SET weight = 3 WHERE id = \(heavy)")
        try submit(8, owner)
        let claimed = try store.claim(worker: try worker())
        let shares = Dictionary(grouping: claimed, by: \.account.row).mapValues(\.count)
        #expect(shares == [light: 2, heavy: 6])
    }

    @Test func aClaimTakesNoMoreThanItsLimit() throws {
        let owner = try database.caller()
        try database.account("one", slots: 50)
        try submit(20, owner)
        let worker = try worker()
        #expect(try store.claim(worker: worker, limit: 7).count == 7)
        #expect(try store.claim(worker: worker, limit: 100).count == 13)
    }

    @Test(arguments: [
        "state = 'disabled'", "state = 'invalid'",
        "state = 'cooling', cooling_until = now() + interval '1 minute'",
    ])
    func anAccountThatMayNotWorkGetsNothing(_ state: String) throws {
        let owner = try database.caller()
        try database.account("one")
        try database.sql("UPDATE account SET \(state)")
        try submit(1, owner)
        #expect(try store.claim(worker: try worker()).isEmpty)
        try database.sql("UPDATE account SET state = 'active', cooling_until = NULL")
        #expect(try store.claim(worker: try worker()).count == 1)
    }

    @Test func anAccountThatHasCooledDownWorksAgain() throws {
        let owner = try database.caller()
        try database.account("one")
        try database.sql("UPDATE account SET state = 'cooling', cooling_until = now() - interval '1 second'")
        try submit(1, owner)
        #expect(try store.claim(worker: try worker()).count == 1)
    }

    @Test func aVendorWithoutAFreeAccountHoldsUpNobodyElse() throws {
        let owner = try database.caller()
        try database.model("other-1", vendor: "other")
        try database.account("busy", slots: 1)
        let free = try database.account("free", vendor: "other", slots: 4)
        let worker = try worker()
        try submit(50, owner)
        #expect(try store.claim(worker: worker).count == 1)
        // Behind 49 tasks that cannot run.
        try submit(2, owner, model: "other-1")
        #expect(try store.claim(worker: worker, limit: 10).map(\.account.row) == [free, free])
    }

    @Test func aModelsSecondRouteIsUsedWhenTheFirstHasNoRoom() throws {
        let owner = try database.caller()
        try database.sql(
            """
            INSERT INTO route (model_id, vendor, vendor_model, position)
            VALUES ('sora-2', 'other', 'their-name', 2)
            """
        )
        let first = try database.account("first", slots: 1)
        let second = try database.account("second", vendor: "other", slots: 1)
        try submit(3, owner)
        let worker = try worker()
        let claimed = try store.claim(worker: worker) + store.claim(worker: worker)
        #expect(claimed.map(\.account.row) == [first, second])
        #expect(claimed.map(\.vendorModel) == ["sora-2", "their-name"])
        try database.sql("UPDATE route SET enabled = false WHERE vendor = 'openai'")
        #expect(try store.failed(claimed[0], KinoraError(.generationFailed)))
        #expect(try store.claim(worker: worker).isEmpty)
    }

    @Test func aPinnedTaskRunsOnItsAccountAndWaitsForNothingElse() throws {
        let owner = try database.caller()
        let home = try database.account("home", slots: 2), away = try database.account("away", slots: 100)
        try submit(200, owner)
        let pinned = try submit(5, owner)
        try database.sql("UPDATE task SET pinned_account_id = \(home) WHERE id IN (\(list(pinned)))")
        let worker = try worker()
        // Each slot of their account goes to a pinned task while there is one, not to the 200 older ones.
        var seen: [Int64] = []
        for left in [5, 3, 1] {
            let claimed = try store.claim(worker: worker).filter { $0.account.row == home }
            let mine = claimed.map(\.row).filter(pinned.contains)
            #expect(mine.count == min(2, left))
            seen += mine
            for task in claimed { _ = try store.failed(task, KinoraError(.generationFailed)) }
        }
        #expect(seen.sorted() == pinned)
        #expect(
            try database.count("attempt WHERE account_id = \(away) AND task_id IN (\(list(pinned)))") == 0)
    }

    /// A remix can run nowhere else; a paused account gets nothing but that.
    @Test func aPinnedTaskRunsOnAPausedAccountAndOthersDoNot() throws {
        let owner = try database.caller()
        let home = try database.account("home")
        let rows = try submit(2, owner)
        try database.sql(
            """
            UPDATE task SET pinned_account_id = \(home) WHERE id = \(rows[1]);
            UPDATE account SET state = 'disabled';
            """)
        let worker = try worker()
        #expect(try store.claim(worker: worker).map(\.row) == [rows[1]])
        #expect(try store.claim(worker: worker).isEmpty)
        let away = try database.account("away")
        #expect(try store.claim(worker: worker).map { [$0.row, $0.account.row] } == [[rows[0], away]])
    }

    /// It would only be refused again, until its tries are used up.
    @Test(arguments: [
        "state = 'cooling', cooling_until = now() + interval '1 hour'",
        "state = 'disabled', cooling_until = now() + interval '1 hour'", "exhausted_at = now()",
    ])
    func aPinnedTaskWaitsForAnAccountThatRests(_ rest: String) throws {
        let home = try database.account("home")
        try database.account("away")
        let rows = try submit(1, try database.caller())
        try database.sql("UPDATE task SET pinned_account_id = \(home)")
        try database.sql("UPDATE account SET \(rest) WHERE id = \(home)")
        #expect(try store.claim(worker: try worker()).isEmpty)
        try database.sql("UPDATE account SET cooling_until = now(), exhausted_at = NULL")
        #expect(try store.claim(worker: try worker()).map(\.row) == rows)
    }

    @Test func aPinnedTaskWaitsForAnAccountWhoseCredentialsAreInvalid() throws {
        let owner = try database.caller()
        let home = try database.account("home")
        try database.account("away")
        let pinned = try submit(1, owner)
        try database.sql(
            """
            UPDATE task SET pinned_account_id = \(home);
            UPDATE account SET state = 'invalid' WHERE id = \(home);
            """)
        #expect(try store.claim(worker: try worker()).isEmpty)
        try database.sql("UPDATE account SET state = 'disabled' WHERE id = \(home)")
        #expect(try store.claim(worker: try worker()).map(\.row) == pinned)
    }

    @Test func aPinnedTaskWhoseRouteIsGoneBlocksNoOther() throws {
        let owner = try database.caller()
        let home = try database.account("home", slots: 1)
        let rows = try submit(2, owner)
        try database.model("other-1", vendor: "openai")
        try database.sql(
            "UPDATE task SET pinned_account_id = \(home), model_id = 'gone-1' WHERE id = \(rows[0])")
        #expect(try store.claim(worker: try worker()).map(\.row) == [rows[1]])
    }

    private func list(_ rows: [Int64]) -> String { rows.map(String.init).joined(separator: ",") }

    @Test func aTaskThatIsNotDueYetIsLeft() throws {
        let owner = try database.caller()
        try database.account("one")
        try submit(1, owner)
        let first = try #require(try store.claim(worker: try worker()).first)
        #expect(try store.requeue(first, delay: .seconds(60), KinoraError(.upstreamRate)))
        #expect(try store.claim(worker: try worker()).isEmpty)
        try database.sql("UPDATE task SET due_at = now()")
        let second = try #require(try store.claim(worker: try worker()).first)
        #expect((second.attempt, second.claim) == (2, 2))
        #expect(
            try database.sql("SELECT number, outcome FROM attempt ORDER BY number") == [
                ["1", "abandoned"], ["2", nil],
            ])
    }

    @Test func theDeadlineStandsFromTheFirstAttemptOn() throws {
        let owner = try database.caller()
        try database.account("one")
        try submit(1, owner)
        let first = try #require(try store.claim(worker: try worker()).first)
        let deadline = try database.value("SELECT deadline_at FROM task")
        _ = try store.requeue(first, delay: .zero, KinoraError(.upstreamRate))
        #expect(try store.claim(worker: try worker()).count == 1)
        #expect(try database.value("SELECT deadline_at FROM task") == deadline)
        #expect(try database.value("SELECT deadline_at - started_at FROM task") == "00:30:00")
    }

    @Test func imagesAndVideosHaveTheirOwnTime() throws {
        let owner = try database.caller()
        try database.model("picture", vendor: "openai", kind: .image)
        try database.account("one")
        var image = NewTask.sample(owner, model: "picture")
        image.kind = .image
        image.category = .t2i
        _ = try store.submit(image)
        _ = try store.claim(
            worker: try worker(), limit: 1, imageTimeoutSeconds: 77, videoTimeoutSeconds: 1800, served: [:])
        #expect(try database.value("SELECT deadline_at - started_at FROM task") == "00:01:17")
    }

    /// Numbers are given upwards; those that became free below the highest are found when that is the last.
    @Test func everySlotThatIsFreeIsFound() throws {
        let owner = try database.caller()
        let account = try database.account("one", slots: 4), worker = try worker()
        try submit(8, owner)
        let claimed = try store.claim(worker: worker)
        #expect(claimed.count == 4)
        for task in [claimed[0], claimed[2]] { _ = try store.failed(task, KinoraError(.generationFailed)) }
        #expect(try store.claim(worker: worker, limit: 1).count == 1)
        #expect(try store.claim(worker: worker).count == 1)
        #expect(try store.claim(worker: worker).isEmpty)
        let taken = "SELECT slot FROM attempt WHERE finished_at IS NULL ORDER BY slot"
        #expect(try database.sql(taken) == [["1"], ["2"], ["3"], ["4"]])
        // Fewer than are taken: none of them is free, whatever its number.
        for task in [claimed[1], claimed[3]] { _ = try store.failed(task, KinoraError(.generationFailed)) }
        try database.sql("UPDATE account SET slots = 3 WHERE id = \(account)")
        #expect(try store.claim(worker: worker).count == 1)
        #expect(try database.sql(taken) == [["1"], ["2"], ["3"]])
    }

    /// Seven threads of three workers, 500 tasks, ten slots: no slot twice, no task twice, none left.
    @Test func manyClaimersNeverShareASlotOrATask() throws {
        let owner = try database.caller()
        let slots = [2, 3, 5]
        let accounts = try slots.enumerated().map {
            try database.account("account \($0.offset)", slots: $0.element)
        }
        try submit(500, owner)
        let workers = try (0..<3).map { _ in try worker() }
        let ledger = SlotLedger(slots: Dictionary(uniqueKeysWithValues: zip(accounts, slots)))
        let stores = (0..<3).map { _ in database.store(connectionsMax: 3) }
        try concurrently(7, within: .seconds(120)) { thread in
            let store = stores[thread % 3]
            while ledger.finished < 500 {
                let claimed = try store.claim(worker: workers[thread % 3], limit: 1 + thread)
                claimed.forEach(ledger.note)
                for task in claimed {
                    _ = try store.accepted(task, vendorTask: "\(task.row)")
                    ledger.release(task)
                    _ = try store.failed(task, KinoraError(.generationFailed))
                }
            }
        }
        #expect(ledger.faults.isEmpty)
        #expect(ledger.finished == 500)
        #expect(try database.count("task WHERE state = 'failed' AND attempt = 1 AND claim = 1") == 500)
        #expect(try database.count("attempt") == 500)
        #expect(
            try database.count("attempt a JOIN account c ON c.id = a.account_id WHERE a.slot > c.slots") == 0)
        #expect(try database.count("attempt WHERE finished_at IS NULL") == 0)
    }

    @Test func manyClaimersOfDueTasksNeverShareOne() throws {
        let owner = try database.caller()
        try database.account("one", slots: 200)
        try submit(200, owner)
        let worker = try worker()
        for _ in 0..<2 {
            for task in try store.claim(worker: worker) {
                _ = try store.accepted(task, vendorTask: "\(task.row)")
            }
        }
        #expect(try store.leave(worker: worker) == 200)
        let claimed = Happening<Int64>()
        let store = store
        try concurrently(6) { _ in
            while case let due = try store.claimDue(worker: worker, limit: 9), !due.isEmpty {
                due.forEach { claimed.note($0.row) }
            }
        }
        #expect(claimed.all.count == 200)
        #expect(Set(claimed.all).count == 200)
    }
}

/// What claimers hold at a moment, kept beside the database.
private final class SlotLedger: Sendable {
    private struct State {
        var held: [Int64: Int] = [:]
        var seen: Set<Int64> = []
        var finished = 0
        var faults: [String] = []
    }

    private let slots: [Int64: Int]
    private let state = Mutex(State())

    init(slots: [Int64: Int]) { self.slots = slots }

    func note(_ task: ClaimedTask) {
        state.withLock { state in
            if !state.seen.insert(task.row).inserted {
                state.faults.append("task \(task.row) was claimed twice")
            }
            state.held[task.account.row, default: 0] += 1
            if state.held[task.account.row, default: 0] > slots[task.account.row] ?? 0 {
                state.faults.append("account \(task.account.row) runs more than its slots")
            }
        }
    }

    /// Before the row says so: between the two the database may have given the slot to somebody else already.
    func release(_ task: ClaimedTask) {
        state.withLock { state in
            state.held[task.account.row, default: 0] -= 1
            state.finished += 1
        }
    }

    var finished: Int { state.withLock { $0.finished } }
    var faults: [String] { state.withLock { $0.faults } }
}
