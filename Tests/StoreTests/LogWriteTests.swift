import Core
import Store
import TestSupport
import Testing

/// What of requests and events becomes rows, and in which order they appear.
@Suite(.freshDatabase) struct LogWriteTests {
    let database = TestDatabase.current
    let store: Store

    init() throws {
        store = database.store()
        try store.keepLogs(days: 14)
    }

    private func write(_ events: Event..., age: Duration = .zero) throws {
        let entries = events.map { LogEntry($0.record, at: .now - age) }
        try store.writeLogs(requests: [], events: entries[...], process: "host/1")
    }

    private func request(
        _ head: RequestHead, _ course: RequestCourse = RequestCourse(), status: Int? = 200,
        age: Duration = .zero
    ) throws {
        let response = status.map { Response(status: $0, body: [1, 2, 3]) }
        let record = RequestRecord(head, course, response, began: .now - age)
        try store.writeLogs(requests: [record], events: [], process: "host/1")
    }

    @Test func aRequestIsKeptWithWhatBecameKnownOfIt() throws {
        let id = TaskID.random()
        var course = RequestCourse()
        course.note(.task(TaskReference(id), waitSeconds: 0))
        course.caller = Caller(userID: 3, keyID: 4)
        course.error = KinoraError(.databaseAway, detail: "no free session")
        let head = RequestHead(
            method: .get, target: "/v1/videos/x?secret=1", contentLengthBytes: 9,
            clientAddress: "192.0.2.1", requestID: "r-1")
        try request(head, course, status: 503, age: .seconds(2))
        let row = try database.sql(
            """
            SELECT process, request_id, method, route, status, duration_micros >= 2000000, key_id, user_id,
                task, model, error_code, error_detail, client_address, request_bytes, response_bytes,
                at BETWEEN now() - interval '1 minute' AND now() - interval '2 s'
            FROM request_log
            """)
        #expect(
            row == [
                [
                    "host/1", "r-1", "GET", nil, "503", "t", "4", "3", id.short, nil,
                    "database_unavailable", "no free session", "192.0.2.1", "9", "3", "t",
                ]
            ])
    }

    @Test func aClientThatWentIsKeptAsSuch() throws {
        try request(RequestHead(method: nil, target: "/"), status: nil)
        let row = try database.sql("SELECT method, status, response_bytes FROM request_log")
        #expect(row == [[nil, "499", "0"]])
    }

    /// Whatever a client sends in a place that is logged, its row and those beside it are written.
    @Test(arguments: [
        "nul \u{0} in it", "猫🎬\u{1F468}\u{200D}\u{1F469}", String(repeating: "x", count: 100_000),
        "quote ' \" \\ %s $1", "\u{FFFD}\u{202E}", "",
    ])
    func textsFromOutsideCannotStopALog(_ text: String) throws {
        var course = RequestCourse()
        course.note(.model(text))
        course.error = KinoraError(.modelNotFound, detail: text)
        try request(RequestHead(method: .get, target: "/", clientAddress: text, requestID: text), course)
        try write(.fault(text, KinoraError(.internalFault, detail: text)))
        let kept = try database.sql("SELECT model, request_id FROM request_log")
        let expected = String(text.prefix(1000)).replacing("\u{0}", with: " ")
        #expect(kept == [[expected, expected]])
        #expect(try database.value("SELECT fields->>'place' FROM event_log") == expected)
    }

    @Test func anEventIsKeptWithItsTaskAttemptAccountAndKey() throws {
        let id = TaskID.random()
        try write(
            .taskAccepted(id, model: "sora-2", key: 7),
            .taskRequeued(
                id, delaySeconds: 1.5, KinoraError(.upstreamServer, detail: "out of order"),
                on: AttemptPoint(number: 2, account: 9)),
            .accountFell(account: 9, .cooling, KinoraError(.upstreamServer, detail: "out of order")))
        let rows = try database.sql(
            """
            SELECT level, name, task, attempt, account_id, key_id, fields->>'error_detail',
                fields->'delay_seconds' FROM event_log ORDER BY id
            """)
        #expect(
            rows == [
                ["info", "task accepted", id.short, nil, nil, "7", nil, nil],
                ["warning", "task requeued", id.short, "2", "9", nil, "out of order", "1.5"],
                ["warning", "account cooling", nil, nil, "9", nil, "out of order", nil],
            ])
    }

    /// There is a partition for yesterday and none for the day before.
    @Test func aRowThatHadToWaitForDaysIsDatedYesterday() throws {
        try write(.started(verb: "a"), age: .seconds(10 * 86_400))
        try write(.started(verb: "b"), age: .seconds(3600))
        let ages = try database.sql(
            "SELECT at >= date_trunc('day', now()) - interval '1 day', now() - at >= '1 h' FROM event_log")
        #expect(ages == [["t", "t"], ["t", "t"]])
    }

    @Test func withoutAPartitionNothingIsWrittenByHalves() throws {
        try store.keepLogs(days: 0)
        #expect(throws: KinoraError.self) { try write(.started(verb: "a")) }
        #expect(throws: KinoraError.self) { try request(RequestHead(method: .get, target: "/")) }
        try store.keepLogs(days: 14)
        #expect(try database.count("event_log") == 0)
    }

    /// Who follows by number must never see a number appear behind one that it has passed.
    @Test func numbersAppearInTheirOrderHoweverManyWrite() throws {
        let store = store
        let isDone = Signal()
        let seen = Happening<[Int64]>()
        let reader = try Thread {
            while true {
                let isLast = isDone.wait(until: .now, clearing: false)
                let ids = try? self.database.newSession().rows("SELECT id FROM event_log ORDER BY id")
                seen.note((ids ?? []).compactMap { $0[0].flatMap { Int64($0) } })
                if isLast { return }
            }
        }
        try concurrently(8) { thread in
            for round in 0..<20 {
                let entries = (0...round % 4).map { _ in
                    LogEntry(Event.tasksTakenOver(thread).record, at: .now)
                }
                try store.writeLogs(requests: [], events: entries[...], process: "\(thread)")
            }
        }
        isDone.raise()
        #expect(reader.join(until: .now + patience))
        // Every look sees the beginning of the next one.
        for (before, after) in zip(seen.all, seen.all.dropFirst()) {
            #expect(Array(after.prefix(before.count)) == before)
        }
        #expect(seen.all.last?.count == 8 * 50)
    }
}
