import Core
import Store
import TestSupport
import Testing

/// Which account and route a task gets, after it was refused and when money is short.
@Suite(.freshDatabase) struct FailoverTests {
    let database = TestDatabase.current
    let store = TestDatabase.current.store()

    private func worker() throws -> Int64 { try database.worker() }

    @discardableResult
    private func submit(_ count: Int = 1) throws -> [Int64] {
        let owner = try database.caller()
        return try (0..<count).map { _ in try #require(try store.submit(.sample(owner))).row }
    }

    private func refuse(_ task: ClaimedTask, _ code: ErrorCode = .upstreamServer) throws {
        #expect(try store.requeue(task, delay: .zero, KinoraError(code)))
    }

    private func route(
        _ vendor: String, position: Int, weight: Int = 1, model: String = "their-name"
    ) throws {
        try database.sql(
            """
            INSERT INTO route (model_id, vendor, vendor_model, position, weight)
            VALUES ('sora-2', '\(vendor)', '\(model)', \(position), \(weight))
            """)
    }

    @Test func aRefusedTaskGoesToTheAccountsItHasNotFailedOn() throws {
        let accounts = try (1...3).map { try database.account("account \($0)") }
        try submit()
        let worker = try worker()
        var seen: [Int64] = []
        for nth in 1...6 {
            let task = try #require(try store.claim(worker: worker).first)
            #expect(task.accountsTried == min(nth, 3))
            seen.append(task.account.row)
            try refuse(task)
        }
        // All of them once, and then once more, whatever their load.
        #expect(seen[0..<3].sorted() == accounts)
        #expect(seen[3..<6].sorted() == accounts)
    }

    @Test func anAccountThatWasFullDoesNotCountAsTried() throws {
        for name in ["one", "two", "three"] { try database.account(name) }
        try submit()
        let worker = try worker()
        for (code, tried) in [(ErrorCode.upstreamRate, 1), (.upstreamConcurrency, 1), (.upstreamServer, 1)] {
            let task = try #require(try store.claim(worker: worker).first)
            #expect(task.accountsTried == tried)
            try refuse(task, code)
        }
    }

    @Test func anAccountWithoutAccessIsNotAskedAgainForTheTask() throws {
        let closed = try database.account("closed")
        try submit()
        let worker = try worker()
        let task = try #require(try store.claim(worker: worker).first)
        #expect(try !store.hasOther(than: task))
        try refuse(task, .upstreamModelClosed)
        #expect(try store.claim(worker: worker).isEmpty)
        // Others are tried, and other tasks try it.
        let open = try database.account("open")
        let again = try #require(try store.claim(worker: worker).first)
        #expect(again.account.row == open && again.accountsTried == 1)
        #expect(try !store.hasOther(than: again))
        try submit()
        #expect(try store.claim(worker: worker).map(\.account.row) == [closed])
    }

    @Test func aTaskThatNoFreeAccountMayMakeTakesNobodysPlace() throws {
        try database.account("closed", slots: 1)
        let worker = try worker()
        try submit()
        try refuse(try #require(try store.claim(worker: worker).first), .upstreamModelClosed)
        let next = try submit(2)
        let claimed = try #require(try store.claim(worker: worker).first)
        #expect(claimed.row == next[0])
        #expect(try store.claim(worker: worker).isEmpty)
    }

    @Test func anAccountMayHaveAccessToTheModelOfAnotherRoute() throws {
        try database.account("only")
        try route("openai", position: 2, model: "sora-2-second")
        try submit()
        let worker = try worker()
        let task = try #require(try store.claim(worker: worker).first)
        #expect(try store.hasOther(than: task))
        try refuse(task, .upstreamModelClosed)
        let again = try #require(try store.claim(worker: worker).first)
        #expect(again.vendorModel == "sora-2-second")
        #expect(try !store.hasOther(than: again))
    }

    @Test(arguments: [("active", true), ("cooling", true), ("disabled", false), ("invalid", false)])
    func onlyAnAccountThatComesBackByItselfIsAnother(_ state: String, _ isOther: Bool) throws {
        let first = try database.account("first", slots: 2), second = try database.account("second", slots: 1)
        try submit()
        let task = try #require(try store.claim(worker: try worker()).first)
        try database.sql(
            """
            UPDATE account SET state = '\(state)', cooling_until = now() + interval '1 hour'
            WHERE id = \(task.account.row == first ? second : first)
            """)
        #expect(try store.hasOther(than: task) == isOther)
        // One that may run nowhere else has no other.
        try database.sql("UPDATE task SET pinned_account_id = \(task.account.row)")
        #expect(try !store.hasOther(than: task))
    }

    @Test func routesComeInOrderAndAfterAFailureTheNextOne() throws {
        let first = try database.account("first"), second = try database.account("second", vendor: "other")
        try route("other", position: 2)
        try submit()
        let worker = try worker()
        let task = try #require(try store.claim(worker: worker).first)
        #expect((task.account.row, task.vendorModel) == (first, "sora-2"))
        try refuse(task)
        let again = try #require(try store.claim(worker: worker).first)
        #expect((again.account.row, again.vendorModel) == (second, "their-name"))
    }

    @Test func anAccountsOtherRouteIsTriedBeforeTheSameAgain() throws {
        try database.account("only")
        try route("openai", position: 2, model: "sora-2-second")
        try submit()
        let worker = try worker()
        var seen: [String] = []
        for _ in 0..<3 {
            let task = try #require(try store.claim(worker: worker).first)
            seen.append(task.vendorModel)
            try refuse(task)
        }
        #expect(seen == ["sora-2", "sora-2-second", "sora-2"])
    }

    @Test func routesOfOnePositionShareByWeight() throws {
        let light = try database.account("light", slots: 12)
        let heavy = try database.account("heavy", vendor: "other", slots: 12)
        try route("other", position: 1, weight: 3)
        try submit(8)
        let claimed = try store.claim(worker: try worker())
        let shares = Dictionary(grouping: claimed, by: \.account.row).mapValues(\.count)
        #expect(shares == [light: 2, heavy: 6])
    }

    @Test func oneClaimGoesOnWithTheNextRouteWhenTheFirstIsFull() throws {
        let first = try database.account("first", slots: 2)
        let second = try database.account("second", vendor: "other", slots: 2)
        try route("other", position: 2)
        try submit(5)
        let claimed = try store.claim(worker: try worker())
        let shares = Dictionary(grouping: claimed, by: \.account.row).mapValues(\.count)
        #expect(shares == [first: 2, second: 2])
    }

    @Test func whoCannotPayForATaskIsLeftOutOfIt() throws {
        let poor = try database.account("poor", slots: 10), rich = try database.account("rich", slots: 2)
        // Dear ones first: what nobody can pay for, what one can, and what all can.
        let costs = [2000, 100, 100, 50, 50, 0]
        for cost in Set(costs) { try database.model("model-\(cost)", vendor: "openai") }
        try database.sql(
            """
            UPDATE account SET credits_micros = CASE id WHEN \(poor) THEN 50 ELSE 1000 END;
            UPDATE route SET cost_micros = substr(model_id, 7)::bigint WHERE model_id LIKE 'model-%';
            """)
        let rows = try submit(6)
        for (row, cost) in zip(rows, costs) {
            try database.sql("UPDATE task SET model_id = 'model-\(cost)' WHERE id = \(row)")
        }
        let claimed = try store.claim(worker: try worker())
        let places = Dictionary(uniqueKeysWithValues: claimed.map { ($0.row, $0.account.row) })
        #expect(places == [rows[1]: rich, rows[2]: rich, rows[3]: poor, rows[4]: poor, rows[5]: poor])
        try database.sql("UPDATE account SET credits_micros = NULL WHERE id = \(poor)")
        #expect(try store.claim(worker: try worker()).map(\.row) == [rows[0]])
    }

    @Test func aPinnedTaskWaitsForCreditsOfItsAccount() throws {
        let home = try database.account("home")
        try database.account("away")
        try submit()
        try database.sql("UPDATE task SET pinned_account_id = \(home)")
        try database.sql("UPDATE route SET cost_micros = 7")
        try database.sql("UPDATE account SET credits_micros = 6 WHERE id = \(home)")
        #expect(try store.claim(worker: try worker()).isEmpty)
        try database.sql("UPDATE account SET credits_micros = 7 WHERE id = \(home)")
        #expect(try store.claim(worker: try worker()).map(\.account.row) == [home])
    }

    /// Else all that waited would be refused together, and use up their tries.
    @Test func anAccountThatComesBackProvesItselfByOneTask() throws {
        try database.account("one", slots: 10)
        try submit(6)
        try database.sql("UPDATE account SET consecutive_throttles = 1, cooling_until = now()")
        let worker = try worker()
        let probe = try store.claim(worker: worker)
        #expect(probe.count == 1)
        #expect(try store.claim(worker: worker).isEmpty)
        #expect(try store.accepted(probe[0], vendorTask: "v"))
        #expect(try store.claim(worker: worker).count == 5)
    }

    /// Their last account is gone, and what was held for them would be held for ever.
    @Test func whatNoAccountEverCameForExpires() throws {
        try database.account("one", slots: 1)
        let rows = try submit(50)
        let pinned = rows[49]
        try database.sql("UPDATE task SET pinned_account_id = (SELECT id FROM account) WHERE id = \(pinned)")
        // The first was tried, and has a deadline of its own; the next is as old as may be, others are older.
        try database.sql(
            """
            UPDATE task SET created_at = now() - interval '1 hour';
            UPDATE task SET deadline_at = now() + interval '1 hour' WHERE id = \(rows[0]);
            UPDATE task SET created_at = now() WHERE id = \(rows[48])
            """)
        #expect(try store.expire(waitedSeconds: 3700).isEmpty)
        var ended: Set<Int64> = []
        while case let more = try store.expire(waitedSeconds: 3500).map(\.row), !more.isEmpty {
            #expect(ended.isDisjoint(with: more))
            ended.formUnion(more)
        }
        #expect(ended == Set(rows).subtracting([rows[0], rows[48]]))
        #expect(
            try database.sql("SELECT DISTINCT state, error_code FROM task ORDER BY state") == [
                ["expired", "task_deadline"], ["queued", nil],
            ])
    }

    @Test func aQueuedTaskThatWasTriedExpiresAndAFreshOneDoesNot() throws {
        try database.account("one", slots: 1)
        let rows = try submit(2)
        let task = try #require(try store.claim(worker: try worker()).first)
        try refuse(task)
        #expect(try store.expire(limit: 10).isEmpty)
        try database.sql(
            "UPDATE task SET deadline_at = now() - interval '1 s' WHERE deadline_at IS NOT NULL")
        #expect(try store.expire(limit: 10).map(\.row) == [rows[0]])
        #expect(try store.expire(limit: 10).isEmpty)
        #expect(
            try database.sql("SELECT state, error_code FROM task ORDER BY id") == [
                ["expired", "task_deadline"], ["queued", nil],
            ])
    }

    @Test func aWorkerRestsNoLongerThanTheFirstAccount() throws {
        try database.account("one")
        try database.account("two")
        #expect(try store.nextDue() == nil)
        try database.sql(
            """
            UPDATE account SET state = 'cooling', cooling_until = now() + id * interval '10 s';
            """)
        let rest = try #require(try store.nextDue())
        #expect(rest > .seconds(1) && rest <= .seconds(10))
        try database.sql("UPDATE account SET cooling_until = now() - interval '10 s'")
        #expect(try store.nextDue() == nil)
    }
}
