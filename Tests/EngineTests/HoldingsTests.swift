import Core
import Store
import TestSupport
import Testing
import Upstream

@testable import Engine

/// Tasks that rest at their worker between two looks.
@Suite(.freshDatabase) struct HoldingsTests {
    let stage: Stage

    init() throws { stage = try Stage(slots: [4]) }

    private static let pending = ScriptedVendor.Answer.json(200, ["status": "in_progress", "progress": 10])

    private func row() throws -> [[String?]] {
        // xmin changes with every write of the row.
        try stage.database.sql("SELECT xmin, progress, claim, worker_id, due_at FROM task")
    }

    /// One that is registered alone: a running one gives back what its table of holdings does not know.
    private func silentWorker() throws -> Int64 {
        try stage.store.registerWorker(host: "test", processID: 1)
    }

    /// A vendor that says the same again costs no write, however often it is asked.
    @Test func aPollThatBringsNothingNewWritesNothing() throws {
        stage.vendor.script { $0.step == .poll ? Self.pending : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .poll))
        #expect(try eventually { try stage.task(task.id)?.progress == 10 })
        let before = try row()
        #expect(stage.vendor.waits(for: .poll, times: 3))
        #expect(try eventually { try stage.resting() == 1 })
        #expect(try row() == before)
        stage.vendor.script { _ in nil }
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
    }

    @Test func whatWasCancelledIsPolledNoMore() throws {
        stage.vendor.script { $0.step == .poll ? Self.pending : nil }
        try stage.database.sql("UPDATE route SET usual_seconds = 100000")
        let worker = try stage.worker()
        let task = try stage.submit()
        #expect(try eventually { try stage.resting() == 1 })
        #expect(try stage.store.cancel(TaskReference(task.id)) != nil)
        #expect(eventually { worker.holdings.resting.isEmpty })
    }

    /// An operator renews a key while tasks run: the next poll has the new one, and the old one is not
    /// counted against the account.
    @Test func aTaskThatRestsIsPolledWithTheKeyThatItsAccountHasNow() throws {
        let fresh = "sk-fresh"
        stage.vendor.script { call in
            guard call.step == .poll else { return nil }
            return call.account.credential.revealed() == fresh ? nil : Self.pending
        }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .poll))
        let row = try #require(stage.vendor.calls(.poll).first?.account.row)
        let sealed = try stage.vault.seal(
            Secret(fresh), table: "account", row: row, column: "credential_sealed")
        try stage.database.sql("UPDATE account SET credential_sealed = '\\x\(Hex.text(sealed))'")
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(try stage.database.value("SELECT claim FROM task") == "1")
    }

    /// Not only those that rest at the moment when it is read.
    @Test func whoeverWasClaimedBeforeAnAccountWasReadIsPolledWithThat() throws {
        let holdings = Holdings()
        let worker = try silentWorker()
        for _ in 0..<2 { try stage.submit() }
        let tasks = try stage.store.claim(worker: worker)
        for task in tasks { holdings.take(task) }
        #expect(holdings.accounts == [tasks[0].account.row])
        try stage.database.sql("UPDATE account SET base_url = 'https://moved.example/v1'")
        let now = try stage.store.accounts(Array(holdings.accounts))
        holdings.rest(tasks[0], until: .now)
        holdings.note(now, readAt: .now)
        holdings.rest(tasks[1], until: .now)
        let due = holdings.due(at: .now + .seconds(1), limit: 9)
        #expect(due.map(\.task.account.baseURL) == Array(repeating: "https://moved.example/v1", count: 2))
        // What was claimed later knows better.
        holdings.note(now, readAt: tasks[0].claimedAt)
        holdings.rest(tasks[0], until: .now)
        let later = holdings.due(at: .now + .seconds(1), limit: 9)
        #expect(later.map(\.task.account.baseURL) == [tasks[0].account.baseURL])
    }

    @Test func aLookIsNeverDueTooEarlyNorTwice() throws {
        let holdings = Holdings()
        let worker = try silentWorker()
        for _ in 0..<3 { try stage.submit() }
        let tasks = try stage.store.claim(worker: worker)
        for task in tasks { holdings.take(task) }
        let now = ContinuousClock.now
        for (task, seconds) in zip(tasks, [30, 10, 20]) {
            holdings.rest(task, until: now + .seconds(seconds))
        }
        tasks.forEach(holdings.end)
        func due(_ seconds: Double, limit: Int = 9) -> [Int64] {
            holdings.due(at: now + .seconds(seconds), limit: limit).map(\.task.row)
        }
        #expect(due(10).isEmpty)
        let first = try #require(holdings.nextLook)
        #expect((now + .seconds(10)...now + .milliseconds(10_100)).contains(first))
        #expect(due(10.1) == [tasks[1].row])
        #expect(due(10.1).isEmpty)
        #expect(due(31, limit: 1) == [tasks[2].row])
        #expect(due(31) == [tasks[0].row])
        #expect(holdings.nextLook == nil)
        #expect(holdings.claims.count == 3)
        tasks.forEach(holdings.end)
        #expect(holdings.claims.isEmpty)
    }

    /// Nobody reads again and again what waits for it.
    @Test func aVendorThatHangsLeavesTheLooksToTheOthers() throws {
        let holdings = Holdings(looksMax: 2)
        let worker = try silentWorker()
        for _ in 0..<3 { try stage.submit() }
        let hanging = try stage.store.claim(worker: worker)
        try stage.database.sql("UPDATE account SET base_url = 'https://other.example/v1'")
        try stage.submit()
        let other = try #require(try stage.store.claim(worker: worker).first)
        for task in hanging + [other] {
            holdings.take(task)
            holdings.rest(task, until: .now)
            holdings.end(task)
        }
        func due() -> [ClaimedTask] { holdings.due(at: .now + .seconds(1), limit: 9).map(\.task) }
        let first = due()
        #expect(first.count == 3 && first.contains { $0.row == other.row })
        first.forEach(holdings.beginLook)
        #expect(holdings.hasRoom(for: other))
        #expect(!holdings.hasRoom(for: hanging[0]))
        // One is left, and whoever waits for the next look does not wait for that.
        #expect(due().isEmpty)
        #expect(holdings.nextLook == nil)
        holdings.rest(other, until: .now)
        #expect(due().map(\.row) == [other.row])
        _ = holdings.news.wait(for: .zero)
        let answered = try #require(first.first { $0.row != other.row })
        holdings.endLook(answered)
        #expect(holdings.news.wait(for: .zero), "there is room again")
        #expect(holdings.nextLook != nil)
        #expect(Set(due().map(\.row) + first.map(\.row)) == Set((hanging + [other]).map(\.row)))
        // Room that was never short is no news.
        holdings.endLook(other)
        #expect(!holdings.news.wait(for: .zero))
    }

    /// The answer to a call of an older claim comes after the task was claimed anew, or lost.
    @Test func onlyTheLatestClaimRests() throws {
        let holdings = Holdings()
        let worker = try silentWorker()
        try stage.submit()
        let old = try #require(try stage.store.claim(worker: worker).first)
        holdings.take(old)
        try stage.database.sql("UPDATE task SET due_at = now()")
        let new = try #require(try stage.store.claimDue(worker: worker, limit: 1).first)
        holdings.take(new)
        holdings.rest(old, until: .now)
        holdings.end(old)
        #expect(holdings.resting.isEmpty)
        holdings.rest(new, until: .now)
        holdings.end(new)
        #expect(holdings.resting == [new.row])
        holdings.drop([new.row])
        #expect(holdings.claims.isEmpty)
        holdings.take(new)
        holdings.drop([new.row])
        holdings.rest(new, until: .now)
        #expect(holdings.resting.isEmpty)
        holdings.end(new)
        #expect(holdings.claims.isEmpty)
    }
}
