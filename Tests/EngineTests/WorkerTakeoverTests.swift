import Core
import Store
import Synchronization
import TestSupport
import Testing
import Upstream

@testable import Engine

/// Workers that lose their task, their database or their life.
@Suite(.freshDatabase) struct WorkerTakeoverTests {
    let stage: Stage

    init() throws { stage = try Stage(slots: [2, 2]) }

    private func accountsUsed() -> Set<Int64> { Set(stage.vendor.calls.map(\.account.row)) }

    // The claim ---------------------------------------------------------------------------------------

    @Test func whatWasCancelledMeanwhileIsNotWritten() throws {
        stage.vendor.script { $0.step == .poll ? .held : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .poll))
        #expect(try stage.store.cancel(TaskReference(task.id)) != nil)
        stage.vendor.release()
        #expect(stage.events.has { if case .leaseLost(task.id, _) = $0 { true } else { false } })
        let kept = try #require(try stage.task(task.id))
        #expect((kept.state, kept.progress) == (.cancelled, 0))
        try expectNoResult()
    }

    /// Its bytes may be there, but no task has them, and they are about to be removed.
    private func expectNoResult() throws {
        #expect(try stage.database.count("asset") == 0)
        let name = "media_removal WHERE media_type = 'video/mp4' AND due_at > now() + interval '50 s'"
        #expect(try eventually { try stage.database.count(name) == 1 })
        #expect(try stage.database.count("media_removal") == 1)
    }

    @Test func aDownloadOfACancelledTaskLeavesNoResult() throws {
        stage.vendor.script { $0.step == .content ? .held : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .content))
        #expect(try stage.store.cancel(TaskReference(task.id)) != nil)
        stage.vendor.release()
        #expect(stage.events.has { if case .leaseLost(task.id, _) = $0 { true } else { false } })
        try expectNoResult()
        #expect(try stage.task(task.id)?.state == .cancelled)
    }

    // The database ------------------------------------------------------------------------------------

    @Test func anAcceptanceIsWrittenOnceTheDatabaseIsBack() throws {
        stage.vendor.script { $0.step == .submit ? .held : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .submit))
        stage.vendor.script { _ in nil }
        try stage.database.goAway()
        stage.vendor.release()
        #expect(stage.events.has(2) { if case .databaseLost = $0 { true } else { false } })
        try stage.database.comeBack()
        #expect(stage.events.end(of: task.id, within: .seconds(30))?.state == .succeeded)
        #expect(stage.vendor.taken == 1)
        #expect(stage.vendor.calls(.list).isEmpty)
        #expect(try stage.attempts().count == 1)
    }

    @Test func sessionsThatAreKilledOverAndOverCostNoTask() throws {
        _ = try stage.worker()
        let tasks = try (0..<20).map { try stage.submit("\($0)") }
        var rounds = 0
        while tasks.contains(where: { task in
            !stage.events.all.contains {
                if case .taskFinished(task.id, _, _, _, _) = $0 { true } else { false }
            }
        }) {
            try stage.database.terminateSessions()
            rounds += 1
            let finished = stage.events.count { if case .taskFinished = $0 { true } else { false } }
            guard rounds < 200 else { break }
            _ = stage.events.has(finished + 1, within: .milliseconds(250)) {
                if case .taskFinished = $0 { true } else { false }
            }
        }
        #expect(try eventually { try stage.database.count("task WHERE state = 'succeeded'") == 20 })
        #expect(stage.vendor.taken == 20)
    }

    @Test func aServerThatGivesNoSessionsCostsNoTask() throws {
        stage.vendor.script { $0.step == .submit && $0.nth <= 4 ? .held : nil }
        _ = try stage.worker()
        let tasks = try (0..<10).map { try stage.submit("\($0)") }
        #expect(stage.vendor.waits(for: .submit, times: 4))
        // With one session it would depend on who gets it whether anybody asks for another.
        try stage.database.limitSessions(to: 0)
        stage.vendor.release()
        // Refused again and again, by dispatcher, heartbeat and settlers.
        #expect(
            stage.events.has(6) { event in
                guard case .databaseLost(let error) = event else { return false }
                return error.detail.contains("too many connections")
            })
        try stage.database.limitSessions(to: nil)
        for task in tasks {
            #expect(stage.events.end(of: task.id, within: .seconds(40))?.state == .succeeded)
        }
        #expect(stage.vendor.taken == 10)
    }

    /// Somebody's psql keeps a task's row in a transaction, and an answer comes for it.
    @Test func aTransactionLeftOpenHoldsUpItsTaskAndNoOther() throws {
        stage.vendor.script { $0.step == .submit && $0.prompt == "locked" ? .held : nil }
        _ = try stage.worker(lockTimeoutSeconds: 1)
        let locked = try stage.submit("locked")
        #expect(stage.vendor.waits(for: .submit))
        let session = try stage.database.newSession()
        try session.rows("BEGIN; SELECT FROM task WHERE \(stage.isTask(locked.id)) FOR UPDATE")
        stage.vendor.release()
        for number in 0..<3 { _ = try stage.finished("\(number)") }
        // Its write waited for the lock until that was too long, and is tried again.
        #expect(
            stage.events.has { event in
                guard case .databaseLost(let error) = event else { return false }
                return error.detail.contains("task_accepted: 55P03")
            })
        try session.rows("ROLLBACK")
        #expect(stage.events.end(of: locked.id)?.state == .succeeded)
        #expect(stage.vendor.taken == 4)
        #expect(stage.vendor.calls(.list).isEmpty)
    }

    /// One thread reads all answers here, and the first is about a task whose row somebody keeps.
    @Test(
        arguments: [
            .json(200, ["status": "in_progress", "progress": 50]), .json(200, ["status": "failed"]),
        ] as [ScriptedVendor.Answer])
    func newsOfATaskThatIsLockedHoldsNoThread(_ news: ScriptedVendor.Answer) throws {
        stage.vendor.script { $0.step == .poll && $0.prompt == "locked" ? .held : nil }
        _ = try stage.worker(settlers: 1, lockTimeoutSeconds: 1)
        let locked = try stage.submit("locked")
        #expect(stage.vendor.waits(for: .poll))
        let session = try stage.database.newSession()
        try session.rows("BEGIN; SELECT FROM task WHERE \(stage.isTask(locked.id)) FOR UPDATE")
        stage.vendor.release(with: news)
        #expect(try stage.finished("another").state == .succeeded)
        #expect(stage.events.has { if case .databaseLost(let error) = $0 { error.isLocked } else { false } })
        // What was said of it is forgotten, and asked for again.
        #expect(try stage.resting("phase = 'waiting' AND progress = 0") == 1)
        try session.rows("ROLLBACK")
        stage.vendor.script { _ in nil }
        try stage.hurry(until: locked.id)
        #expect(stage.events.end(of: locked.id)?.state == .succeeded)
        #expect(stage.vendor.taken == 2)
    }

    /// As after a claim whose reply was lost with its connection.
    @Test func whatAWorkerHoldsWithoutKnowingItIsGivenBack() throws {
        stage.vendor.script { $0.step == .poll ? .json(200, ["status": "in_progress"]) : nil }
        let worker = try stage.worker()
        let task = try stage.submit()
        #expect(try eventually { try stage.resting() == 1 && !stage.vendor.calls(.poll).isEmpty })
        let claim = "worker_id = \(worker.pulse.worker), claim = claim + 1, due_at = now() + interval '900 s'"
        try stage.database.sql("UPDATE task SET \(claim)")
        stage.vendor.script { _ in nil }
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(stage.vendor.taken == 1)
    }

    // Leaving -----------------------------------------------------------------------------------------

    @Test func whoDrainsGivesItsTasksBackAndAnotherFinishesThem() throws {
        stage.vendor.script { $0.step == .poll ? .json(200, ["status": "in_progress"]) : nil }
        let first = try stage.worker()
        let tasks = try (0..<4).map { try stage.submit("\($0)") }
        #expect(stage.vendor.waits(for: .poll, times: 4))
        #expect(first.drain(within: .seconds(5)))
        #expect(try stage.database.count("worker") == 0)
        #expect(try stage.database.count("task WHERE worker_id IS NOT NULL") == 0)
        stage.vendor.script { _ in nil }
        _ = try stage.worker()
        try stage.hurry()
        for task in tasks { #expect(stage.events.end(of: task.id)?.state == .succeeded) }
        #expect(stage.vendor.taken == 4)
        #expect(stage.vendor.calls(.submit).count == 4)
    }

    @Test func aDrainWaitsForTheAnswerToASubmit() throws {
        stage.vendor.script { $0.step == .submit ? .held : nil }
        let worker = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .submit))
        let drained = Happening<Bool>()
        _ = try Thread { drained.note(worker.drain(within: .seconds(20))) }
        #expect(eventually { worker.isDraining.load(ordering: .acquiring) })
        #expect(!drained.wait(within: .milliseconds(300)) { !$0.isEmpty })
        stage.vendor.release()
        #expect(drained.wait { $0 == [true] })
        #expect(try stage.database.value("SELECT vendor_task_id FROM attempt") == "video_1")
        let isGivenBack = "task WHERE \(stage.isTask(task.id)) AND worker_id IS NULL AND phase = 'waiting'"
        #expect(try stage.database.count(isGivenBack) == 1)
    }

    @Test func aDrainThatRunsOutOfTimeSaysSoAndTheNextWorkerAsksTheVendor() throws {
        stage.vendor.script { $0.step == .submit ? .held : nil }
        let worker = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .submit))
        #expect(!worker.drain(within: .milliseconds(200)))
        // None of its threads may be left to read the answer.
        for thread in worker.threads.withLock({ $0 }) { #expect(thread.join(until: .now + patience)) }
        stage.vendor.release()
        _ = try stage.worker()
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(stage.vendor.calls.map(\.step) == [.submit, .list, .poll, .content])
        #expect(stage.vendor.taken == 1)
    }

    /// A claim that the database still works on when the drain begins counts as under way.
    @Test func aDrainDuringAClaimLeavesNoSubmitInTheAir() throws {
        let worker = try stage.worker()
        let lock = try stage.database.newSession()
        // Holds up whoever writes attempts, which is the claim; others may read them.
        try lock.rows("BEGIN; LOCK TABLE attempt IN SHARE MODE")
        let task = try stage.submit()
        let waiting = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        #expect(try eventually { try stage.database.count(waiting) > 0 })
        let drained = Happening<Bool>()
        _ = try Thread { drained.note(worker.drain(within: .seconds(20))) }
        #expect(!drained.wait(within: .milliseconds(300)) { !$0.isEmpty })
        try lock.rows("COMMIT")
        #expect(drained.wait { $0 == [true] })
        // Either it was not taken at all, or its acceptance is written.
        #expect(try stage.database.count("attempt WHERE vendor_task_id IS NULL") == 0)
        #expect(stage.vendor.taken == (try stage.database.count("attempt")))
        _ = try stage.worker()
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(stage.vendor.taken == 1)
    }

    // Dying -------------------------------------------------------------------------------------------

    @Test func theTaskOfAKilledWorkerIsPolledOnWithItsAccount() throws {
        stage.vendor.script { $0.step == .poll ? .held : nil }
        let killed = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .poll))
        stage.vendor.script { _ in nil }
        try stage.kill(killed)
        _ = try stage.worker()
        #expect(stage.events.has { if case .tasksTakenOver(1) = $0 { true } else { false } })
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(stage.vendor.calls.map(\.step) == [.submit, .poll, .poll, .content])
        #expect(accountsUsed().count == 1)
        #expect(stage.vendor.taken == 1)
    }

    /// The vendor took it; the answer reaches nobody.
    private func submitOfAKilledWorker() throws -> MediaTask {
        stage.vendor.script { $0.step == .submit ? .held : nil }
        let killed = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .submit))
        try stage.kill(killed)
        stage.vendor.release()
        return task
    }

    @Test func theSubmitOfAKilledWorkerIsLookedUpAndNotSentAgain() throws {
        let task = try submitOfAKilledWorker()
        _ = try stage.worker()
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(stage.vendor.calls.map(\.step) == [.submit, .list, .poll, .content])
        #expect(accountsUsed().count == 1)
        #expect(stage.vendor.taken == 1)
    }

    /// A worker with another master key cannot ask the vendor; that is no reason to send the task twice.
    @Test func anUnansweredSubmitIsNeverSentAgainForWantOfACredential() throws {
        let task = try submitOfAKilledWorker()
        let good = try stage.database.sql("SELECT id, credential_sealed FROM account")
        try stage.database.sql("UPDATE account SET credential_sealed = '\\x01'")
        _ = try stage.worker()
        #expect(stage.events.has { if case .tasksTakenOver = $0 { true } else { false } })
        #expect(try eventually { try stage.resting("phase = 'submitting' AND claim > 1") == 1 })
        for row in good {
            try stage.database.sql(
                "UPDATE account SET credential_sealed = '\(row[1] ?? "")' WHERE id = \(row[0] ?? "")")
        }
        try stage.hurry()
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(stage.vendor.taken == 1)
        #expect(try stage.attempts().count == 1)
    }

    /// Frozen for too long and declared dead, it comes back: what it held is not its own any more.
    @Test func aWorkerThatWasDeclaredDeadWritesNothingAndStartsAnew() throws {
        stage.vendor.script { $0.step == .poll && $0.nth == 1 ? .held : nil }
        let worker = try stage.worker()
        let before = worker.pulse.worker
        let other = try stage.database.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .poll))
        // Unless it has just given a sign of life.
        #expect(
            try eventually {
                try stage.database.sql(
                    "UPDATE worker SET heartbeat_at = now() - interval '1 minute' WHERE id = \(before)")
                _ = try stage.store.rescue(by: other)
                return worker.pulse.worker != before
            })
        // A submit of the old life must not leave in the new one.
        #expect(worker.pulse.leaseEnd(of: before) == nil)
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        stage.vendor.release()
        #expect(stage.events.has { if case .leaseLost(task.id, _) = $0 { true } else { false } })
        #expect(try stage.task(task.id)?.state == .succeeded)
        // It works on under its new number.
        #expect(try stage.finished().state == .succeeded)
        #expect(stage.vendor.taken == 2)
    }

    @Test func aTaskIsPolledWithItsAccountWhateverHasBecomeOfThat() throws {
        stage.vendor.script { $0.step == .poll && $0.nth == 1 ? .json(200, ["status": "in_progress"]) : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .poll))
        let used = accountsUsed()
        try stage.database.sql("UPDATE account SET state = 'disabled' WHERE id = \(try #require(used.first))")
        try stage.hurry()
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(accountsUsed() == used)
        // A new task takes the other account.
        _ = try stage.finished()
        #expect(accountsUsed().count == 2)
    }

    @Test func aRemixRunsWhereItsSourceLives() throws {
        _ = try stage.worker()
        let source = try stage.finished("one")
        _ = try stage.finished("two")
        let home = try #require(stage.vendor.calls(.submit).first).account.row
        for _ in 0..<3 { _ = try stage.finished("again") { $0.remixOf = TaskReference(source.id) } }
        let remixes = stage.vendor.calls(.submit).filter { $0.path.hasSuffix("/remix") }
        #expect(remixes.map(\.account.row) == [home, home, home])
        #expect(Set(remixes.map(\.path)) == ["/videos/video_1/remix"])
    }
}
