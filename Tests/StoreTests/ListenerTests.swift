import Core
import TestSupport
import Testing

@testable import Store

@Suite(.freshDatabase) struct ListenerTests {
    let database = TestDatabase.current

    private static let mine = "application_name = 'listen-test'"

    /// A started listener that has said for the first time that everything may have changed.
    private func listener(_ channels: [String], _ heard: Happening<String>) throws -> Listener {
        var options = database.options
        options.applicationName = "listen-test"
        let listener = try Listener(options, channels: channels) { heard.note($0.channel) }
        try listener.start()
        #expect(heard.wait { Set($0) == Set(channels) })
        heard.forget()
        return listener
    }

    @Test(arguments: [
        "INSERT INTO app_user (name) VALUES ('new')", "UPDATE api_key SET revoked_at = now()",
        "UPDATE model SET enabled = false WHERE id = 'sora-2'", "UPDATE route SET enabled = false",
        "UPDATE model_category SET parameters = '[]'", "UPDATE account SET state = 'disabled'",
        "UPDATE setting SET value = '60' WHERE name = 'image_timeout'", "DELETE FROM setting",
    ])
    func everyChangeOfTheConfigurationIsHeard(_ change: String) throws {
        _ = try database.caller()
        try database.account("one")
        let heard = Happening<String>()
        let listener = try listener([Listener.configChannel], heard)
        defer { listener.stop() }
        let version = try database.store().configVersion()
        // Any session: a person with psql as well as Kinora.
        try database.sql(change)
        #expect(heard.wait { $0.contains(Listener.configChannel) })
        #expect(try database.store().configVersion() > version)
    }

    /// Written by workers all the time; nobody need read everything again for it.
    @Test func aRunningAverageAndAnAccountsErrorsAreNoConfiguration() throws {
        let account = try database.account("one")
        let version = try database.store().configVersion()
        try database.store().setUsual(.seconds(12), route: 1)
        try database.sql("UPDATE account SET consecutive_errors = 1 WHERE id = \(account)")
        #expect(try database.store().configVersion() == version)
    }

    @Test func aChangeThatWasRolledBackIsNotHeard() throws {
        let heard = Happening<String>()
        let listener = try listener([Listener.configChannel, Listener.workChannel], heard)
        defer { listener.stop() }
        try database.sql("BEGIN; DELETE FROM setting; ROLLBACK; NOTIFY kinora_work")
        #expect(heard.wait { $0.contains(Listener.workChannel) })
        #expect(heard.all == [Listener.workChannel])
    }

    @Test func afterALostSessionEverythingCountsAsNotifiedAndHearingGoesOn() throws {
        let heard = Happening<String>()
        let channels = [Listener.configChannel, Listener.workChannel]
        let listener = try listener(channels, heard)
        defer { listener.stop() }
        #expect(try database.terminateSessions(where: Self.mine) == 1)
        #expect(heard.wait { Set($0) == Set(channels) })
        heard.forget()
        try database.sql("NOTIFY kinora_work")
        #expect(heard.wait { $0 == [Listener.workChannel] })
    }

    @Test func aListenerOutlivesAServerThatIsAway() throws {
        let heard = Happening<String>()
        let listener = try listener([Listener.workChannel], heard)
        defer { listener.stop() }
        try database.goAway()
        try database.comeBack()
        #expect(heard.wait { $0 == [Listener.workChannel] })
        heard.forget()
        try database.sql("NOTIFY kinora_work")
        #expect(heard.wait { !$0.isEmpty })
    }

    @Test func aStoppedListenerHasNoSession() throws {
        let heard = Happening<String>()
        let listener = try listener([Listener.workChannel], heard)
        let listening = "pg_stat_activity WHERE datname = current_database() AND \(Self.mine)"
        #expect(try database.count(listening) == 1)
        listener.stop()
        #expect(try eventually { try database.count(listening) == 0 })
    }

    /// A submitter pays for a NOTIFY only when another process has an idle worker.
    @Test func onlyAnIdleWorkerElsewhereIsWoken() throws {
        let heard = Happening<String>()
        let listener = try listener([Listener.workChannel], heard)
        defer { listener.stop() }
        let store = database.store()
        let mine = try store.registerWorker(host: "here", processID: 1)
        try store.wakeWorkers(exceptFor: mine)
        let other = try store.registerWorker(host: "there", processID: 2)
        try store.setIdle(false, worker: other)
        try store.wakeWorkers(exceptFor: mine)
        try database.sql(
            "UPDATE worker SET idle = true, heartbeat_at = now() - interval '1 hour' WHERE id = \(other)")
        try store.wakeWorkers(exceptFor: mine)
        // Whatever those three sent would arrive before this.
        try database.sql("NOTIFY kinora_config; NOTIFY kinora_work, 'last'")
        #expect(heard.wait { $0.count == 1 })
        heard.forget()
        _ = try store.beat(worker: other)
        try store.wakeWorkers(exceptFor: mine)
        #expect(heard.wait { $0.count == 1 })
    }

    /// Whatever submits: with and without limits, with and without an Idempotency-Key.
    @Test(arguments: [(false, false), (false, true), (true, false), (true, true)])
    func aSubmitTellsAWorkerThatRests(isOnce: Bool, isLimited: Bool) throws {
        let heard = Happening<String>()
        let listener = try Listener(database.options, channels: [Listener.workChannel]) {
            heard.note($0.payload)
        }
        try listener.start()
        defer { listener.stop() }
        #expect(heard.wait { $0 == [""] })
        heard.forget()
        let store = database.store()
        let caller = try database.caller()
        func submit(_ key: String, tellingAllBut own: Int64?) throws -> Bool? {
            var task = NewTask.sample(caller)
            if isOnce { task.idempotency = (key, [UInt8](repeating: 7, count: 32)) }
            return isLimited
                ? try store.submit(task, within: nil, tellingAllBut: own)?.isTold
                : try store.submit(task, tellingAllBut: own)?.isTold
        }
        let mine = try store.registerWorker(host: "here", processID: 1)
        #expect(try submit("alone", tellingAllBut: mine) == false)
        let other = try store.registerWorker(host: "there", processID: 2)
        #expect(try submit("not asked to", tellingAllBut: nil) == false)
        try store.setIdle(false, worker: other)
        #expect(try submit("busy", tellingAllBut: mine) == false)
        try store.setIdle(true, worker: other)
        // Whatever those three sent would arrive before this.
        try database.sql("NOTIFY kinora_work, 'last'")
        #expect(heard.wait { $0.contains("last") })
        #expect(heard.all == ["last"])
        heard.forget()
        #expect(try submit("idle", tellingAllBut: mine) == true)
        #expect(heard.wait { $0 == [""] })
        heard.forget()
        // What is not kept is told to nobody.
        if isOnce { #expect(try submit("idle", tellingAllBut: mine) == nil) }
        try database.sql("NOTIFY kinora_work, 'last'")
        #expect(heard.wait { $0.contains("last") })
        #expect(heard.all == ["last"])
    }

    /// A NOTIFY has its price for the whole cluster: the logs send one only where somebody follows them.
    @Test func aWrittenLogWakesNobodyWhereNobodyFollows() throws {
        let store = database.store()
        try store.keepLogs(days: 14)
        func write() throws {
            let entry = LogEntry(Event.started(verb: "test").record, at: .now)
            try store.writeLogs(requests: [], events: [entry], process: "p")
        }
        // Hears everything, and does not count as a follower.
        let ear = try Connection(database.options)
        try ear.script("LISTEN kinora_log")
        func hears(within limit: Duration) throws -> Bool {
            try !ear.notifications(until: .now + limit, wakeup: -1).isEmpty
        }
        try write()
        let begun = Happening<String>()
        let follower = try Listener(
            database.options, channels: [Listener.logChannel]
        ) { begun.note($0.channel) }
        try follower.start()
        // It says so by itself once its lock is held. What was written before has woken nobody.
        #expect(begun.wait { !$0.isEmpty })
        #expect(try !hears(within: .milliseconds(1)))
        try write()
        #expect(try hears(within: .seconds(10)))
        #expect(begun.wait { $0.count == 2 })
        follower.stop()
    }
}
