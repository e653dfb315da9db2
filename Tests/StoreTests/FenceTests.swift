import Core
import TestSupport
import Testing

@testable import Store

/// A worker that lost its claim writes nothing; what is held by the dead goes to the living.
@Suite(.freshDatabase) struct FenceTests {
    let database = TestDatabase.current
    let store = TestDatabase.current.store()

    private func worker() throws -> Int64 { try database.worker() }

    private static let media = StoredMedia(sha256: String(repeating: "0d", count: 32), bytes: 9, type: .mp4)

    /// A task in the hands of a worker.
    private func held(by worker: Int64) throws -> ClaimedTask {
        let owner = try database.caller()
        if try database.count("account") == 0 { try database.account("one", slots: 4) }
        _ = try store.submit(.sample(owner))
        return try #require(try store.claim(worker: worker).first)
    }

    /// Everything a worker may write about a task.
    enum Write: CaseIterable {
        case accepted, rests, storing, succeeded, failed, requeue

        func perform(_ task: ClaimedTask, _ store: Store) throws(KinoraError) -> Bool {
            switch self {
            case .accepted: try store.accepted(task, vendorTask: "late")
            case .rests: try store.rests(task.resting(in: .waiting, 50), isRenewed: true)
            case .storing: try store.storing(task)
            case .succeeded: try store.succeeded(task, results: [TaskResult(FenceTests.media)])
            case .failed: try store.failed(task, KinoraError(.generationFailed))
            case .requeue: try store.requeue(task, delay: .zero, KinoraError(.upstreamRate))
            }
        }
    }

    private func everything() throws -> [[String?]] {
        try database.sql(
            """
            SELECT to_jsonb(t)::text, (SELECT jsonb_agg(to_jsonb(a))::text FROM attempt a),
                (SELECT count(*) FROM asset), (SELECT count(*) FROM task_asset) FROM task t
            """)
    }

    @Test(arguments: Write.allCases)
    func whoeverLostTheClaimWritesNothing(_ write: Write) throws {
        let old = try held(by: try worker())
        if write == .succeeded { _ = try store.storing(old) }
        try database.sql("UPDATE task SET due_at = now()")
        let new = try #require(try store.claimDue(worker: try worker(), limit: 1).first)
        #expect(new.claim == old.claim + 1)
        let before = try everything()
        #expect(try write.perform(old, store) == false)
        #expect(try everything() == before)
        // The claim that holds writes.
        #expect(try write.perform(new, store))
    }

    @Test(arguments: Write.allCases)
    func nobodyWritesToACancelledTask(_ write: Write) throws {
        let task = try held(by: try worker())
        if write == .succeeded { _ = try store.storing(task) }
        #expect(try store.cancel(TaskReference(task.id)) != nil)
        let before = try everything()
        #expect(try write.perform(task, store) == false)
        #expect(try everything() == before)
    }

    @Test func aResultIsStoredOnlyOnce() throws {
        let task = try held(by: try worker())
        #expect(try store.succeeded(task, results: [TaskResult(Self.media)]) == false, "no vendor has it")
        _ = try store.accepted(task, vendorTask: "v")
        #expect(try store.succeeded(task, results: [TaskResult(Self.media)]))
        #expect(try store.storing(task) == false, "a note that comes late")
        #expect(try store.succeeded(task, results: [TaskResult(Self.media)]) == false)
        #expect(try database.sql("SELECT state, progress, phase FROM task") == [["succeeded", "100", nil]])
        #expect(try store.results(ofTask: task.row) == [TaskResult(Self.media)])
    }

    /// What ends a task: a worker's two answers, and an operator.
    private enum End: String, CaseIterable {
        case succeeded, failed, cancelled

        func settle(_ task: ClaimedTask, _ store: Store) throws(KinoraError) -> Bool {
            switch self {
            case .succeeded: try store.succeeded(task, results: [TaskResult(FenceTests.media)])
            case .failed: try store.failed(task, KinoraError(.generationFailed))
            case .cancelled: try store.cancel(TaskReference(task.id)) != nil
            }
        }
    }

    @Test func settlersThatRaceLeaveOneEnd() throws {
        let worker = try worker()
        var ends: Set<String> = []
        for round in 0..<30 {
            let task = try held(by: worker)
            _ = try store.storing(task)
            let winners = Happening<End>(), store = store
            try concurrently(6) { index in
                // Each end has two settlers, and nobody is always the first to start.
                let end = End.allCases[(index + round) % 3]
                if try end.settle(task, store) { winners.note(end) }
            }
            let end = try #require(winners.all.first)
            #expect(winners.all.count == 1)
            // What its vendor does for a cancelled one ends later.
            #expect(try store.end(cancelled: task, .cancelled) == (end == .cancelled))
            let results = end == .succeeded ? "1" : "0"
            #expect(
                try database.sql(
                    """
                    SELECT state, (SELECT string_agg(outcome, ' ') FROM attempt WHERE task_id = task.id),
                        (SELECT count(*) FROM task_asset WHERE task_id = task.id)
                    FROM task WHERE id = \(task.row)
                    """) == [[end.rawValue, end.rawValue, results]])
            ends.insert(end.rawValue)
        }
        #expect(ends.count > 1, "one of them always came first: nobody raced")
    }

    @Test func progressNeverFalls() throws {
        let task = try held(by: try worker())
        for (told, kept) in [(30, "30"), (10, "30"), (nil, "30"), (99, "99")] as [(Int?, String)] {
            #expect(try store.rests(task.resting(in: .waiting, told), isRenewed: false))
            #expect(try database.value("SELECT progress FROM task") == kept)
        }
    }

    @Test func aFailureKeepsTheVendorsWordsForTheOperatorOnly() throws {
        let task = try held(by: try worker())
        _ = try store.failed(task, KinoraError(.contentRefused, detail: "vendor says: no"))
        #expect(
            try database.sql(
                "SELECT t.error_code, a.error_detail FROM task t JOIN attempt a ON a.task_id = t.id")
                == [["content_policy_violation", "vendor says: no"]])
        #expect(try database.value("SELECT error_message FROM task")?.contains("vendor says") == false)
    }

    @Test(arguments: [
        (ErrorCode.taskDeadline, "expired", "failed"), (.submitUnknown, "failed", "unknown"),
        (.generationFailed, "failed", "failed"),
    ])
    func theErrorDecidesHowATaskAndItsAttemptEnd(_ code: ErrorCode, _ state: String, _ outcome: String) throws
    {
        let task = try held(by: try worker())
        #expect(try store.failed(task, KinoraError(code)))
        #expect(
            try database.sql("SELECT t.state, a.outcome FROM task t JOIN attempt a ON a.task_id = t.id")
                == [[state, outcome]])
    }

    @Test func aSecondAttemptMayNotTakeTheVendorTaskOfTheFirst() throws {
        let worker = try worker()
        let first = try held(by: worker), second = try held(by: worker)
        #expect(try store.accepted(first, vendorTask: "same"))
        let error = #expect(throws: KinoraError.self) {
            _ = try store.accepted(second, vendorTask: "same")
        }
        #expect(error?.code == .alreadyExists)
    }

    // Workers come and go ------------------------------------------------------------------------------

    /// The worker's last sign of life came so many seconds ago.
    private func silence(_ worker: Int64, _ seconds: Int) throws {
        try database.sql(
            "UPDATE worker SET heartbeat_at = now() - \(seconds) * interval '1 s' WHERE id = \(worker)")
    }

    @Test func theTasksOfADeadWorkerAreDueAtOnce() throws {
        let dead = try worker(), living = try worker()
        let task = try held(by: dead)
        #expect(try store.rescue(by: living) == 0)
        #expect(try store.claimDue(worker: living, limit: 9).isEmpty)
        try silence(dead, 11)
        #expect(try store.rescue(by: living) == 1)
        #expect(try store.rescue(by: living) == 0)
        #expect(try store.claimDue(worker: living, limit: 9).map(\.row) == [task.row])
        #expect(try store.beat(worker: dead) == false)
        #expect(try store.beat(worker: living))
    }

    @Test func aHeartbeatKeepsAWorkerAlive() throws {
        let other = try worker()
        let worker = try worker()
        _ = try held(by: worker)
        try silence(worker, 11)
        #expect(try store.beat(worker: worker))
        #expect(try store.rescue(by: other) == 0)
    }

    /// The database was away, or its clock has stepped: all are late, and who is dead shows later.
    @Test func whoWasLateItselfDeclaresNobodyDead() throws {
        let first = try worker(), second = try worker(), dead = try worker()
        _ = try held(by: first)
        _ = try held(by: dead)
        try database.sql("UPDATE worker SET heartbeat_at = now() - interval '1 minute'")
        #expect(try store.rescue(by: second) == 0, "it has not even been heard of itself")
        #expect(try store.beat(worker: second))
        #expect(try store.rescue(by: second) == 0, "it was as late as the others")
        #expect(try store.beat(worker: first))
        let steady = "UPDATE worker SET steady_since = now() - interval '11 s' WHERE id = "
        try database.sql(steady + "\(second)")
        #expect(try store.rescue(by: second) == 1)
        #expect(try store.beat(worker: first) && !store.beat(worker: dead))
        // Who is in time stays steady.
        try database.sql("UPDATE worker SET heartbeat_at = now() - interval '2 seconds'")
        let before = try database.value("SELECT steady_since FROM worker WHERE id = \(second)")
        #expect(try store.beat(worker: second))
        #expect(try database.value("SELECT steady_since FROM worker WHERE id = \(second)") == before)
    }

    @Test func whatRestsAtADeadWorkerIsDueAtOnce() throws {
        let dead = try worker(), living = try worker()
        let task = try held(by: dead)
        _ = try store.accepted(task, vendorTask: "v")
        #expect(try store.rests(task.accepted(as: "v").resting(in: .waiting, 20), isRenewed: false))
        #expect(try store.claimDue(worker: living, limit: 9).isEmpty)
        try silence(dead, 11)
        #expect(try store.rescue(by: living) == 1)
        let taken = try #require(try store.claimDue(worker: living, limit: 9).first)
        #expect((taken.row, taken.vendorTask, taken.progress) == (task.row, "v", 20))
        // Thousands may be taken over at once: what only a submit needs stays where it is.
        #expect(!task.prompt.isEmpty && !task.parameters.isEmpty)
        #expect(taken.prompt.isEmpty && taken.parameters.isEmpty)
    }

    /// A claim may be committed after its worker was declared dead, or has left.
    @Test func theTasksOfAWorkerThatHasNoRowAreDueAtOnce() throws {
        let gone = try worker(), living = try worker()
        let tasks = [try held(by: gone), try held(by: living)]
        let stuck = "SELECT id FROM v_stuck_task"
        #expect(try database.sql(stuck).isEmpty)
        try database.sql("DELETE FROM worker WHERE id = \(gone)")
        #expect(try database.sql(stuck) == [["\(tasks[0].row)"]])
        #expect(try store.rescue(by: living) == 1)
        #expect(try store.rescue(by: living) == 0)
        #expect(try store.claimDue(worker: living, limit: 9).map(\.row) == [tasks[0].row])
    }

    @Test func aLeaseIsRenewedWhenThatIsWanted() throws {
        let task = try held(by: try worker())
        try database.sql("UPDATE task SET due_at = now() + interval '1 minute'")
        let isLong = "SELECT due_at > now() + interval '10 minutes' FROM task"
        #expect(try store.rests(task, isRenewed: false))
        #expect(try database.value(isLong) == "f")
        #expect(try store.rests(task, isRenewed: true))
        #expect(try database.value(isLong) == "t")
    }

    /// Who was declared dead, and writes before anybody has claimed the task, must not put that off.
    @Test(arguments: ["worker_id = NULL, due_at = now() + interval '1 second'", "due_at = now()"])
    func aTaskThatSomebodyIsToLookAtGetsNoNewLease(_ change: String) throws {
        let task = try held(by: try worker())
        try database.sql("UPDATE task SET \(change)")
        #expect(try store.rests(task.resting(in: .submitting, 7), isRenewed: true))
        #expect(
            try database.sql("SELECT progress, due_at < now() + interval '1 minute' FROM task") == [
                ["7", "t"]
            ])
    }

    /// What a client is shown of a task under way costs no index entry: the queue stays as fast as it is,
    /// however often vendors tell of progress.
    @Test func progressAloneTouchesNoIndex() throws {
        let task = try held(by: try worker())
        _ = try store.accepted(task, vendorTask: "v")
        let heapOnly = "SELECT pg_stat_get_xact_tuples_hot_updated('task'::regclass)"
        try database.sql("BEGIN")
        try database.sql("PREPARE rests AS \(Store.taskRests.sql)")
        try database.sql("EXECUTE rests('{\(task.row)}', '{\(task.claim)}', '{waiting}', '{30}', '{0}')")
        #expect(try database.value(heapOnly) == "1")
        #expect(try database.value("SELECT progress FROM task") == "30")
        try database.sql("ROLLBACK")
    }

    @Test func manyRescuersTakeOverOnce() throws {
        let dead = try worker(), living = try worker()
        _ = try held(by: dead)
        try database.sql("UPDATE worker SET heartbeat_at = now() - interval '1 minute' WHERE id = \(dead)")
        let rescued = Happening<Int>()
        let store = store
        try concurrently(6) { _ in rescued.note(try store.rescue(by: living)) }
        #expect(rescued.all.reduce(0, +) == 1)
    }

    @Test func aWorkerGivesBackWhatItDoesNotKnowThatItHolds() throws {
        let mine = try worker(), other = try worker()
        let known = try held(by: mine), lost = try held(by: mine), foreign = try held(by: other)
        #expect(try store.held(by: mine) == [known.row: known.claim, lost.row: lost.claim])
        #expect(try store.release([(lost.row, lost.claim), (foreign.row, foreign.claim - 1)]) == 1)
        #expect(try store.claimDue(worker: other, limit: 9).map(\.row) == [lost.row])
        #expect(try store.release([(lost.row, lost.claim)]) == 0)
        #expect(try store.held(by: mine) == [known.row: known.claim])
    }

    @Test func whoeverLeavesGivesItsTasksBack() throws {
        let leaving = try worker()
        let task = try held(by: leaving)
        #expect(try store.leave(worker: leaving) == 1)
        #expect(try store.claimDue(worker: try worker(), limit: 9).map(\.row) == [task.row])
        #expect(try store.leave(worker: leaving) == 0)
    }

    // Cancel -------------------------------------------------------------------------------------------

    @Test(arguments: ["queued", "submitting", "waiting", "storing"])
    func aTaskIsCancelledAtEveryStage(_ stage: String) throws {
        let task: ClaimedTask?
        if stage == "queued" {
            _ = try store.submit(.sample(try database.caller()))
            task = nil
        } else {
            task = try held(by: try worker())
        }
        if let task, stage == "waiting" { _ = try store.accepted(task, vendorTask: "v") }
        if let task, stage == "storing" { _ = try store.storing(task) }
        let short = try #require(
            try database.value("SELECT left(replace(uid::text, '-', ''), 12) FROM task_input"))
        let reference = try #require(TaskReference("x-\(short)"))
        #expect(try store.cancel(reference) != nil)
        #expect(try store.cancel(reference) == nil)
        #expect(
            try database.sql("SELECT state, phase, due_at, worker_id FROM task") == [
                ["cancelled", nil, nil, nil]
            ])
        // The vendor may still be at it: the slot is kept, and watched.
        let open = "attempt WHERE finished_at IS NULL AND id IN (SELECT attempt_id FROM cancellation)"
        #expect(try database.count(open) == (task == nil ? 0 : 1))
        #expect(try database.count("attempt") == (task == nil ? 0 : 1))
    }

    @Test func whatIsFinishedIsNotCancelled() throws {
        let task = try held(by: try worker())
        _ = try store.failed(task, KinoraError(.generationFailed))
        #expect(try store.cancel(TaskReference(task.id)) == nil)
        #expect(try database.value("SELECT state FROM task") == "failed")
    }

    @Test func onlyAFinishedTaskOfTheCallerIsDeletedAndItsBytesOnlyWhenNobodyElseHasThem() throws {
        let worker = try worker()
        let task = try held(by: worker)
        let owner = try database.caller()
        let running = try #require(try store.task(TaskReference(task.id), of: owner))
        #expect(try store.delete(running, of: owner) == false)
        _ = try store.storing(task)
        _ = try store.succeeded(task, results: [TaskResult(Self.media)])
        let twin = try held(by: worker)
        _ = try store.storing(twin)
        _ = try store.succeeded(twin, results: [TaskResult(Self.media)])
        let first = try #require(try store.task(TaskReference(task.id), of: owner))
        #expect(try store.delete(first, of: owner))
        #expect(try database.count("media_removal") == 0)
        #expect(try store.task(TaskReference(task.id), of: owner) == nil)
        let second = try #require(try store.task(TaskReference(twin.id), of: owner))
        #expect(try store.delete(second, of: owner))
        #expect(
            try database.sql("SELECT encode(sha256, 'hex'), media_type FROM media_removal") == [
                [Self.media.sha256, Self.media.type.rawValue]
            ])
        #expect(try database.count("asset") == 0)
    }
}
