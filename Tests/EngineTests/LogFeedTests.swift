import Core
import Store
import TestSupport
import Testing

@testable import Engine

@Suite(.freshDatabase) struct LogFeedTests {
    let database = TestDatabase.current
    let store: Store

    init() throws {
        store = database.store(connectionsMax: 4)
        try store.keepLogs(days: 14)
    }

    private func write(_ numbers: ClosedRange<Int>) throws {
        let entries = numbers.map { LogEntry(Event.tasksTakenOver($0).record, at: .now) }
        try store.writeLogs(requests: [], events: entries[...], process: "p")
    }

    private func numbers(_ batch: Subscription.Batch) -> [Int] {
        batch.rows.compactMap { $0.object["fields"]?["count"]?.integerValue.map(Int.init) }
    }

    /// Reads until so many rows have come.
    private func read(_ subscription: Subscription, _ count: Int) -> [Int] {
        var seen: [Int] = []
        _ = eventually {
            seen += numbers(subscription.next(within: .milliseconds(50)))
            return seen.count >= count
        }
        return seen
    }

    private func withFeed(
        isNotifying: Bool = true, replayRows: Int = Limits.logReplayRowsMax, _ body: (LogFeed) throws -> Void
    ) throws {
        let feed = try LogFeed(
            store, .events(EventSelection()), replayRows: replayRows, isNotifying: isNotifying)
        try feed.start()
        defer { feed.stop() }
        try body(feed)
    }

    @Test func whoeverComesIsShownTheLastRowsAndThenWhatIsNew() throws {
        try write(1...30)
        try withFeed(replayRows: 20) { feed throws in
            let first = feed.subscribe()
            #expect(read(first, 20) == Array(11...30))
            try write(31...35)
            #expect(read(first, 5) == Array(31...35))
            // Later ones see what the first has seen, and no more of it than the bound.
            #expect(read(feed.subscribe(), 20) == Array(16...35))
        }
    }

    @Test func rowsOfOtherProcessesAreHeardAtOnce() throws {
        try withFeed { feed throws in
            let subscription = feed.subscribe()
            try write(1...1)
            #expect(read(subscription, 1) == [1])
            // Sixty looks by polling alone would take a minute.
            let start = ContinuousClock.now
            for number in 2...61 {
                try write(number...number)
                #expect(read(subscription, 1) == [number])
            }
            #expect(start.duration(to: .now) < .seconds(20))
        }
    }

    @Test func withoutNotificationsTheyAreFoundByLooking() throws {
        try withFeed(isNotifying: false) { feed throws in
            let subscription = feed.subscribe()
            try write(1...3)
            #expect(read(subscription, 3) == [1, 2, 3])
        }
    }

    @Test func aSlowFollowerLosesTheOldestAndIsToldHowMany() throws {
        try withFeed { feed throws in
            let (slow, quick) = (feed.subscribe(), feed.subscribe())
            let total = Limits.logUnreadRowsMax + 700
            var seen = 0
            for start in stride(from: 1, to: total, by: 100) {
                try write(start...start + 99)
                seen += read(quick, 100).count
            }
            #expect(seen == total)
            let batch = slow.next(within: .seconds(5))
            #expect(batch.lost == 700)
            #expect(numbers(batch) == Array(701...total))
            #expect(slow.next(within: .milliseconds(1)).lost == 0)
        }
    }

    @Test func whoLeavesIsHandedNothingMore() throws {
        try withFeed { feed throws in
            let (gone, here) = (feed.subscribe(), feed.subscribe())
            feed.cancel(gone)
            try write(1...3)
            #expect(read(here, 3) == [1, 2, 3])
            #expect(gone.next(within: .milliseconds(1)).rows.isEmpty)
        }
    }

    @Test func manyWritersAndFollowersMissNothing() throws {
        let database = database
        try withFeed { feed throws in
            let subscriptions = (0..<4).map { _ in feed.subscribe() }
            try concurrently(4) { writer in
                let store = database.store(connectionsMax: 1)
                for round in 0..<20 {
                    let entries = (0..<5).map { number in
                        LogEntry(Event.tasksTakenOver(writer * 100 + round * 5 + number).record, at: .now)
                    }
                    try store.writeLogs(requests: [], events: entries[...], process: "\(writer)")
                }
            }
            for subscription in subscriptions {
                #expect(read(subscription, 400).sorted() == Array(0..<400))
            }
        }
    }

    @Test func aDatabaseThatGoesAndComesBackCostsNothing() throws {
        let faults = Happening<KinoraError>()
        let feed = try LogFeed(store, .events(EventSelection()), onFault: faults.note)
        try feed.start()
        defer { feed.stop() }
        let subscription = feed.subscribe()
        try write(1...2)
        #expect(read(subscription, 2) == [1, 2])
        try database.goAway()
        #expect(faults.wait { $0.first?.code == .databaseAway })
        try database.comeBack()
        try #require(eventually { (try? write(3...4)) != nil })
        #expect(read(subscription, 2) == [3, 4])
        // Said once, however often it was tried.
        #expect(faults.all.count == 1)
    }
}
