import Core
import Store
import TestSupport
import Testing

@testable import Engine

@Suite(.freshDatabase) struct JournalTests {
    let database = TestDatabase.current
    let echo = EventLog()

    private func journal(_ settings: [String: JSON] = [:]) -> Journal {
        let journal = Journal(database.store(connectionsMax: 1), echo: echo)
        journal.heed(settings)
        return journal
    }

    private func withJournal(
        _ settings: [String: JSON] = [:], _ body: (Journal) throws -> Void
    ) throws {
        let journal = journal(settings)
        try journal.start()
        defer { journal.stop() }
        try body(journal)
    }

    private func request(_ id: String = "r") -> RequestRecord {
        RequestRecord(
            RequestHead(method: .post, target: "/v1/videos", requestID: id), RequestCourse(),
            Response(status: 200), began: .now)
    }

    private func refusal(of caller: Caller? = nil) -> RequestRecord {
        var course = RequestCourse()
        course.caller = caller
        course.error = KinoraError(caller == nil ? .invalidKey : .invalidValue)
        return RequestRecord(
            RequestHead(method: .get, target: "/v1/videos"), course, Response(status: 400), began: .now)
    }

    private func has(_ count: Int, in table: String) throws -> Bool {
        try eventually { try database.count(table) == count }
    }

    private func lost() -> [Int] {
        echo.all.compactMap { if case .logRowsLost(let count) = $0 { count } else { nil } }
    }

    @Test func whatIsNotedIsWrittenSoonAfter() throws {
        try withJournal { journal throws in
            journal.note(request("one"))
            journal.emit(.started(verb: "test"))
            #expect(try has(1, in: "request_log"))
            #expect(try has(1, in: "event_log"))
            #expect(try database.value("SELECT process FROM event_log")?.contains("/") == true)
        }
        #expect(echo.all.count == 1)
        #expect(lost().isEmpty)
    }

    @Test func aStopWritesWhatIsLeft() throws {
        let journal = journal()
        // Not started yet: what is noted before has to wait.
        for number in 0..<2500 { journal.note(request("\(number)")) }
        journal.emit(.stopped(clean: true))
        try journal.start()
        journal.stop()
        #expect(try has(2500, in: "request_log") && has(1, in: "event_log"))
        #expect(try database.value("SELECT name FROM event_log") == "stopped")
        // In the order in which they were noted.
        let order = try database.sql("SELECT request_id FROM request_log ORDER BY id").compactMap { $0[0] }
        #expect(order == (0..<2500).map(String.init))
    }

    @Test func manyThreadsLoseNothing() throws {
        let journal = journal()
        try journal.start()
        try concurrently(8) { thread in
            for number in 0..<500 { journal.note(self.request("\(thread)-\(number)")) }
        }
        journal.stop()
        #expect(try has(4000, in: "request_log"))
        #expect(try database.value("SELECT count(DISTINCT request_id) FROM request_log") == "4000")
    }

    @Test func whatFindsNoRoomIsCountedAndSaid() throws {
        let journal = journal()
        for number in 0..<(Limits.logRowsMax + 7) { journal.note(request("\(number)")) }
        try journal.start()
        #expect(
            echo.has { if case .logRowsLost = $0 { true } else { false } })
        #expect(lost() == [7])
        journal.stop()
        #expect(try has(Limits.logRowsMax, in: "request_log") && has(1, in: "event_log"))
        let said = try database.value("SELECT fields->>'count' FROM event_log WHERE name = 'log rows lost'")
        #expect(said == "7")
        #expect(lost() == [7])
    }

    /// Who has no key must not fill the disk. Who has one is kept, and so is what succeeds.
    @Test func strangersGetSoManyRowsAndTheRestIsCounted() throws {
        let journal = journal()
        let start = ContinuousClock.now
        for _ in 0..<500 {
            journal.note(refusal(), at: start)
            journal.note(refusal(of: Caller(userID: 1, keyID: 2)), at: start)
            journal.note(request(), at: start)
        }
        for _ in 0..<50 { journal.note(refusal(), at: start + .seconds(1)) }
        try journal.start()
        journal.stop()
        #expect(try has(1030, in: "request_log") && has(1, in: "event_log"))
        #expect(try database.count("request_log WHERE error_code = 'invalid_api_key'") == 30)
        #expect(try database.count("request_log WHERE key_id = 2") == 500)
        let said: [Int] = echo.all.compactMap {
            if case .refusalsLeftOut(let count) = $0 { count } else { nil }
        }
        #expect(said == [520])
        let row = try database.sql("SELECT level, name, fields->>'count' FROM event_log")
        #expect(row == [["warning", "refusals left out", "520"]])
        #expect(lost().isEmpty)
    }

    @Test func aDatabaseThatWasAwayGetsEverythingLater() throws {
        let journal = journal()
        try journal.start()
        defer { journal.stop() }
        journal.note(request("before"))
        #expect(try has(1, in: "request_log"))
        try database.goAway()
        let costs = (0..<1500).map { number in
            ContinuousClock().measure {
                journal.note(request("\(number)"))
                journal.emit(.tasksTakenOver(number))
            }
        }
        // Nobody waited for it.
        #expect(costs.sorted()[750] < .milliseconds(1))
        try database.comeBack()
        #expect(try has(1501, in: "request_log"))
        #expect(try has(1500, in: "event_log"))
        #expect(lost().isEmpty)
    }

    @Test func aStopDoesNotWaitForADatabaseThatIsAway() throws {
        let journal = journal()
        try journal.start()
        journal.note(request("before"))
        #expect(try has(1, in: "request_log"))
        try database.goAway()
        journal.note(request("never"))
        let start = ContinuousClock.now
        journal.stop()
        #expect(start.duration(to: .now) < .seconds(20))
        #expect(lost() == [1])
        try database.comeBack()
    }

    /// The database's clock has leapt, or somebody detached a partition.
    @Test func aMissingPartitionIsMadeByWhoeverNeedsIt() throws {
        try withJournal { journal throws in
            journal.note(request())
            #expect(try has(1, in: "request_log"))
            try database.store().keepLogs(days: 0)
            journal.note(request())
            journal.emit(.started(verb: "test"))
            #expect(try has(1, in: "request_log"))
            #expect(try has(1, in: "event_log"))
        }
        #expect(lost().isEmpty)
    }

    @Test func aRowThatCannotBeWrittenDoesNotHoldUpTheNext() throws {
        try withJournal { journal throws in
            try database.sql(
                "ALTER TABLE request_log ADD CONSTRAINT request_log_none CHECK (request_id <> 'bad')")
            journal.note(request("bad"))
            #expect(echo.has { if case .fault("logs", _) = $0 { true } else { false } })
            journal.note(request("good"))
            #expect(try has(1, in: "request_log"))
            #expect(lost() == [1])
        }
    }

    @Test(arguments: [(0, [false, false, false]), (1, [false, false, true]), (2, [false, true, true])])
    func theSettingSaysWhichRequestsAreKept(_ level: Int, _ expected: [Bool]) {
        let journal = journal(["request_log": JSON(level)])
        let kept = [
            journal.keeps(.get, hasFailed: false), journal.keeps(.post, hasFailed: false),
            journal.keeps(.get, hasFailed: true),
        ]
        #expect(kept == expected)
        journal.heed(["request_log": 3])
        #expect(journal.keeps(.get, hasFailed: false) && journal.keeps(.head, hasFailed: false))
        // Nothing is kept for no days.
        journal.heed(["request_log": 3, "log_retention_days": 0])
        #expect(!journal.keeps(.get, hasFailed: true))
    }

    @Test(arguments: [
        (0, []), (1, ["tasks taken over", "request failed"]),
        (2, ["started", "tasks taken over", "request failed"]),
    ])
    func theSettingSaysWhichEventsAreKept(_ level: Int, _ expected: [String]) throws {
        let journal = journal(["event_log": JSON(level)])
        try journal.start()
        journal.emit(.started(verb: "test"))
        journal.emit(.tasksTakenOver(1))
        // The client's own fault stands in the log of requests only.
        for code in [ErrorCode.invalidKey, .databaseAway] {
            journal.emit(.requestFailed(KinoraError(code), requestID: "r", method: "GET", path: "/"))
        }
        journal.stop()
        #expect(try has(expected.count, in: "event_log"))
        let names = try database.sql("SELECT name FROM event_log ORDER BY id").compactMap { $0[0] }
        #expect(names == expected)
        #expect(echo.all.count == 4)
    }

    @Test func retentionIsHeededAtOnce() throws {
        try withJournal { journal throws in
            journal.emit(.started(verb: "test"))
            #expect(try has(1, in: "event_log"))
            journal.heed(["log_retention_days": 0])
            journal.emit(.started(verb: "unseen"))
            // The partitions first: who counts their rows holds locks that nobody waits long for.
            #expect(try has(0, in: "pg_inherits WHERE inhparent = 'kinora.event_log'::regclass"))
            #expect(try has(0, in: "event_log"))
            journal.heed(["log_retention_days": 3])
            journal.emit(.started(verb: "seen"))
            #expect(try has(1, in: "event_log"))
        }
        #expect(lost().isEmpty)
    }
}
