import Core
import TestSupport
import Testing

@testable import Store

/// The line that waits for a slot.
@Suite(.freshDatabase) struct LineLimitTests {
    let database = TestDatabase.current

    private func accepted(_ store: Store, _ caller: Caller, _ waitingMax: Int64) throws -> Bool {
        do throws(KinoraError) {
            let line = LineLimit(family: "sora", waitingMax: waitingMax)
            return try store.submit(.sample(caller), within: line) != nil
        } catch {
            guard error.code == .queueFull else { throw error }
            return false
        }
    }

    @Test(arguments: [0, 3]) func racersFillSlotsAndLineExactly(_ waitingMax: Int64) throws {
        try database.account("one", slots: 2)
        try database.account("two", slots: 3)
        let caller = try database.caller()
        let processes = [database.store(), database.store()]
        let outcomes = Happening<Bool>()
        try concurrently(16) { thread in
            for _ in 0..<4 { outcomes.note(try accepted(processes[thread % 2], caller, waitingMax)) }
        }
        #expect(outcomes.all.count { $0 } == 5 + Int(waitingMax))
        #expect(try database.count("task") == 5 + Int(waitingMax))
    }

    @Test func aTaskThatRunsWaitsNoLongerAndHoldsItsSlot() throws {
        try database.account("one", slots: 2)
        let caller = try database.caller()
        let store = database.store()
        let worker = try database.worker()
        for _ in 0..<3 { #expect(try accepted(store, caller, 1)) }
        #expect(try store.claim(worker: worker).count == 2)
        // Two run and one waits.
        #expect(try !accepted(store, caller, 1))
        let first = try #require(
            try database.value("SELECT id FROM task WHERE state = 'running' ORDER BY id LIMIT 1"))
        try database.sql(
            """
            UPDATE task SET state = 'cancelled', phase = NULL, due_at = NULL, finished_at = now(),
                worker_id = NULL WHERE id = \(first);
            UPDATE attempt SET outcome = 'cancelled', finished_at = now() WHERE task_id = \(first)
            """)
        #expect(try accepted(store, caller, 1))
        #expect(try !accepted(store, caller, 1))
    }

    @Test func familiesHaveLinesOfTheirOwn() throws {
        try database.account("one", slots: 1)
        try database.model("other", vendor: "openai")
        let caller = try database.caller()
        let store = database.store()
        #expect(try accepted(store, caller, 0))
        #expect(try !accepted(store, caller, 0))
        let line = LineLimit(family: "test", waitingMax: 0)
        #expect(try store.submit(.sample(caller, model: "other"), within: line) != nil)
    }

    @Test func theRetryIsWhenTheLineHasPassed() throws {
        let caller = try database.caller()
        let store = database.store()
        try database.account("one", slots: 4)
        try database.sql("UPDATE route SET usual_seconds = 50")
        for _ in 0..<10 { _ = try store.submit(.sample(caller)) }
        func line() throws -> WaitingLine? {
            try store.waitingLines(waitingMax: 100).first { $0.family == "sora" && $0.priority == .ordinary }
        }
        #expect(
            try line()
                == WaitingLine(
                    family: "sora", priority: .ordinary, waiting: 10, slotsFree: 4, retrySeconds: 125))
        let error = #expect(throws: KinoraError.self) {
            let line = LineLimit(family: "sora", waitingMax: 6)
            _ = try store.submit(.sample(caller), within: line)
        }
        #expect(error?.retryAfterSeconds == 125)
        try database.sql("UPDATE route SET usual_seconds = 100000")
        #expect(try line()?.retrySeconds == 3600)
        try database.sql("UPDATE route SET usual_seconds = 0.01")
        #expect(try line()?.retrySeconds == 1)
        // An account that rests has no slots; until some are there, nothing is known.
        try database.sql("UPDATE account SET state = 'cooling', cooling_until = now() + interval '1 hour'")
        #expect(try line()?.slotsFree == 0)
    }
}
