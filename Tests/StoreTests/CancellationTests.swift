import Core
import Store
import TestSupport
import Testing

/// Cancelling in the store.
@Suite(.freshDatabase) struct CancellationTests {
    let database = TestDatabase.current
    let store = TestDatabase.current.store()

    /// A claim that a cancellation waits for has made an attempt that the cancellation must see.
    @Test func aCancellationSeesTheClaimThatItWaitedFor() throws {
        let task = NewTask.sample(try database.caller())
        _ = try store.submit(task)
        let account = try database.account("one")
        let claim = try database.newSession()
        try claim.rows(
            """
            BEGIN;
            UPDATE task SET state = 'running', phase = 'submitting', attempt = 1, claim = 1;
            INSERT INTO attempt (task_id, number, account_id, slot, vendor_model)
                SELECT id, 1, \(account), 1, 'sora-2' FROM task
            """)
        let cancelled = Happening<Int64?>()
        let store = store, reference = TaskReference(task.id)
        let thread = try Core.Thread { cancelled.note((try? store.cancel(reference)) ?? nil) }
        let watcher = try database.observer()
        let deadline = ContinuousClock.now + patience
        let waiting = "pg_stat_activity WHERE datname = '\(database.name)' AND wait_event_type = 'Lock'"
        while try watcher.value("SELECT count(*) FROM \(waiting)") != "1" {
            try #require(ContinuousClock.now < deadline)
        }
        try claim.rows("COMMIT")
        #expect(cancelled.wait { $0 == [1] })
        #expect(thread.join(until: .now + patience))
        #expect(try database.count("cancellation") == 1)
        #expect(try database.count("attempt WHERE finished_at IS NULL") == 1)
    }

    /// Claims, refusals and cancellations at once: no open attempt of a cancelled task is without a watcher.
    @Test func whateverWasUnderWayIsWatched() throws {
        let store = store
        let owner = try database.caller()
        try database.account("one", slots: 10)
        try database.account("two", slots: 10)
        let worker = try database.worker()
        let tasks = try (0..<200).map { _ in
            let task = NewTask.sample(owner)
            _ = try store.submit(task)
            return TaskReference(task.id)
        }
        let cancelled = Happening<Int64>()
        try concurrently(6, within: .seconds(60)) { thread in
            if thread < 3 {
                for (index, task) in tasks.enumerated() where index % 3 == thread {
                    if let row = try store.cancel(task, of: owner) { cancelled.note(row) }
                }
            } else {
                for _ in 0..<30 {
                    for task in try store.claim(worker: worker, limit: 3) {
                        _ = try store.requeue(task, delay: .zero, KinoraError(.upstreamRequest))
                    }
                }
            }
        }
        #expect(Set(cancelled.all).count == cancelled.all.count)
        #expect(try database.count("task WHERE state = 'cancelled'") == cancelled.all.count)
        #expect(
            try database.count(
                """
                attempt a JOIN task t ON t.id = a.task_id
                WHERE a.finished_at IS NULL AND t.finished_at IS NOT NULL
                    AND NOT EXISTS (SELECT FROM cancellation c WHERE c.attempt_id = a.id)
                """) == 0)
        #expect(
            try database.count(
                "cancellation c JOIN attempt a ON a.id = c.attempt_id WHERE a.finished_at IS NOT NULL") == 0)
    }

    @Test func lookingAtACancellationIsOnePersonsMatterForAWhile() throws {
        _ = try store.submit(.sample(try database.caller()))
        try database.account("one")
        let worker = try database.worker()
        let task = try #require(try store.claim(worker: worker).first)
        _ = try store.accepted(task, vendorTask: "v1")
        #expect(try store.claimCancellations(limit: 9).isEmpty)
        #expect(try store.cancel(TaskReference(task.id)) == task.row)
        let first = try #require(try store.claimCancellations(limit: 9).first)
        #expect((first.task.row, first.task.attempt, first.task.vendorTask) == (task.row, 1, "v1"))
        #expect((first.task.state, first.isAsked) == (.cancelled, false))
        #expect(try store.claimCancellations(limit: 9).isEmpty)
        try store.waitForEnd(ofCancelled: first.task, delay: .zero, isAsked: true)
        let second = try #require(try store.claimCancellations(limit: 9).first)
        #expect(second.isAsked)
        #expect(try store.end(cancelled: second.task, .cancelled))
        #expect(try !store.end(cancelled: second.task, .unknown))
        #expect(try database.sql("SELECT outcome FROM attempt") == [["cancelled"]])
        #expect(try database.count("removal") == 1)
        #expect(try database.count("cancellation") == 0)
    }

    /// Also where the task had a name, for what was made before: only for who knows it as it is called now.
    @Test func whatWasAcceptedLateIsNoted() throws {
        let task = NewTask.sample(try database.caller())
        _ = try store.submit(task)
        try database.account("one")
        let worker = try database.worker()
        let claimed = try #require(try store.claim(worker: worker).first)
        _ = try store.accepted(claimed, vendorTask: "1,?")
        #expect(try store.cancel(TaskReference(task.id)) != nil)
        #expect(try !store.noteTicket("1,2", ofCancelled: claimed))
        #expect(try store.noteTicket("1,2", ofCancelled: claimed.accepted(as: "1,?")))
        #expect(try database.sql("SELECT vendor_task_id FROM attempt") == [["1,2"]])
    }

    /// What a worker learned late changes nothing of a task that goes on.
    @Test func onlyCancelledAttemptsAreEndedFromTheSide() throws {
        _ = try store.submit(.sample(try database.caller()))
        try database.account("one")
        let worker = try database.worker()
        let task = try #require(try store.claim(worker: worker).first)
        #expect(try !store.end(cancelled: task, .abandoned))
        #expect(try !store.noteTicket("v1", ofCancelled: task))
        #expect(try database.sql("SELECT vendor_task_id, outcome FROM attempt") == [[nil, nil]])
    }
}
