import Core
import Store
import TestSupport
import Testing

/// A partition for each day: made before it is needed, dropped when its time is over.
@Suite(.freshDatabase) struct LogPartitionTests {
    let database = TestDatabase.current
    private static let logs = ["request_log", "event_log"]

    /// The days of a log's partitions.
    private func days(_ log: String, of database: TestDatabase = .current) throws -> [String] {
        try database.sql(
            """
            SELECT right(c.relname, 8) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'kinora.\(log)'::regclass ORDER BY 1
            """
        ).compactMap { $0[0] }
    }

    @discardableResult
    private func keep(_ days: Int, at moment: String) throws -> Int {
        try Int(database.value("SELECT keep_logs(\(days), '\(moment)')") ?? "") ?? -1
    }

    private func note(_ moment: String) throws {
        try database.sql(
            """
            INSERT INTO event_log (at, process, level, name, fields)
                VALUES ('\(moment)', 'test', 'info', 'noted', '{}')
            """)
    }

    private func partition(of moment: String) throws -> String? {
        try database.value("SELECT tableoid::regclass FROM event_log WHERE at = '\(moment)'")
    }

    @Test func aNewDatabaseHasNoneUntilSomebodyAsks() throws {
        #expect(try days("request_log").isEmpty)
        try database.store().keepLogs(days: 14)
        for log in Self.logs { #expect(try days(log).count == 5) }
        // What is there stays as it is.
        #expect(try keep(14, at: "now") == 0)
    }

    @Test func aDayBelongsToOnePartitionFromItsFirstMomentToItsLast() throws {
        try keep(14, at: "2026-03-01 12:00Z")
        #expect(
            try days("event_log") == ["20260228", "20260301", "20260302", "20260303", "20260304"])
        for (moment, day) in [
            ("2026-02-28 23:59:59.999999Z", "20260228"), ("2026-03-01 00:00:00Z", "20260301"),
            ("2026-03-01 23:59:59.999999Z", "20260301"), ("2026-03-02 00:00:00Z", "20260302"),
        ] {
            try note(moment)
            #expect(try partition(of: moment) == "kinora_log.event_log_\(day)")
        }
    }

    /// Days are those of UTC, whatever the session of whoever asks says.
    @Test(arguments: ["UTC", "Asia/Shanghai", "America/New_York"])
    func theLastMomentOfADayAsksForThreeMore(_ zone: String) throws {
        try database.sql("SET timezone = '\(zone)'")
        try keep(14, at: "2026-03-01 23:59:59.999999Z")
        #expect(try days("request_log").last == "20260304")
        // A microsecond later it is another day: one partition more for each log.
        #expect(try keep(14, at: "2026-03-02 00:00:00Z") == 2)
        #expect(try days("request_log").last == "20260305")
    }

    @Test func aPartitionGoesWhenItsLastRowIsTooOld() throws {
        try keep(2, at: "2026-03-01 00:00Z")
        // A partition more for each log, and none less: its last moment is not two days old yet.
        #expect(try keep(2, at: "2026-03-02 23:59:59.999999Z") == 2)
        #expect(try days("event_log").first == "20260228")
        #expect(try keep(2, at: "2026-03-03 00:00Z") == 4)
        #expect(try days("event_log").first == "20260301")
    }

    @Test func oneIsDroppedAtATime() throws {
        try keep(14, at: "2026-03-01 00:00Z")
        var dropped: [Int] = []
        repeat { dropped.append(try keep(1, at: "2026-03-20 00:00Z")) } while dropped.last != 0
        // The first call makes five for each log as well.
        #expect(dropped == [12, 2, 2, 2, 2, 0])
        for log in Self.logs { #expect(try days(log).first == "20260319") }
    }

    @Test func zeroDaysKeepNothing() throws {
        let store = database.store()
        try store.keepLogs(days: 14)
        try store.keepLogs(days: 0)
        for log in Self.logs { #expect(try days(log).isEmpty) }
    }

    @Test func absurdRetentionIsRefused() throws {
        for days in ["-1", "367", "NULL"] {
            let failure = #expect(throws: SQLFailure.self) {
                try database.sql("SELECT keep_logs(\(days), now())")
            }
            #expect(failure?.state == "22023")
        }
    }

    @Test func whoeverReadsALogKeepsItsPartitionAndHoldsUpNoWriter() throws {
        let store = database.store()
        try keep(14, at: "2026-03-01 00:00Z")
        let reader = try database.newSession()
        try reader.rows("BEGIN; SELECT * FROM event_log")
        // The reader's lock is not waited for: new days are made, old ones stay for the next time.
        try store.keepLogs(days: 1)
        #expect(try days("event_log").first == "20260228")
        #expect(try days("event_log").count == 10)
        try store.writeLogs(
            requests: [], events: [LogEntry(Event.started(verb: "test").record, at: .now)], process: "p")
        try reader.rows("COMMIT")
        try store.keepLogs(days: 1)
        #expect(try days("event_log").count == 5)
    }

    @Test func manyProcessesAtOnceMakeEachPartitionOnce() throws {
        let database = database
        try concurrently(6) { _ in
            let store = database.store(connectionsMax: 1)
            // Who waits too long for the first one tries again, as a process does.
            while true {
                do throws(KinoraError) { return try store.keepLogs(days: 14) } catch {
                    guard error.isLocked else { throw error }
                }
            }
        }
        for log in Self.logs { #expect(try days(log).count == 5) }
    }

    @Test func aCallThatIsCutShortLeavesNothingHalfMade() throws {
        let session = try database.newSession()
        try session.rows("BEGIN; SELECT keep_logs(14, now())")
        try database.terminateSessions(where: "state = 'idle in transaction'")
        #expect(try database.count("pg_class WHERE relnamespace = 'kinora_log'::regnamespace") == 0)
        try database.store().keepLogs(days: 14)
        for log in Self.logs { #expect(try days(log).count == 5) }
    }

    /// The parent's indexes, and the lock that ends with the commit, are what readers and followers rely on.
    @Test func aPartitionHasTheIndexesOfItsParent() throws {
        try database.store().keepLogs(days: 14)
        for log in Self.logs {
            let orphans = try database.sql(
                """
                SELECT p.indexrelid::regclass FROM pg_index p WHERE p.indrelid = 'kinora.\(log)'::regclass
                    AND (SELECT count(*) FROM pg_inherits WHERE inhparent = p.indexrelid) <> 5
                """)
            #expect(orphans.isEmpty)
        }
    }
}
