import Core
import TestSupport
import Testing

@testable import Store

/// Steps of several tasks that are written by one statement: each counts for itself.
@Suite(.freshDatabase) struct StepTests {
    let database = TestDatabase.current
    let store = TestDatabase.current.store()

    private static let media = StoredMedia(sha256: String(repeating: "0d", count: 32), bytes: 9, type: .mp4)

    /// Tasks in the hands of one worker, the same user's all of them.
    private func held(_ count: Int) throws -> [ClaimedTask] {
        let owner = try database.caller()
        try database.account("one", slots: count)
        for _ in 0..<count { _ = try store.submit(.sample(owner)) }
        let worker = try database.worker()
        let tasks = try store.claim(worker: worker, limit: count)
        try #require(tasks.count == count)
        return tasks
    }

    private func accept(_ steps: [(ClaimedTask, String)]) throws -> [Result<Bool?, KinoraError>] {
        try store.steps.accepted.load(steps.map { Fenced($0.0, $0.1) })
    }

    private func outcome(_ result: Result<Bool?, KinoraError>) -> String {
        switch result {
        case .success(let isWritten): isWritten == true ? "written" : "lost"
        case .failure(let error): error.code.rawValue
        }
    }

    @Test func eachIsWrittenWithItsOwnValues() throws {
        let tasks = try held(3)
        let results = try accept(tasks.map { ($0, "vendor's \($0.row)") })
        #expect(results.map(outcome) == ["written", "written", "written"])
        #expect(
            try database.sql(
                """
                SELECT t.phase, t.worker_id IS NOT NULL, t.due_at - now() > interval '50 s',
                    a.vendor_task_id = 'vendor''s ' || t.id, a.accepted_at IS NOT NULL
                FROM task t JOIN attempt a ON a.task_id = t.id
                """) == Array(repeating: ["waiting", "t", "t", "t", "t"], count: 3))
    }

    @Test func whoLostTheClaimIsToldSoAndTheOthersAreWritten() throws {
        let tasks = try held(3)
        try database.sql("UPDATE task SET claim = claim + 1 WHERE id = \(tasks[1].row)")
        #expect(try accept(tasks.map { ($0, "\($0.row)") }).map(outcome) == ["written", "lost", "written"])
        #expect(
            try database.sql("SELECT phase FROM task ORDER BY id")
                == [["waiting"], ["submitting"], ["waiting"]])
    }

    @Test func whatOneMayNotWriteKeepsTheOthersFromNothing() throws {
        let tasks = try held(3)
        #expect(try accept([(tasks[0], "taken")]).map(outcome) == ["written"])
        let results = try accept([(tasks[1], "taken"), (tasks[2], "free")])
        #expect(results.map(outcome) == [ErrorCode.alreadyExists.rawValue, "written"])
        #expect(
            try database.sql("SELECT vendor_task_id FROM attempt ORDER BY task_id")
                == [["taken"], [nil], ["free"]])
    }

    /// Somebody's psql keeps its row in a transaction.
    @Test func aRowThatIsLockedKeepsTheOthersFromNothing() throws {
        let tasks = try held(3)
        let session = try database.newSession()
        try session.rows("BEGIN; SELECT FROM task WHERE id = \(tasks[1].row) FOR UPDATE")
        let hasty = database.store(lockTimeoutSeconds: 1)
        let results = try hasty.steps.accepted.load(tasks.map { Fenced($0, "\($0.row)") })
        #expect(results.map(outcome) == ["written", ErrorCode.databaseAway.rawValue, "written"])
        guard case .failure(let error) = results[1] else { return }
        #expect(error.isLocked)
        try session.rows("ROLLBACK")
        #expect(try accept([(tasks[1], "late")]).map(outcome) == ["written"])
    }

    @Test func theSameStepTwiceIsWrittenOnce() throws {
        let task = try held(1)[0]
        #expect(try accept([(task, "v"), (task, "v")]).map(outcome) == ["written", "lost"])
    }

    @Test func eachUsersTasksEndInATransactionOfTheirOwn() throws {
        let mine = try held(2), other = try database.caller("other")
        for _ in 0..<2 { _ = try store.submit(.sample(other)) }
        let worker = try database.worker()
        try database.account("two", slots: 2)
        let tasks = try mine + store.claim(worker: worker, limit: 2)
        for task in tasks { #expect(try store.storing(task)) }
        let results = try store.steps.succeeded.load(
            tasks.map {
                Fenced($0, Steps.Success(results: [TaskResult(Self.media)], missing: 0, usage: nil))
            })
        #expect(results.map(outcome) == Array(repeating: "written", count: 4))
        // Which transaction a row is of says its xmin.
        #expect(
            try database.sql(
                "SELECT count(DISTINCT xmin::text), count(DISTINCT user_id || ' ' || xmin) FROM task")
                == [["2", "2"]])
    }

    @Test func tasksWithTheSameResultShareTheAsset() throws {
        let tasks = try held(3)
        for task in tasks { #expect(try store.storing(task)) }
        let results = try store.steps.succeeded.load(
            tasks.map {
                Fenced($0, Steps.Success(results: [TaskResult(Self.media)], missing: 0, usage: nil))
            })
        #expect(results.map(outcome) == ["written", "written", "written"])
        #expect(try database.count("asset") == 1)
        for task in tasks { #expect(try store.results(ofTask: task.row) == [TaskResult(Self.media)]) }
    }

    @Test func severalResultsOfSeveralTasksStandInTheirOrder() throws {
        let tasks = try held(3)
        for task in tasks { #expect(try store.storing(task)) }
        func picture(_ name: String, _ words: String? = nil) -> TaskResult {
            let media = StoredMedia(sha256: String(repeating: name, count: 32), bytes: 7, type: .png)
            return TaskResult(media, revisedPrompt: words)
        }
        let results = [
            [picture("01"), picture("02", "a \u{1F408}"), picture("01")], [picture("02")],
            [picture("03"), picture("04")],
        ]
        let written = try store.steps.succeeded.load(
            zip(tasks, results).map { Fenced($0, Steps.Success(results: $1, missing: 0, usage: nil)) })
        #expect(written.map(outcome) == ["written", "written", "written"])
        for (task, results) in zip(tasks, results) {
            #expect(try store.results(ofTask: task.row) == results)
        }
        #expect(try database.count("asset") == 4)
    }

    @Test func severalResultsOfOneStepThatComesTwiceAreWrittenOnce() throws {
        let task = try held(1)[0]
        #expect(try store.storing(task))
        let results = [TaskResult(Self.media), TaskResult(Self.media)]
        let step = Fenced(task, Steps.Success(results: results, missing: 0, usage: nil))
        let written = try store.steps.succeeded.load([step, step])
        #expect(written.map(outcome) == ["written", "lost"])
        #expect(try store.results(ofTask: task.row) == results)
    }
}
