import Core
import Store
import TestSupport
import Testing

/// Limits of requests per minute. Time passes by making permits older.
@Suite(.freshDatabase) struct RequestLimitTests {
    let database = TestDatabase.current

    private func limited(_ requests: Int, _ name: String = "owner") throws -> Caller {
        let caller = try database.caller(name)
        try database.sql("UPDATE api_key SET requests_per_minute = \(requests) WHERE id = \(caller.keyID)")
        return caller
    }

    private func age(by seconds: Double) throws {
        try database.sql("UPDATE request_permit SET used_at = used_at - interval '\(seconds) s'")
    }

    private func refusal(_ store: Store, _ caller: Caller) throws -> KinoraError {
        try #require(throws: KinoraError.self) { _ = try store.submit(.sample(caller), within: nil) }
    }

    @Test func manyThreadsOfTwoProcessesReachTheLimitAndNeverPassIt() throws {
        let caller = try limited(100)
        let processes = [database.store(), database.store()]
        let outcomes = Happening<ErrorCode?>()
        try concurrently(16) { thread in
            for _ in 0..<15 {
                do throws(KinoraError) {
                    _ = try processes[thread % 2].submit(.sample(caller), within: nil)
                    outcomes.note(nil)
                } catch { outcomes.note(error.code) }
            }
        }
        #expect(outcomes.all.count { $0 == nil } == 100)
        #expect(outcomes.all.count { $0 == .rateLimitExceeded } == 140)
        #expect(try database.count("task") == 100)
        #expect(try database.count("request_permit") == 100)
    }

    @Test func anyMinuteCountsAndNotTheMinuteOfTheClock() throws {
        let caller = try limited(10)
        let store = database.store()
        for _ in 0..<6 { _ = try store.submit(.sample(caller), within: nil) }
        try age(by: 40)
        for _ in 0..<4 { _ = try store.submit(.sample(caller), within: nil) }
        #expect(try refusal(store, caller).code == .rateLimitExceeded)
        // The first six are a minute old, the other four are not.
        try age(by: 20)
        for _ in 0..<6 { _ = try store.submit(.sample(caller), within: nil) }
        #expect(try refusal(store, caller).code == .rateLimitExceeded)
        #expect(try database.count("request_permit") == 10, "what no longer counts is cleared away")
    }

    @Test func aRetryAfterTheTimeNamedSucceedsAndOneEarlierDoesNot() throws {
        let caller = try limited(3)
        let store = database.store()
        let began = ContinuousClock.now
        for _ in 0..<3 {
            _ = try store.submit(.sample(caller), within: nil)
            try age(by: 10)
        }
        let error = try refusal(store, caller)
        let seconds = try #require(error.retryAfterSeconds)
        #expect(seconds <= 30 && seconds >= 29 - Int(began.duration(to: .now).inSeconds))
        try age(by: Double(seconds - 15))
        #expect(try refusal(store, caller).code == .rateLimitExceeded)
        try age(by: 15)
        #expect(try store.submit(.sample(caller), within: nil) != nil)
        #expect(try refusal(store, caller).code == .rateLimitExceeded)
    }

    @Test func whatIsLeftIsTold() throws {
        let caller = try limited(3)
        let store = database.store()
        let began = ContinuousClock.now
        for left in [2, 1, 0] {
            let accepted = try #require(try store.submit(.sample(caller), within: nil))
            #expect(
                accepted.allowance == Allowance(requestsMax: 3, remaining: left, resetSeconds: 60))
            try age(by: 5)
        }
        let allowance = try #require(try refusal(store, caller).allowance)
        #expect((allowance.requestsMax, allowance.remaining) == (3, 0))
        #expect(allowance.resetSeconds <= 55)
        #expect(allowance.resetSeconds >= 54 - began.duration(to: .now).inSeconds)
        try age(by: 300)
        #expect(try store.submit(.sample(caller), within: nil)?.allowance?.remaining == 2)
    }

    @Test func aRefusalKeepsNothing() throws {
        let caller = try limited(1)
        let store = database.store()
        _ = try store.submit(.sample(caller), within: nil)
        var task = NewTask.sample(caller)
        task.idempotency = ("refused", [UInt8](repeating: 1, count: 32))
        for _ in 0..<5 {
            #expect(throws: KinoraError.self) { _ = try store.submit(task, within: nil) }
        }
        for table in ["task", "task_input", "request_permit"] { #expect(try database.count(table) == 1) }
        #expect(try database.count("idempotency") == 0)
        try age(by: 60)
        #expect(try store.submit(task, within: nil) != nil, "the same Idempotency-Key works later")
    }

    @Test func racersWithOneIdempotencyKeyCountOnce() throws {
        let caller = try limited(2)
        let store = database.store()
        let outcomes = Happening<Bool>()
        try concurrently(8) { _ in
            var task = NewTask.sample(caller)
            task.idempotency = ("same", [UInt8](repeating: 9, count: 32))
            outcomes.note(try store.submit(task, within: nil) != nil)
        }
        #expect(outcomes.all.count { $0 } == 1)
        #expect(try database.count("request_permit") == 1)
        #expect(try database.count("task") == 1)
    }

    @Test func aUsersLimitHoldsForAllItsKeys() throws {
        let first = try database.caller("same"), second = try database.caller("same")
        try #require(first.userID == second.userID)
        let store = database.store()
        #expect(try store.limitUser(name: "same", LimitChange(requestsPerMinute: 4)))
        try database.sql("UPDATE api_key SET requests_per_minute = 3 WHERE id = \(first.keyID)")
        for left in [2, 1, 0] {
            // The tighter of the two is told: the key's.
            #expect(try store.submit(.sample(first), within: nil)?.allowance?.remaining == left)
        }
        #expect(try store.submit(.sample(second), within: nil)?.allowance?.requestsMax == 4)
        let error = try refusal(store, second)
        #expect(error.code == .rateLimitExceeded)
        #expect(error.message.contains("this account: 4 requests per minute"))
        #expect(try store.submit(.sample(try database.caller("other")), within: nil) != nil)
    }

    @Test func aChangedLimitHoldsAtOnce() throws {
        let caller = try limited(5)
        let store = database.store()
        let publicID = try #require(try database.value("SELECT public_id FROM api_key"))
        let began = ContinuousClock.now
        for _ in 0..<5 {
            _ = try store.submit(.sample(caller), within: nil)
            try age(by: 2)
        }
        #expect(try store.limitKey(publicID: publicID, LimitChange(requestsPerMinute: 2)))
        // Until the fourth of the five is a minute old, two are younger.
        let seconds = try #require(try refusal(store, caller).retryAfterSeconds)
        #expect(seconds <= 56 && seconds >= 55 - Int(began.duration(to: .now).inSeconds))
        #expect(try store.limitKey(publicID: publicID, LimitChange(requestsPerMinute: 6)))
        #expect(try store.submit(.sample(caller), within: nil)?.allowance?.remaining == 0)
        #expect(try store.limitKey(publicID: publicID, LimitChange(requestsPerMinute: 0)))
        let free = try #require(try store.submit(.sample(caller), within: nil))
        #expect(free.allowance == nil)
    }

    @Test func aClockSetBackDoesNotCloseTheDoor() throws {
        let caller = try limited(2)
        let store = database.store()
        for _ in 0..<2 { _ = try store.submit(.sample(caller), within: nil) }
        try age(by: -3600)
        for left in [1, 0] {
            #expect(try store.submit(.sample(caller), within: nil)?.allowance?.remaining == left)
        }
        #expect(try refusal(store, caller).code == .rateLimitExceeded)
    }

    @Test func aProcessThatDiesInTheMiddleTakesNothingWithIt() throws {
        let caller = try limited(1)
        let dying = try database.newSession()
        try dying.rows(
            """
            BEGIN; SELECT * FROM admit(\(caller.keyID), \(caller.userID), NULL, NULL, 0::smallint);
            INSERT INTO request_permit VALUES ('key', \(caller.keyID), 1, 1, now())
            """)
        let store = database.store()
        let done = Happening<Bool>()
        let database = database
        try concurrently(2) { thread in
            if thread == 0 {
                done.note(try store.submit(.sample(caller), within: nil) != nil)
            } else {
                let held = """
                    SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event = 'advisory'
                    """
                _ = try eventually { try database.value(held) == "1" }
                try database.terminateSessions(where: "state = 'idle in transaction'")
            }
        }
        #expect(done.all == [true])
    }
}
