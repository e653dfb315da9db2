import Core
import Store
import TestSupport
import Testing

@testable import Engine

@Suite(.freshDatabase) struct SnapshotCacheTests {
    let database = TestDatabase.current
    let events = EventLog()

    private func change(_ seconds: Int) throws {
        try database.sql("UPDATE setting SET value = '\(seconds)' WHERE name = 'video_timeout'")
    }

    private func seen(_ seconds: Int, _ cache: SnapshotCache) -> Bool {
        eventually { cache.snapshot.videoTimeoutSeconds == Int64(seconds) }
    }

    @Test func whatTheDatabaseHoldsIsReadAtTheStart() throws {
        try database.account("one", vendor: "openai")
        let key = try database.caller()
        let snapshot = try SnapshotCache(database.store(), events: events).snapshot
        #expect(snapshot.vendorsServed == ["openai"])
        #expect(snapshot.keys.values.map(\.caller) == [key])
        #expect(snapshot.models["sora-2"]?.vendors == ["openai"])
        let rules = snapshot.models["sora-2"]?.rules[.t2v]?.map(\.name)
        #expect(rules == ["seconds", "size", "style", "off_peak"])
        #expect(snapshot.videoTimeoutSeconds == 1800 && snapshot.imageTimeoutSeconds == 300)
    }

    /// Each change comes right after the last look: without notifications twenty would take twenty seconds.
    @Test func aNotificationBringsAChangeAtOnce() throws {
        let cache = try SnapshotCache(database.store(), events: events)
        try cache.start()
        defer { cache.stop() }
        let heard = Happening<String>()
        let listener = try Listener(database.options, channels: [Listener.configChannel]) {
            cache.noteChange()
            heard.note($0.channel)
        }
        try listener.start()
        defer { listener.stop() }
        #expect(heard.wait { !$0.isEmpty })
        let start = ContinuousClock.now
        for round in 1...20 {
            try change(round)
            #expect(seen(round, cache))
        }
        #expect(start.duration(to: .now) < .seconds(15))
    }

    @Test func withoutNotificationsAChangeIsFoundAllTheSame() throws {
        let cache = try SnapshotCache(database.store(), events: events)
        try cache.start()
        defer { cache.stop() }
        var fastest = Duration.seconds(60)
        for round in 1...2 {
            let start = ContinuousClock.now
            try change(round)
            #expect(seen(round, cache))
            fastest = min(fastest, start.duration(to: .now))
        }
        #expect(fastest < .seconds(3))
        // It is said once it holds.
        #expect(
            eventually {
                events.count { if case .configurationLoaded = $0 { true } else { false } } == 2
            })
    }

    @Test func nothingIsReadAgainWhileNothingChanges() throws {
        let cache = try SnapshotCache(database.store(), events: events)
        try cache.start()
        defer { cache.stop() }
        for _ in 0..<50 { cache.noteChange() }
        #expect(
            !events.has(within: .milliseconds(1500)) {
                if case .configurationLoaded = $0 { true } else { false }
            })
    }

    @Test func whatIsKnownStaysKnownWhileTheDatabaseIsAway() throws {
        let cache = try SnapshotCache(database.store(), events: events)
        try cache.start()
        defer { cache.stop() }
        try database.goAway()
        cache.noteChange()
        #expect(
            !events.has(within: .milliseconds(500)) {
                if case .configurationLoaded = $0 { true } else { false }
            })
        #expect(cache.snapshot.models["sora-2"] != nil)
        try database.comeBack()
        try change(77)
        #expect(seen(77, cache))
    }

    @Test func aDatabaseWithoutMigrationsIsAnError() throws {
        try database.sql("DROP SCHEMA kinora CASCADE")
        #expect(throws: KinoraError.self) { _ = try SnapshotCache(database.store(), events: events) }
    }
}
