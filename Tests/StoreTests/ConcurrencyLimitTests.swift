import Core
import Store
import TestSupport
import Testing

/// Limits of unfinished tasks.
@Suite(.freshDatabase) struct ConcurrencyLimitTests {
    let database = TestDatabase.current

    private func limited(_ tasks: Int) throws -> Caller {
        let caller = try database.caller()
        try database.sql("UPDATE api_key SET concurrent_tasks_max = \(tasks) WHERE id = \(caller.keyID)")
        return caller
    }

    private func finish(_ row: Int64) throws {
        try database.sql(
            """
            UPDATE task SET state = 'cancelled', phase = NULL, due_at = NULL, finished_at = now(),
                worker_id = NULL WHERE id = \(row)
            """)
    }

    private func isAccepted(_ store: Store, _ caller: Caller) throws -> Bool {
        do throws(KinoraError) {
            return try store.submit(.sample(caller), within: nil) != nil
        } catch {
            guard error.code == .concurrencyLimitExceeded else { throw error }
            return false
        }
    }

    @Test func manyThreadsOfTwoProcessesFillItExactly() throws {
        let caller = try limited(7)
        let processes = [database.store(), database.store()]
        let outcomes = Happening<Bool>()
        for round in 1...4 {
            try concurrently(16) { thread in
                for _ in 0..<3 { outcomes.note(try isAccepted(processes[thread % 2], caller)) }
            }
            #expect(outcomes.all.count { $0 } == 7 * round)
            let rows = try database.sql("SELECT id FROM task WHERE finished_at IS NULL")
            #expect(rows.count == 7)
            for row in rows { try finish(try #require(row[0].flatMap(Int64.init))) }
        }
        #expect(try database.count("task") == 28)
    }

    @Test func queuedRunningAndStoringTasksCountAndFinalOnesDoNot() throws {
        let caller = try limited(1)
        let store = database.store()
        try database.account("one")
        let worker = try database.worker()
        func expectFull(_ state: String) throws {
            #expect(try !isAccepted(store, caller), "\(state)")
            #expect(try database.value("SELECT state FROM task WHERE finished_at IS NULL") == state)
        }
        #expect(try isAccepted(store, caller))
        try expectFull("queued")
        let claimed = try #require(try store.claim(worker: worker).first)
        try expectFull("running")
        #expect(try store.storing(claimed))
        try expectFull("storing")
        let media = StoredMedia(sha256: String(repeating: "0a", count: 32), bytes: 1, type: .mp4)
        #expect(try store.succeeded(claimed, results: [TaskResult(media)]))
        for state in ["failed", "cancelled", "expired"] {
            #expect(try isAccepted(store, caller), "after the one before \(state)")
            #expect(try !isAccepted(store, caller))
            let code = state == "cancelled" ? "NULL" : "'x'"
            try database.sql(
                """
                UPDATE task SET state = '\(state)', due_at = NULL, finished_at = now(), error_code = \(code),
                    error_message = \(code) WHERE finished_at IS NULL
                """)
        }
        #expect(try isAccepted(store, caller))
        #expect(try database.count("open_task") == 1)
    }

    @Test func aLimitCountsTheTasksThatWereThereBefore() throws {
        let caller = try database.caller()
        let store = database.store()
        let rows = try (0..<3).map { _ in try #require(try store.submit(.sample(caller))).row }
        try finish(rows[0])
        let publicID = try #require(try database.value("SELECT public_id FROM api_key"))
        #expect(try store.limitKey(publicID: publicID, LimitChange(concurrentTasksMax: 2)))
        #expect(try store.limitUser(name: "owner", LimitChange(concurrentTasksMax: 3)))
        #expect(
            try database.sql("SELECT holder, count(*) FROM open_task GROUP BY 1 ORDER BY 1")
                == [["key", "2"], ["user", "2"]])
        #expect(try !isAccepted(store, caller))
        try finish(rows[1])
        #expect(try isAccepted(store, caller))
        #expect(try !isAccepted(store, caller))
    }

    @Test func theRetryIsWhenTheFirstOfThemUsuallyEnds() throws {
        let caller = try limited(2)
        let store = database.store()
        try database.account("one")
        try database.sql("UPDATE route SET usual_seconds = 90")
        for _ in 0..<2 { #expect(try isAccepted(store, caller)) }
        func retry() -> Int? {
            let error = #expect(throws: KinoraError.self) {
                _ = try store.submit(.sample(caller), within: nil)
            }
            return error?.retryAfterSeconds
        }
        #expect(retry() == 90)
        _ = try store.claim(worker: try database.worker())
        try database.sql("UPDATE task SET started_at = now() - interval '50.5 s' WHERE id = 2")
        #expect((1...40).contains(retry() ?? 0))
        try database.sql("UPDATE task SET started_at = now() - interval '1 hour'")
        #expect(retry() == 1)
    }
}
