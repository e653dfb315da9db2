import Core
import Store
import TestSupport
import Testing

/// What limits cost, as the server counts transactions.
@Suite(.freshDatabase) struct LimitCostTests {
    let database = TestDatabase.current

    /// Transactions that ten more submits are. The server counts them when a session ends, and is asked from
    /// outside the database.
    private func transactionsOfTen(_ submit: (Store, Int) throws -> Void) throws -> Int {
        let observer = try database.observer()
        let isQuiet = "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = '\(database.name)'"
        let total = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = "
        func count() throws -> Int {
            try #require(try eventually { try observer.value(isQuiet) == "t" })
            return Int(try observer.value(total + "'\(database.name)'") ?? "") ?? -1
        }
        func spent(_ submits: Int) throws -> Int {
            try database.terminateSessions()
            let before = try count()
            do {
                let store = database.store(connectionsMax: 1)
                for index in 0..<submits { try submit(store, index + submits * 100) }
            }
            return try count() - before
        }
        // The first ones prepare their statements as well.
        return try -spent(10) + spent(20)
    }

    @Test func aSubmitIsOneTransactionWithLimitsAndWithout() throws {
        let caller = try database.caller()
        let plain = try transactionsOfTen { store, _ in _ = try store.submit(.sample(caller)) }
        #expect(plain == 10)
        try database.sql(
            """
            UPDATE api_key SET requests_per_minute = 1000, concurrent_tasks_max = 1000;
            UPDATE app_user SET requests_per_minute = 1000, concurrent_tasks_max = 1000
            """)
        try database.account("one")
        let limited = try transactionsOfTen { store, index in
            var task = NewTask.sample(caller)
            if index % 2 == 0 { task.idempotency = ("\(index)", [UInt8](repeating: 1, count: 32)) }
            _ = try #require(try store.submit(task, within: LineLimit(family: "sora", waitingMax: 100)))
        }
        #expect(limited == 10)
        #expect(try database.count("task") == 60)
        #expect(try database.count("request_permit") == 60, "30 of the key, 30 of the user")
    }
}
