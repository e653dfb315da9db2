public import Core
public import Store
import Synchronization

/// Keeps what is known of the accounts' credit fresh: one account at a time, all processes together, with
/// some seconds between two. What is found counts as for `kinora account refresh`: a fault is written down
/// with the account and stops no task, since where credit is told may fail by itself.
public final class CreditRound: Sendable {
    private let store: Store
    private let cache: SnapshotCache
    private let inspection: AccountInspection
    private let events: any EventSink
    private let pollInterval: Duration
    private let pause: @Sendable () -> Duration
    private let stopSignal = Signal()
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<Thread?>(nil)

    /// `pollInterval` is the rest between two looks for an account that is due, `pause` the time between two
    /// accounts.
    public init(
        store: Store, cache: SnapshotCache, inspection: AccountInspection, events: any EventSink,
        pollInterval: Duration = .seconds(Limits.heartbeatSeconds),
        pause: @escaping @Sendable () -> Duration = AccountInspection.pause
    ) {
        self.store = store
        self.cache = cache
        self.inspection = inspection
        self.events = events
        self.pollInterval = pollInterval
        self.pause = pause
    }

    public func start() throws(KinoraError) {
        let started = try Thread { [self] in loop() }
        thread.withLock { $0 = started }
    }

    /// Asks nobody else. Who is being asked is asked again in the next round.
    public func stop() {
        isStopping.store(true, ordering: .releasing)
        stopSignal.raise()
        _ = thread.withLock { $0 }?.join(until: .now + .milliseconds(200))
    }

    private func loop() {
        while !isStopping.load(ordering: .acquiring) {
            do throws(KinoraError) { try askOne() } catch {
                events.emit(error.code == .databaseAway ? .databaseLost(error) : .fault("credits", error))
            }
            _ = stopSignal.wait(for: pollInterval, clearing: false)
        }
    }

    func askOne() throws(KinoraError) {
        let minutes = NumberSetting.creditsRefreshMinutes.value(in: cache.snapshot.settings)
        guard minutes > 0, let account = try store.takeCreditsTurn(every: .seconds(60 * minutes)) else {
            return
        }
        let result = Result { () throws(KinoraError) in try inspection.refresh(account) }
        try store.endCreditsTurn(pause: pause())
        _ = try result.get()
    }
}
