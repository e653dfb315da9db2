import Core
import Store
import TestSupport
import Testing

@Suite(.freshDatabase) struct LogReadingTests {
    let database = TestDatabase.current
    let store: Store

    init() throws {
        store = database.store()
        try store.keepLogs(days: 14)
    }

    private func write(_ events: [Event], age: Duration = .zero) throws {
        let entries = events.map { LogEntry($0.record, at: .now - age) }
        try store.writeLogs(requests: [], events: entries[...], process: "host/1")
    }

    private func names(_ selection: EventSelection, limit: Int = 100) throws -> [String] {
        try store.lastRows(of: .events(selection), limit: limit).compactMap {
            $0.object["event"]?.stringValue
        }
    }

    private func request(
        _ id: String, status: Int = 200, key: Caller? = nil, task: TaskID? = nil, age: Duration = .zero
    ) throws {
        var course = RequestCourse()
        course.caller = key
        if let task { course.note(.task(TaskReference(task), waitSeconds: 0)) }
        let record = RequestRecord(
            RequestHead(method: .get, target: "/", requestID: id), course, Response(status: status),
            began: .now - age)
        try store.writeLogs(requests: [record], events: [], process: "host/1")
    }

    private func ids(_ change: (inout RequestSelection) -> Void) throws -> [String] {
        var selection = RequestSelection()
        change(&selection)
        return try store.lastRows(of: .requests(selection), limit: 100).compactMap {
            $0.object["request_id"]?.stringValue
        }
    }

    @Test func anEmptyLogHasNoRows() throws {
        #expect(try names(EventSelection()).isEmpty)
        #expect(try store.newestRow(of: .events(EventSelection())) == 0)
        let behind = try store.rows(of: .requests(RequestSelection()), after: 0, limit: 10)
        #expect(behind.rows.isEmpty && behind.through == 0)
    }

    @Test func eventsAreSelectedByLevelTaskAccountAndAge() throws {
        let account = try database.account("main")
        let caller = try database.caller()
        let task = NewTask.sample(caller)
        _ = try store.submit(task)
        let point = AttemptPoint(number: 1, account: account)
        let error = KinoraError(.upstreamServer)
        try write([.started(verb: "old")], age: .seconds(7200))
        try write([
            .taskAccepted(task.id, model: "sora-2", key: caller.keyID),
            .taskRequeued(task.id, delaySeconds: 0, error, on: point),
            .taskRequeued(.random(), delaySeconds: 0, error, on: AttemptPoint(number: 1, account: 99)),
            .fault("x", KinoraError(.internalFault)),
        ])
        var selection = EventSelection()
        let all = ["started", "task accepted", "task requeued", "task requeued", "fault"]
        #expect(try names(selection) == all)
        #expect(try names(selection, limit: 2) == ["task requeued", "fault"])
        selection.age = .seconds(3600)
        #expect(try names(selection) == Array(all.dropFirst()))
        selection.level = .warning
        #expect(try names(selection) == Array(all.dropFirst(2)))
        selection.level = .error
        #expect(try names(selection) == ["fault"])
        selection.level = nil
        selection.account = account
        #expect(try names(selection) == ["task requeued"])
        selection.task = TaskReference(task.id)
        #expect(try names(selection) == ["task requeued"])
        selection.account = nil
        #expect(try names(selection) == ["task accepted", "task requeued"])

        let rows = try store.lastRows(of: .events(selection), limit: 10).map(\.object)
        #expect(rows[0]["task"] == .string("sora-2-\(task.id.short)"))
        let key = try database.value("SELECT public_id FROM api_key")
        #expect(rows[0]["key"] == JSON(key) && rows[0]["account"] == .null)
        #expect(rows[1]["account"] == "main" && rows[1]["attempt"] == 1)
        #expect(rows[1]["fields"]?["error"] == .string(ErrorCode.upstreamServer.facts.number))
    }

    @Test func requestsAreSelectedByIDTaskKeyFailureAndAge() throws {
        let (one, other) = (try database.caller("one"), try database.caller("other"))
        let task = TaskID.random()
        try request("old", key: one, age: .seconds(7200))
        try request("same", key: one, task: task)
        try request("same", status: 503, key: other, task: task)
        try request("plain", status: 401)
        #expect(try ids { _ in } == ["old", "same", "same", "plain"])
        #expect(try ids { $0.requestID = "same" } == ["same", "same"])
        #expect(try ids { $0.requestID = "nobody" }.isEmpty)
        #expect(try ids { $0.failed = true } == ["same", "plain"])
        #expect(try ids { $0.age = .seconds(60) } == ["same", "same", "plain"])
        #expect(try ids { $0.task = TaskReference(task) } == ["same", "same"])
        let key = try database.value("SELECT public_id FROM api_key WHERE id = \(one.keyID)")
        #expect(try ids { $0.key = key } == ["old", "same"])
        #expect(
            try ids {
                $0.key = key
                $0.failed = true
            }.isEmpty)
        #expect(try ids { $0.key = "no such key" }.isEmpty)
    }

    @Test func whatComesBehindANumberIsReadInPieces() throws {
        try write((1...25).map(Event.tasksTakenOver))
        let selection = LogSelection.events(EventSelection())
        var seen: [Int64] = []
        var through: Int64 = 0
        var pieces: [Int] = []
        repeat {
            let next = try store.rows(of: selection, after: through, limit: 10)
            seen += next.rows.map(\.number)
            through = next.through
            pieces.append(next.rows.count)
        } while pieces.last != 0
        #expect(pieces == [10, 10, 5, 0])
        #expect(seen == seen.sorted() && Set(seen).count == 25)
        // What is not selected is passed all the same, and not looked at again.
        var graver = EventSelection()
        graver.level = .error
        let passed = try store.rows(of: .events(graver), after: 0, limit: 10)
        #expect(passed.rows.isEmpty && passed.through == through)
    }

    @Test func anAccountIsMeantByNumberNameOrVendorAndName() throws {
        let one = try database.account("same", vendor: "openai")
        let two = try database.account("same", vendor: "other")
        #expect(try store.accounts(called: "same") == [one, two])
        #expect(try store.accounts(called: "other/same") == [two])
        #expect(try store.accounts(called: "\(one)") == [one])
        #expect(try store.accounts(called: "nobody").isEmpty)
    }

    /// Each question of an operator is answered by an index of each partition, however long the log is.
    @Test func noQuestionReadsAWholeLog() throws {
        _ = try database.caller()
        try database.sql(
            """
            INSERT INTO request_log (at, process, request_id, status, duration_micros, key_id, task,
                    client_address, response_bytes)
                SELECT now() - n * interval '1 ms', 'p', md5(n::text), 200, 1, n % 1000,
                    left(md5(n::text), 12), '', 0 FROM generate_series(1, 30000) n;
            INSERT INTO event_log (at, process, level, name, task, account_id, fields)
                SELECT now() - n * interval '1 ms', 'p', CASE n % 500 WHEN 0 THEN 'error' ELSE 'info' END,
                    'n', left(md5(n::text), 12), n % 1000, '{}' FROM generate_series(1, 30000) n;
            INSERT INTO task (user_id, model_id, kind, category, state, progress, finished_at, due_at)
                SELECT 1, 'sora-2', 'video', 't2v', 'cancelled', 0, now(), NULL
                FROM generate_series(1, 5000);
            INSERT INTO task_input (task_id, uid, dialect, prompt, parameters)
                SELECT id, gen_random_uuid(), 'test', '', '{}' FROM task;
            ANALYZE request_log; ANALYZE event_log; ANALYZE task; ANALYZE task_input
            """)
        // The other days are empty, and as well read from end to end.
        let today = try database.value("SELECT to_char(now(), 'YYYYMMDD')") ?? ""
        let questions = [
            "event_log_newest": "", "event_log_last": "NULL, NULL, NULL, 3600, 50",
            "event_log_trouble": "'{error}', NULL, NULL, NULL, 50",
            "event_log_of_task": "NULL, '0123456789ab', NULL, NULL, 50",
            "event_log_of_account": "NULL, NULL, 7, NULL, 50",
            "event_log_after": "NULL, NULL, NULL, NULL, 50, 29990, 30000",
            "request_log_newest": "", "request_log_last": "NULL, NULL, NULL, 3600, 50, false",
            "request_log_of_request": "'x', NULL, NULL, NULL, 50, false",
            "request_log_of_task": "NULL, '0123456789ab', NULL, NULL, 50, false",
            "request_log_of_key": "NULL, NULL, 'x', NULL, 50, false",
            "request_log_after": "NULL, NULL, NULL, NULL, 50, false, 29990, 30000",
        ]
        try database.sql("SET plan_cache_mode = force_generic_plan")
        for (name, values) in questions.sorted(by: { $0.key < $1.key }) {
            let statement = try #require(Statement.all.first { $0.name == name }, "\(name)")
            try database.sql("PREPARE \(name) AS \(statement.sql)")
            let call = values.isEmpty ? name : "\(name)(\(values))"
            let plan = try database.sql("EXPLAIN ANALYZE EXECUTE \(call)").compactMap { $0.first ?? nil }
            let isWhole = plan.contains { line in
                ["event_log_\(today)", "request_log_\(today)", "task", "task_input"].contains {
                    line.contains("Seq Scan on \($0) ")
                }
            }
            // Nor is it sorted to find the newest.
            let read = plan.joined(separator: "\n").matches(of: /rows=(\d+) loops/).compactMap { Int($0.1) }
            #expect(!isWhole && read.max() ?? 0 <= 200, "\(name):\n\(plan.joined(separator: "\n"))")
        }
    }
}
