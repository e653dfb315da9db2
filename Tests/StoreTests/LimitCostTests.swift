import Core
import Store
import TestSupport
import Testing

/// What limits cost, as the server counts transactions.
@Suite(.freshDatabase) struct LimitCostTests {
    let database = TestDatabase.current

    /// Notes the transaction of each task that is kept.
    private func watch() throws {
        try database.sql(
            """
            CREATE TABLE seen (n bigint GENERATED ALWAYS AS IDENTITY, transaction text);
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
                SET search_path = kinora, pg_catalog AS $$
            BEGIN
                INSERT INTO seen (transaction) SELECT virtualtransaction FROM pg_locks
                WHERE pid = pg_backend_pid() AND locktype = 'virtualxid';
                RETURN NULL;
            END $$;
            CREATE TRIGGER note AFTER INSERT ON task FOR EACH ROW EXECUTE FUNCTION note()
            """)
    }

    /// Transactions from one submit to the next: of those with an even number, and of the others. One session
    /// sends all, and numbers its transactions one by one. The first of each kind prepares its statement, and
    /// the server may have begun one of its own between two: the least is what a submit is.
    private func transactions(_ submit: (Store, Int) throws -> Void) throws -> [Int] {
        try database.sql("TRUNCATE seen")
        let store = database.store(connectionsMax: 1)
        for index in 0..<12 { try submit(store, index) }
        let numbers = try database.sql("SELECT split_part(transaction, '/', 2) FROM seen ORDER BY n")
            .compactMap { $0[0].flatMap { Int($0) } }
        let steps = zip(numbers.dropFirst(), numbers.dropFirst(2)).map { $1 - $0 }
        return [0, 1].map { kind in
            stride(from: kind, to: steps.count, by: 2).map { steps[$0] }.min() ?? 0
        }
    }

    @Test func aSubmitIsOneTransactionWithLimitsAndWithout() throws {
        let caller = try database.caller()
        try watch()
        let plain = try transactions { store, _ in _ = try store.submit(.sample(caller)) }
        #expect(plain == [1, 1])
        try database.sql(
            """
            UPDATE api_key SET requests_per_minute = 1000, concurrent_tasks_max = 1000;
            UPDATE app_user SET requests_per_minute = 1000, concurrent_tasks_max = 1000
            """)
        try database.account("one")
        let limited = try transactions { store, index in
            var task = NewTask.sample(caller)
            if index % 2 == 0 { task.idempotency = ("\(index)", [UInt8](repeating: 1, count: 32)) }
            _ = try #require(try store.submit(task, within: LineLimit(family: "sora", waitingMax: 100)))
        }
        #expect(limited == [1, 1])
        #expect(try database.count("task") == 24)
        #expect(try database.count("request_permit") == 24, "12 of the key, 12 of the user")
    }
}
