public import Core
import Glibc
public import Store
import Synchronization

/// The logs of requests and events. Whoever notes something leaves it in memory and goes on; one thread
/// writes what has gathered, a second later at most. While the database is away rows wait, up to
/// `Limits.logRowsMax`; later ones are lost, and how many is said as an event. So is how many failures
/// without a caller were left out, since they came too fast.
public final class Journal: EventSink {
    private struct Pages: Sendable {
        var requests: [RequestRecord] = []
        var events: [LogEntry<EventRecord>] = []
        var lost = 0

        var rows: Int { requests.count + events.count }
    }

    private let store: Store
    /// Hears every event at once, whatever is kept.
    private let echo: any EventSink
    private let process: String
    private let pages = Guarded(Pages())
    private let strangers = Guarded(StrangerRows())
    /// Something is to be written soon.
    private let news = Signal()
    private let stopped = Signal()
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<Thread?>(nil)
    // What the settings say; until they are known, their defaults.
    private let requestsKept = Atomic<Int64>(NumberSetting.requestLog.defaultValue)
    private let eventsKept = Atomic<Int64>(NumberSetting.eventLog.defaultValue)
    private let days = Atomic<Int64>(NumberSetting.logRetentionDays.defaultValue)

    /// Longest time that a row waits for others.
    private static let interval = Duration.seconds(1)
    /// Batches follow one another at this distance at least, however fast events come.
    private static let pace = Duration.milliseconds(100)
    private static let keepingInterval = Duration.seconds(3600)

    public init(_ store: Store, echo: any EventSink) {
        self.store = store
        self.echo = echo
        process = "\(Host.name)/\(getpid())"
    }

    public func start() throws(KinoraError) {
        let started = try Thread { [self] in loop() }
        thread.withLock { $0 = started }
    }

    /// Writes what is left. A database that is away is not waited for.
    public func stop() {
        isStopping.store(true, ordering: .releasing)
        news.raise()
        stopped.raise()
        _ = thread.withLock { $0 }?.join(until: .now + .seconds(5))
    }

    /// The settings, at the start and whenever they change.
    public func heed(_ settings: [String: JSON]) {
        let days = NumberSetting.logRetentionDays.value(in: settings)
        let isKept: Int64 = days > 0 ? 1 : 0
        requestsKept.store(isKept * NumberSetting.requestLog.value(in: settings), ordering: .relaxed)
        eventsKept.store(isKept * NumberSetting.eventLog.value(in: settings), ordering: .relaxed)
        if self.days.exchange(days, ordering: .acquiringAndReleasing) != days { news.raise() }
    }

    // Noting

    /// Whether a request of this kind is kept.
    public func keeps(_ method: Method?, hasFailed: Bool) -> Bool {
        switch requestsKept.load(ordering: .relaxed) {
        case 0: false
        case 1: hasFailed
        case 2: hasFailed || (method != .get && method != .head)
        default: true
        }
    }

    public func note(_ request: RequestRecord, at now: ContinuousClock.Instant = .now) {
        let isStrangers = request.course.caller == nil && request.course.error != nil
        if isStrangers, !strangers.withLock({ $0.keepsOne(at: now) }) { return }
        let isBatch = pages.withLock { pages in
            guard pages.requests.count < Limits.logRowsMax else {
                pages.lost += 1
                return false
            }
            pages.requests.append(request)
            return pages.requests.count == Limits.logBatchRowsMax
        }
        if isBatch { news.raise() }
    }

    public func emit(_ event: Event) {
        echo.emit(event)
        let record = event.record
        guard keeps(event, record.level) else { return }
        let entry = LogEntry(record, at: .now)
        pages.withLock { pages in
            if pages.events.count < Limits.logRowsMax { pages.events.append(entry) } else { pages.lost += 1 }
        }
        news.raise()
    }

    private func keeps(_ event: Event, _ level: EventRecord.Level) -> Bool {
        switch eventsKept.load(ordering: .relaxed) {
        case 0: false
        case 1: level >= .warning
        default:
            // What a client did wrong stands in the log of requests.
            if case .requestFailed = event { level >= .warning } else { level >= .info }
        }
    }

    // Writing

    private func loop() {
        var unwritten = Pages()
        var keptDays: Int64?
        var keepAt = ContinuousClock.now
        while true {
            let isLast = isStopping.load(ordering: .acquiring)
            if let count = strangers.withLock({ $0.tell(at: .now, isLast: isLast) }) {
                emit(.refusalsLeftOut(count))
            }
            if unwritten.rows == 0 { unwritten = takePages() }
            // Looked at after the rows were taken: what was noted under a new setting is not lost to the old.
            let days = days.load(ordering: .acquiring)
            var rest = Self.pace
            do throws(KinoraError) {
                if keptDays != days || ContinuousClock.now >= keepAt {
                    try store.keepLogs(days: days)
                    keptDays = days
                    keepAt = .now + Self.keepingInterval
                }
                try write(&unwritten, days: days)
            } catch {
                // Others say that the database is away.
                if error.code != .databaseAway { echo.emit(.fault("logs", error)) }
                rest = Self.interval
            }
            if isLast { break }
            _ = stopped.wait(for: rest, clearing: false)
            _ = news.wait(for: Self.interval)
        }
        let lost = pages.withLock { $0.rows + $0.lost } + unwritten.rows
        if lost > 0 { echo.emit(.logRowsLost(lost)) }
    }

    private func takePages() -> Pages {
        pages.withLock { pages in
            defer { pages = Pages() }
            return pages
        }
    }

    /// Throws `databaseAway`: what is in `unwritten` is tried again.
    private func write(_ unwritten: inout Pages, days: Int64) throws(KinoraError) {
        guard days > 0 else { return unwritten = Pages() }
        var lost = unwritten.lost
        while unwritten.rows > 0 {
            let requests = unwritten.requests.prefix(Limits.logBatchRowsMax)
            let events = unwritten.events.prefix(Limits.logBatchRowsMax)
            do throws(KinoraError) { try write(requests, events, days: days) } catch {
                guard error.code != .databaseAway else { throw error }
                echo.emit(.fault("logs", error))
                lost += requests.count + events.count
            }
            unwritten.requests.removeFirst(requests.count)
            unwritten.events.removeFirst(events.count)
        }
        unwritten.lost = 0
        if lost > 0 { emit(.logRowsLost(lost)) }
    }

    private func write(
        _ requests: ArraySlice<RequestRecord>, _ events: ArraySlice<LogEntry<EventRecord>>, days: Int64
    ) throws(KinoraError) {
        do throws(KinoraError) {
            try store.writeLogs(requests: requests, events: events, process: process)
        } catch {
            guard error.code != .databaseAway else { throw error }
            // The database's clock may have leapt to a day that has no partition.
            try store.keepLogs(days: days)
            try store.writeLogs(requests: requests, events: events, process: process)
        }
    }
}
