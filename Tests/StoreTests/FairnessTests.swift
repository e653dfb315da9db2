import Core
import Store
import TestSupport
import Testing

/// Whose task is next.
@Suite(.freshDatabase) struct FairnessTests {
    let database = TestDatabase.current
    let store = TestDatabase.current.store()

    private func worker() throws -> Int64 { try database.worker() }

    /// Whom a worker serves, claim after claim; each task is over before the next claim.
    private func served(_ claims: Int) throws -> [Int64] {
        let worker = try worker()
        var last: [String: Int64] = [:], order: [Int64] = []
        for _ in 0..<claims {
            let claimed = try store.claim(worker: worker, limit: 100, served: last)
            for task in claimed {
                order.append(task.userID)
                last[task.model] = task.userID
                _ = try store.failed(task, KinoraError(.generationFailed))
            }
        }
        return order
    }

    @Test func oneUsersThousandsDoNotDelayAnothersFirst() throws {
        try database.account("one", slots: 1)
        let many = try database.queue(10_000, of: "many"), few = try database.queue(1, of: "few")
        let late = try database.queue(2, of: "late")
        #expect(try served(6) == [many, few, late, many, late, many])
    }

    @Test func whoeverComesNewIsServedInTheNextRound() throws {
        try database.account("one", slots: 1)
        let many = try database.queue(1_000, of: "many")
        #expect(try served(3) == [many, many, many])
        let few = try database.queue(1, of: "few")
        #expect(try served(3).prefix(2).contains(few))
    }

    @Test func oneClaimOfManyGivesEachAnEqualShare() throws {
        try database.account("one", slots: 9)
        let users = [
            try database.queue(500, of: "a"), try database.queue(500, of: "b"),
            try database.queue(500, of: "c"),
        ]
        let claimed = try store.claim(worker: try worker())
        #expect(claimed.map(\.userID) == users + users + users)
    }

    @Test func whatOneUserDoesNotNeedTheOthersGet() throws {
        try database.account("one", slots: 10)
        let many = try database.queue(500, of: "many"), few = try database.queue(2, of: "few")
        let worker = try worker()
        var shares: [Int64: Int] = [:]
        while case let claimed = try store.claim(worker: worker), !claimed.isEmpty {
            for task in claimed { shares[task.userID, default: 0] += 1 }
        }
        #expect(shares == [many: 8, few: 2])
    }

    @Test func moreUsersThanSlotsTakeTurns() throws {
        try database.account("one", slots: 2)
        let users = try (1...5).map { try database.queue(10, of: "user \($0)") }
        #expect(try served(5) == users + users)
    }

    @Test func aLowerPriorityWaitsForAllOfAHigherOne() throws {
        try database.account("one", slots: 4)
        let low = try database.queue(10, of: "low", priority: 1)
        let uneven = try database.queue(9, of: "uneven"), one = try database.queue(1, of: "one")
        let worker = try worker()
        var order: [Int64] = []
        while order.count < 20 {
            for task in try store.claim(worker: worker) {
                order.append(task.userID)
                _ = try store.failed(task, KinoraError(.generationFailed))
            }
        }
        #expect(Set(order[0..<10]) == [uneven, one])
        #expect(order[10..<20] == Array(repeating: low, count: 10)[...])
    }

    @Test func whoHasOnlyTasksThatAreNotDueHoldsUpNobody() throws {
        try database.account("one", slots: 1)
        let waiting = try database.queue(5, of: "waiting")
        try database.sql("UPDATE task SET due_at = now() + interval '1 hour'")
        let ready = try database.queue(2, of: "ready"),
            other = try database.queue(2, of: "other", priority: 1)
        #expect(try served(4) == [ready, ready, other, other])
        #expect(try database.count("task WHERE state = 'queued' AND user_id = \(waiting)") == 5)
    }

    @Test func oneUsersOwnTasksRunInTheirOrder() throws {
        try database.account("one", slots: 3)
        try database.queue(9, of: "a")
        let claimed = try store.claim(worker: try worker())
        #expect(claimed.map(\.row) == claimed.map(\.row).sorted())
        #expect(claimed.map(\.row) == [1, 2, 3])
    }

    /// Pages read, not time: the machine may be busy.
    @Test func aClaimReadsNoMoreWhenOneUserHasQueuedAHundredTimesAsMuch() throws {
        try database.account("one", slots: 10)
        for name in ["a", "b", "c"] { try database.queue(20, of: name) }
        try database.queue(1_000, of: "many")
        try database.sql("VACUUM ANALYZE")
        let before = try pagesOfAClaim()
        try database.queue(100_000, of: "many more")
        try database.sql("VACUUM ANALYZE")
        let after = try pagesOfAClaim()
        #expect(after < before + 100, "\(before) pages before, \(after) after")
    }

    private func pagesOfAClaim() throws -> Int {
        let claim = try #require(Statement.all.first { $0.name == "task_claim" })
        try database.sql("DEALLOCATE ALL")
        try database.sql("PREPARE task_claim AS \(claim.sql)")
        let plan = try database.sql(
            """
            BEGIN; EXPLAIN (ANALYZE, BUFFERS) EXECUTE task_claim(1, 10, 300, 1800, 900, '{}', '{}')
            """
        ).compactMap { $0.first ?? nil }
        try database.sql("ROLLBACK")
        let line = try #require(plan.first { $0.contains("Buffers:") })
        return line.matches(of: /(?:hit|read)=(\d+)/).compactMap { Int($0.output.1) }.reduce(0, +)
    }
}
