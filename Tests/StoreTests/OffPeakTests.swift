import Core
import Store
import TestSupport
import Testing

/// Tasks that wait for their window.
@Suite(.freshDatabase) struct OffPeakTests {
    let database = TestDatabase.current
    let store = TestDatabase.current.store()

    private func submit(_ caller: Caller? = nil, isOffPeak: Bool = true) throws -> NewTask {
        var task = NewTask.sample(try caller ?? database.caller())
        if isOffPeak { task.parameters[Parameters.offPeak] = true }
        _ = try #require(try store.submit(task))
        return task
    }

    private func worker() throws -> Int64 { try database.worker() }

    private func claimed() throws -> [TaskID] { try store.claim(worker: try worker()).map(\.id) }

    // The window

    private static let opens: [(windows: String, zone: String, moment: String, opens: String?)] = [
        ("22:00-08:00", "UTC", "2026-01-01 21:59:59", "2026-01-01 22:00"),
        ("22:00-08:00", "UTC", "2026-01-01 22:00:00", nil),
        ("22:00-08:00", "UTC", "2026-01-02 00:00:00", nil),
        ("22:00-08:00", "UTC", "2026-01-02 07:59:59", nil),
        ("22:00-08:00", "UTC", "2026-01-02 08:00:00", "2026-01-02 22:00"),
        ("01:00-02:00", "UTC", "2026-01-01 02:00:00", "2026-01-02 01:00"),
        ("12:00-14:00,22:00-08:00", "UTC", "2026-01-01 09:00:00", "2026-01-01 12:00"),
        ("12:00-14:00,22:00-08:00", "UTC", "2026-01-01 13:00:00", nil),
        ("12:00-14:00,22:00-08:00", "UTC", "2026-01-01 14:00:00", "2026-01-01 22:00"),
        ("22:00-00:00,00:00-06:00", "UTC", "2026-01-01 00:00:00", nil),
        // The same time twice is a whole day; nothing is no bound.
        ("09:30-09:30", "UTC", "2026-01-01 09:29:59", nil),
        ("09:30-09:30", "UTC", "2026-01-01 09:30:00", nil),
        ("", "UTC", "2026-01-01 09:30:00", nil),
        // A year ends elsewhere at another time.
        ("22:00-08:00", "Asia/Shanghai", "2025-12-31 13:59:59", "2025-12-31 14:00"),
        ("22:00-08:00", "Asia/Shanghai", "2025-12-31 14:00:00", nil),
        ("22:00-08:00", "Asia/Shanghai", "2026-01-01 00:00:00", "2026-01-01 14:00"),
        ("00:00-01:00", "Pacific/Kiritimati", "2026-01-01 09:59:59", "2026-01-01 10:00"),
        // The night in which clocks go forward has an hour less, the one in which they go back one more.
        ("22:00-08:00", "Europe/Berlin", "2026-03-28 20:59:59", "2026-03-28 21:00"),
        ("22:00-08:00", "Europe/Berlin", "2026-03-29 05:59:59", nil),
        ("22:00-08:00", "Europe/Berlin", "2026-03-29 06:00:00", "2026-03-29 20:00"),
        ("22:00-08:00", "Europe/Berlin", "2026-10-24 20:00:00", nil),
        ("22:00-08:00", "Europe/Berlin", "2026-10-25 06:59:59", nil),
        ("22:00-08:00", "Europe/Berlin", "2026-10-25 07:00:00", "2026-10-25 21:00"),
        // An hour that a day does not have.
        ("02:00-03:00", "Europe/Berlin", "2026-03-28 02:00:00", "2026-03-30 00:00"),
        ("02:00-03:00", "Europe/Berlin", "2026-03-29 01:00:00", "2026-03-30 00:00"),
        ("02:30-03:30", "Europe/Berlin", "2026-03-29 01:00:00", "2026-03-30 00:30"),
    ]

    @Test func aWindowOpensAndShutsByTheClocksOfItsZone() throws {
        for (windows, zone, moment, opens) in Self.opens {
            let found = try database.value(
                """
                SELECT to_char(window_opens('\(windows)', '\(zone)', '\(moment) UTC') AT TIME ZONE 'UTC',
                    'YYYY-MM-DD HH24:MI')
                """)
            #expect(found == opens, "\(windows) \(zone) at \(moment)")
        }
    }

    @Test func theSettingsSayWhichWindowHolds() throws {
        func opens() throws -> String? { try database.value("SELECT off_peak_opens('2026-01-01 15:00 UTC')") }
        #expect(try opens() == nil)
        try store.putSetting(TextSetting.offPeakWindow, "22:00-08:00")
        #expect(try opens()?.hasPrefix("2026-01-01 22:00:00") == true)
        try store.putSetting(TextSetting.offPeakTimeZone, "Asia/Shanghai")
        #expect(try opens() == nil)
        try store.putSetting(TextSetting.offPeakTimeZone, "America/New_York")
        #expect(try opens()?.hasPrefix("2026-01-02 03:00:00") == true)
        #expect(try store.removeSetting(TextSetting.offPeakTimeZone.name))
        #expect(try opens()?.hasPrefix("2026-01-01 22:00:00") == true)
        #expect(try store.removeSetting(TextSetting.offPeakWindow.name))
        #expect(try opens() == nil)
        #expect(try store.knowsTimeZone("Asia/Shanghai") && store.knowsTimeZone("UTC"))
        #expect(try !store.knowsTimeZone("Asia/Shanghaj") && !store.knowsTimeZone("UTC+25"))
    }

    // The claim

    @Test func whatIsOffPeakStartsInItsWindowOnly() throws {
        try database.account("one")
        try database.offPeakWindow(opensInHours: 2)
        let caller = try database.caller()
        let put = try submit(caller)
        let ordinary = try submit(caller, isOffPeak: false)
        #expect(try claimed() == [ordinary.id])
        #expect(try claimed().isEmpty)
        let pinned = try submit(caller)
        try database.sql("UPDATE task SET pinned_account_id = 1 WHERE id = (SELECT max(id) FROM task)")
        #expect(try claimed().isEmpty)
        try database.offPeakWindow(opensInHours: -1)
        #expect(try claimed() == [pinned.id, put.id])
    }

    @Test func withoutAWindowItStartsWhenNothingElseWaits() throws {
        try database.account("one", slots: 2)
        let caller = try database.caller()
        let put = try submit(caller)
        let ordinary = try submit(caller, isOffPeak: false)
        let other = try submit(try database.caller("other"))
        let worker = try worker()
        let first = try store.claim(worker: worker, limit: 1)
        #expect(first.map(\.id) == [ordinary.id])
        #expect(try store.claim(worker: worker, served: ["sora-2": caller.userID]).map(\.id) == [other.id])
        #expect(try store.failed(first[0], KinoraError(.generationFailed)))
        #expect(try store.claim(worker: worker).map(\.id) == [put.id])
    }

    /// Its attempt failed when the window had shut: it waits for the next one, and has all its time again.
    @Test func whatComesBackToTheQueueWaitsForTheNextWindow() throws {
        try database.account("one")
        try database.offPeakWindow(opensInHours: -1)
        let put = try submit()
        let worker = try worker()
        let task = try #require(try store.claim(worker: worker).first)
        try database.offPeakWindow(opensInHours: 2)
        #expect(try store.requeue(task, delay: .zero, KinoraError(.upstreamRate)))
        #expect(try store.claim(worker: worker).isEmpty)
        #expect(try store.waitingReason(of: TaskReference(put.id))?.code == .window)
        #expect(try store.expire(limit: 10).isEmpty)
        #expect(try database.value("SELECT deadline_at FROM task") == nil)
        try database.offPeakWindow(opensInHours: -1)
        let again = try #require(try store.claim(worker: worker).first)
        #expect(again.id == put.id && again.attempt == 2)
        #expect(again.remaining > .seconds(1790))
    }

    @Test func theTimeOfAnOrdinaryTaskGoesOnInTheQueue() throws {
        try database.account("one")
        _ = try submit(isOffPeak: false)
        let task = try #require(try store.claim(worker: try worker()).first)
        let deadline = try database.value("SELECT deadline_at FROM task")
        #expect(try store.requeue(task, delay: .zero, KinoraError(.upstreamServer)))
        #expect(try database.value("SELECT deadline_at FROM task") == deadline)
    }

    @Test func aWorkerRestsNoLongerThanUntilTheWindowOpens() throws {
        #expect(try store.nextDue() == nil)
        try database.offPeakWindow(opensInHours: 2)
        let rest = try #require(try store.nextDue())
        #expect(rest > .seconds(3600) && rest <= .seconds(7200))
        try database.offPeakWindow(opensInHours: -1)
        #expect(try store.nextDue() == nil)
    }

    // What people see

    @Test func theWindowIsTheReason() throws {
        try database.account("one")
        _ = try worker()
        let put = TaskReference(try submit().id)
        #expect(try store.waitingReason(of: put)?.code == .turn)
        try database.offPeakWindow(opensInHours: 2)
        let reason = try #require(try store.waitingReason(of: put))
        let opens = try #require(reason.until)
        #expect(reason.code == .window)
        #expect(reason.words == "it is an off-peak task, and their window opens at \(opens.iso8601)")
        #expect(
            try database.value("SELECT extract(epoch FROM off_peak_opens(now()))::bigint")
                == String(opens.seconds))
        _ = try submit(try database.caller(), isOffPeak: false)
        #expect(
            try database.sql("SELECT priority, tasks, reason FROM v_queue ORDER BY priority")
                == [["0", "1", "turn"], ["10", "1", "window"]])
        // An account that is away is not what it waits for.
        try database.sql("UPDATE account SET state = 'disabled'")
        #expect(try store.waitingReason(of: put)?.code == .window)
    }

    // The line

    /// Accepted or refused by a line that may have two waiting tasks, beside the one free slot.
    private func isAccepted(_ caller: Caller, isOffPeak: Bool) throws -> Bool {
        var task = NewTask.sample(caller)
        if isOffPeak { task.parameters[Parameters.offPeak] = true }
        let line = LineLimit(family: "sora", waitingMax: 2, priority: task.priority)
        do throws(KinoraError) { return try store.submit(task, within: line) != nil } catch {
            guard error.code == .queueFull else { throw error }
            return false
        }
    }

    @Test func whatMayBePutOffKeepsOutOnlyItsLike() throws {
        try database.account("one", slots: 1)
        let caller = try database.caller()
        for _ in 0..<3 { #expect(try isAccepted(caller, isOffPeak: true)) }
        #expect(try !isAccepted(caller, isOffPeak: true))
        for _ in 0..<3 { #expect(try isAccepted(caller, isOffPeak: false)) }
        #expect(try !isAccepted(caller, isOffPeak: false))
        let lines = try store.waitingLines(waitingMax: 100).filter { $0.family == "sora" }
        #expect(lines.count == TaskPriority.allCases.count)
        for line in lines { #expect(line.waiting == (line.priority == .offPeak ? 6 : 3)) }
    }
}
