public import Synchronization
public import Core
public import Store

/// Tells workers that there is work. In this process by a signal; elsewhere by a NOTIFY outside the submit,
/// at most one per interval, and only when somebody is idle. Whoever is not told finds the work by polling.
/// And tells every process that a task was deleted.
public final class Wakeups: Sendable {
    /// Raised for the worker of this process.
    public let work = Signal()
    /// The worker of this process; 0 when it has none.
    public let ownWorker = Atomic<Int64>(0)

    private let store: Store
    private let isNotifying: Bool
    private let kick = Signal()
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<Thread?>(nil)
    private static let interval = Duration.milliseconds(25)

    /// `isNotifying` false: no NOTIFY is sent, polling alone must do.
    public init(_ store: Store, isNotifying: Bool = true) {
        self.store = store
        self.isNotifying = isNotifying
    }

    public func start() throws(KinoraError) {
        guard isNotifying else { return }
        let started = try Thread { [self] in loop() }
        thread.withLock { $0 = started }
    }

    public func stop() {
        isStopping.store(true, ordering: .releasing)
        kick.raise()
        work.raise()
        _ = thread.withLock { $0 }?.join(until: .now + .seconds(2))
    }

    /// A task was accepted.
    public func noteWork() {
        if ownWorker.load(ordering: .relaxed) != 0 { work.raise() }
        kick.raise()
    }

    /// A task was deleted, and other processes may remember it.
    func noteDeletion() {
        guard isNotifying else { return }
        try? store.announceDeletion()
    }

    private func loop() {
        let pause = Signal()
        while !isStopping.load(ordering: .acquiring) {
            guard kick.wait(for: .seconds(60)), !isStopping.load(ordering: .acquiring) else { continue }
            // A lost wake-up costs a poll interval; an error here is not worth a word.
            try? store.wakeWorkers(exceptFor: ownWorker.load(ordering: .relaxed))
            _ = pause.wait(for: Self.interval)
        }
    }
}
