import Core
import Store
import TestSupport
import Testing
import Upstream

@testable import Engine

/// Cancelled tasks, and what their vendors still do for them.
@Suite(.freshDatabase) struct CancellationTests {
    let stage: Stage

    init() throws { stage = try Stage(slots: [1]) }

    private func cancel(_ task: MediaTask, as other: Caller? = nil) throws -> MediaTask {
        guard case .task(let cancelled) = try stage.perform(.cancel(TaskReference(task.id)), as: other) else {
            throw Unexpected("no task")
        }
        return cancelled
    }

    private func soon(_ what: String, _ condition: () throws -> Bool) throws {
        guard try eventually(condition) else { throw Unexpected("not in time: \(what)") }
    }

    private func isSlotTaken() throws -> Bool {
        try stage.database.count("attempt WHERE finished_at IS NULL") > 0
    }

    private func outcomes() throws -> [String?] {
        try stage.database.sql("SELECT outcome FROM attempt ORDER BY id").map { $0[0] }
    }

    /// Looks are minutes apart where a vendor is slow: this test does not wait for that.
    private func hurry() throws { try stage.database.sql("UPDATE cancellation SET due_at = now()") }

    private static let running = ScriptedVendor.Answer.json(200, ["id": "video_1", "status": "in_progress"])

    @Test func aQueuedTaskNeverStarts() throws {
        let task = try stage.submit()
        #expect(try cancel(task).state == .cancelled)
        _ = try stage.worker()
        let next = try stage.submit("the next")
        #expect(stage.events.end(of: next.id)?.state == .succeeded)
        #expect(stage.vendor.calls(.submit).map(\.prompt) == ["the next"])
        #expect(try stage.database.count("cancellation") == 0)
    }

    @Test func onlyItsOwnerCancelsATask() throws {
        let task = try stage.submit()
        let stranger = try stage.database.caller("stranger")
        let refused = #expect(throws: KinoraError.self) { _ = try cancel(task, as: stranger) }
        #expect(refused?.code == .taskNotFound)
        #expect(try stage.task(task.id)?.state == .queued)
    }

    @Test func aTaskIsCancelledOnceAndNoneThatHasEnded() throws {
        let task = try stage.submit()
        let first = try cancel(task)
        #expect(try cancel(task) == first)
        _ = try stage.worker()
        let done = try stage.finished()
        let refused = #expect(throws: KinoraError.self) { _ = try cancel(done) }
        #expect(refused?.code == .taskFinal && refused?.state == .succeeded)
        #expect(try stage.task(done.id) == done)
    }

    @Test func theSlotIsFreeWhenTheVendorHasStopped() throws {
        let stopped = Happening<Bool>()
        stage.vendor.script { call in
            switch call.step {
            case .removal:
                stopped.note(true)
                return nil
            case .poll where call.prompt == "first":
                return stopped.all.isEmpty ? Self.running : .json(404, ["error": ["message": "gone"]])
            default: return nil
            }
        }
        _ = try stage.worker()
        let task = try stage.submit("first")
        #expect(stage.vendor.waits(for: .poll))
        #expect(try cancel(task).state == .cancelled)
        // The vendor still counts it, and so does its account.
        #expect(try isSlotTaken())
        let next = try stage.submit("second")
        #expect(stage.events.end(of: next.id)?.state == .succeeded)
        #expect(try outcomes() == ["cancelled", "succeeded"])
        #expect(stage.vendor.calls(.removal).first?.account.row == 1)
        #expect(try stage.database.count("cancellation") == 0)
        #expect(try stage.task(task.id)?.state == .cancelled)
    }

    @Test func aVendorThatCannotStopIsWatchedToTheEnd() throws {
        stage.vendor.script { call in
            switch call.step {
            case .removal: .json(400, ["error": ["message": "not finished"]])
            case .poll: Self.running
            default: nil
            }
        }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .poll))
        _ = try cancel(task)
        try hurry()
        #expect(stage.vendor.waits(for: .removal))
        let polls = stage.vendor.calls(.poll).count
        #expect(stage.vendor.waits(for: .poll, times: polls + 1))
        #expect(try isSlotTaken())
        #expect(stage.vendor.calls(.removal).count == 1)
        // Done after all: nobody fetches the result, and the vendor is told to forget it.
        stage.vendor.script { _ in nil }
        try soon("the attempt ends") {
            try hurry()
            return try !isSlotTaken()
        }
        #expect(try outcomes() == ["cancelled"])
        #expect(stage.vendor.calls(.content).isEmpty)
        #expect(stage.vendor.waits(for: .removal, times: 2))
    }

    @Test func aSubmitOnItsWayIsNotSentAgainAndItsTaskIsStopped() throws {
        stage.vendor.script { $0.step == .submit ? .held : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .submit))
        _ = try cancel(task)
        #expect(try isSlotTaken())
        stage.vendor.release()
        #expect(stage.vendor.waits(for: .removal))
        #expect(stage.vendor.calls(.removal).first?.ticket == "video_1")
        try soon("the attempt ends") {
            try hurry()
            return try !isSlotTaken()
        }
        #expect(stage.vendor.taken == 1)
        #expect(try outcomes() == ["cancelled"])
    }

    @Test func aSubmitThatIsRefusedAfterItsCancellationFreesTheSlotAtOnce() throws {
        stage.vendor.script { $0.step == .submit ? .held : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .submit))
        _ = try cancel(task)
        stage.vendor.release(with: .json(503, ["error": ["message": "overloaded"]]))
        try soon("the attempt ends") { try !isSlotTaken() }
        #expect(try outcomes() == ["abandoned"])
        #expect(try stage.database.count("cancellation") == 0)
        #expect(stage.vendor.calls(.submit).count == 1)
    }

    /// Its answer never came, and its worker died: the vendor is asked for its recent tasks.
    @Test func aSubmitWithoutAnAnswerIsLookedUpAndStopped() throws {
        stage.vendor.script { $0.step == .submit ? .held : nil }
        let worker = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .submit))
        _ = try cancel(task)
        try stage.kill(worker)
        stage.vendor.release(with: .lost(mayHaveArrived: true, isTaken: true))
        stage.vendor.script { _ in nil }
        _ = try stage.worker()
        try stage.database.sql("UPDATE attempt SET started_at = now() - interval '2 minutes'")
        try stage.database.sql("UPDATE task SET created_at = now() - interval '2 minutes'")
        try soon("the attempt ends") {
            try hurry()
            return try !isSlotTaken()
        }
        #expect(stage.vendor.calls(.list).count > 0)
        #expect(stage.vendor.calls(.removal).first?.ticket == "video_1")
        #expect(stage.vendor.taken == 1)
        #expect(try outcomes() == ["cancelled"])
    }

    @Test func aSubmitThatNeverArrivedFreesTheSlotOnceThatIsCertain() throws {
        stage.vendor.script { $0.step == .submit ? .held : nil }
        let worker = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .submit))
        _ = try cancel(task)
        try stage.kill(worker)
        _ = try stage.worker()
        try hurry()
        try soon("it was looked at") {
            try stage.database.count("cancellation WHERE due_at BETWEEN now() AND now() + interval '6 s'")
                == 1
        }
        #expect(try isSlotTaken())
        #expect(stage.vendor.calls(.list).isEmpty)
        try stage.database.sql("UPDATE attempt SET started_at = now() - interval '2 minutes'")
        try soon("the attempt ends") {
            try hurry()
            return try !isSlotTaken()
        }
        #expect(try outcomes() == ["abandoned"])
    }

    @Test func aSlotIsNotKeptBeyondTheDeadline() throws {
        stage.vendor.script { $0.step == .poll ? Self.running : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .poll))
        _ = try cancel(task)
        try stage.database.sql("UPDATE task SET deadline_at = now()")
        try soon("the attempt ends") {
            try hurry()
            return try !isSlotTaken()
        }
        #expect(try outcomes() == ["unknown"])
        #expect(
            stage.events.has {
                if case .cancellationFailed(task.id, let error, _) = $0 {
                    error.code == .taskDeadline
                } else {
                    false
                }
            })
    }

    @Test func aVendorThatIsAwayIsAskedAgain() throws {
        let isStopped = Guarded(false)
        stage.vendor.script { call in
            if call.step == .poll { return isStopped.withLock { $0 } ? nil : Self.running }
            guard call.step == .removal else { return nil }
            if call.nth < 3 { return .lost(mayHaveArrived: true) }
            isStopped.withLock { $0 = true }
            return nil
        }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .poll))
        _ = try cancel(task)
        try soon("the attempt ends") {
            try hurry()
            return try !isSlotTaken()
        }
        #expect(stage.vendor.calls(.removal).count >= 3)
        #expect(stage.events.has { if case .cancellationFailed = $0 { true } else { false } })
    }

    /// Whoever commits first wins, and the loser changes nothing.
    @Test func cancellingRacesWithSuccess() throws {
        try stage.database.sql("UPDATE account SET slots = 50")
        _ = try stage.worker()
        let tasks = try (0..<40).map { try stage.submit("task \($0)") }
        let wins = Happening<TaskID>()
        try concurrently(4) { thread in
            for (index, task) in tasks.enumerated() where index % 4 == thread {
                // Some are queued, some submitted, some polled, some fetched, some done.
                _ = stage.vendor.waits(for: .poll, times: index / 2)
                if (try? cancel(task)) != nil { wins.note(task.id) }
            }
        }
        let cancelled = Set(wins.all)
        for task in tasks {
            let ended = try #require(try stage.task(task.id))
            if cancelled.contains(task.id) {
                #expect(ended.state == .cancelled)
            } else {
                #expect(stage.events.end(of: task.id)?.state == .succeeded)
            }
        }
        try soon("all attempts end") {
            try hurry()
            return try !isSlotTaken()
        }
        let results = try stage.database.sql(
            "SELECT t.state FROM task_asset a JOIN task t ON t.id = a.task_id WHERE a.role = 'result'")
        #expect(results.count == tasks.count - cancelled.count)
        #expect(results.allSatisfy { $0 == ["succeeded"] })
        #expect(try stage.database.count("cancellation") == 0)
    }
}
