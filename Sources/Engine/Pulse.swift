import Core
import Glibc
import Store
import Synchronization

/// The worker's sign of life, and its watch over the others'.
final class Pulse: Sendable {
    private struct Beat {
        var worker: Int64
        /// Suspended time counts: a frozen process must see that its lease is gone.
        var at: ContinuousClock.Instant
    }

    /// A session of its own: a heartbeat must not wait behind the work whose lease it is.
    private let ownStore: Store
    private let store: Store
    private let events: any EventSink
    private let usual: UsualTimes
    private let beat: Guarded<Beat>
    private let wakeups: Wakeups
    private let stopSignal = Signal()
    private let isStopping = Atomic<Bool>(false)
    private let threads = Mutex<[Thread]>([])

    init(
        _ store: Store, events: any EventSink, usual: UsualTimes, wakeups: Wakeups
    ) throws(KinoraError) {
        self.store = store
        var options = store.options
        options.connectionsMax = 1
        ownStore = Store(options)
        self.events = events
        self.usual = usual
        self.wakeups = wakeups
        let worker = try Self.register(store)
        beat = Guarded(Beat(worker: worker, at: .now))
        wakeups.ownWorker.store(worker, ordering: .relaxed)
    }

    private static func register(_ store: Store) throws(KinoraError) -> Int64 {
        try store.registerWorker(host: Host.name, processID: getpid())
    }

    var worker: Int64 { beat.withLock { $0.worker } }

    /// Whether the lease surely still holds. Two seconds of margin: what is sent now must arrive before
    /// others look.
    var isFresh: Bool { leaseEnd(of: worker).map { ContinuousClock.now < $0 } ?? false }

    /// Until when claims under that number of this worker surely hold; nil when it has another one now, and
    /// others may have taken them.
    func leaseEnd(of worker: Int64) -> ContinuousClock.Instant? {
        beat.withLock { $0.worker == worker ? $0.at + .seconds(Limits.workerSilenceSecondsMax - 2) : nil }
    }

    func start() throws(KinoraError) {
        let started = [
            try Thread { [self] in
                everyBeat("heartbeat") { _ throws(KinoraError) in try tick() }
            },
            try Thread { [self] in
                everyBeat("housekeeping") { round throws(KinoraError) in try keepHouse(round) }
            },
        ]
        threads.withLock { $0 = started }
    }

    private func everyBeat(_ place: String, _ body: (Int) throws(KinoraError) -> Void) {
        var round = 0
        while !isStopping.load(ordering: .acquiring) {
            do throws(KinoraError) { try body(round) } catch {
                if error.code != .databaseAway { events.emit(.fault(place, error)) }
            }
            round += 1
            _ = stopSignal.wait(for: .seconds(Limits.heartbeatSeconds), clearing: false)
        }
    }

    private func tick() throws(KinoraError) {
        // Counted from before the call: the row cannot be younger than this.
        let now = ContinuousClock.now
        var worker = worker
        if try !ownStore.beat(worker: worker) {
            // Declared dead while frozen or cut off. The old claims are void; a new life begins.
            worker = try Self.register(ownStore)
            wakeups.ownWorker.store(worker, ordering: .relaxed)
        }
        beat.withLock { $0 = Beat(worker: worker, at: now) }
    }

    private func keepHouse(_ round: Int) throws(KinoraError) {
        let rescued = try store.rescue(by: worker)
        if rescued > 0 {
            events.emit(.tasksTakenOver(rescued))
            wakeups.work.raise()
        }
        try usual.flush(to: store)
        while try store.rollUsage(limit: 1000) == 1000, !isStopping.load(ordering: .acquiring) {}
        while try store.rollRelayUsage(limit: 1000) == 1000, !isStopping.load(ordering: .acquiring) {}
        while try store.sweepRelay(), !isStopping.load(ordering: .acquiring) {}
        guard round % 200 == 0 else { return }
        while try store.sweepIdempotency() == 1000, !isStopping.load(ordering: .acquiring) {}
        while try store.sweepWebhooks() == 1000, !isStopping.load(ordering: .acquiring) {}
    }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        stopSignal.raise()
        for thread in threads.withLock({ $0 }) { _ = thread.join(until: .now + .seconds(2)) }
    }
}
