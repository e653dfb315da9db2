public import Synchronization
public import Core
public import Store

/// Tells workers that there is work. In this process by a signal; elsewhere by a NOTIFY, and only when
/// somebody is idle: at most two per interval, one that comes with the commit of a submit and one behind it
/// for what was not told so. Whoever is not told finds the work by polling. And tells every process which
/// tasks have changed, so that none shows its clients what was before.
public final class Wakeups: Sendable {
    /// Raised for the worker of this process.
    public let work = PollableSignal()
    /// The worker of this process; 0 when it has none.
    public let ownWorker = Atomic<Int64>(0)
    /// What this process remembers of tasks.
    let recent: RecentTasks

    private let store: Store
    let isNotifying: Bool
    private let kick = Signal()
    private let hasNewWork = Atomic<Bool>(false)
    /// Rows of tasks that changed and of which the others were not told yet.
    private let changed = Guarded<Set<Int64>>([])
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<Thread?>(nil)
    private static let interval = Duration.milliseconds(25)
    /// Since its beginning, in microseconds: when a submit was last to tell others.
    private let toldAt = Atomic<Int64>(-interval.microseconds)
    private let origin = ContinuousClock.now
    /// Whoever has just been told, here or by the submit itself, takes the task before others are told of it.
    private static let head = Duration.milliseconds(5)
    /// Where the database did not take what was to be told.
    private static let retryInterval = Duration.milliseconds(200)

    /// `isNotifying` false: no NOTIFY is sent, polling alone must do, and a task that still runs is read anew
    /// each time.
    public convenience init(_ store: Store, isNotifying: Bool = true) {
        let lifetime = isNotifying ? RecentTasks.lifetime : RecentTasks.lifetimeUnannounced
        self.init(store, isNotifying: isNotifying, recent: RecentTasks(lifetime: lifetime))
    }

    init(_ store: Store, isNotifying: Bool, recent: RecentTasks) {
        self.store = store
        self.recent = recent
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

    /// Whether a submit that begins now is to tell workers of other processes: then the number of this
    /// process's own, 0 when it has none.
    func turnToTell(at moment: ContinuousClock.Instant = .now) -> Int64? {
        let now = origin.duration(to: moment).microseconds
        let last = toldAt.load(ordering: .relaxed)
        guard isNotifying, now - last >= Self.interval.microseconds,
            toldAt.compareExchange(expected: last, desired: now, ordering: .relaxed).exchanged
        else { return nil }
        return ownWorker.load(ordering: .relaxed)
    }

    /// A task was accepted. `isTold`: its commit has told a worker of another process.
    public func noteWork(isTold: Bool = false) {
        if ownWorker.load(ordering: .relaxed) != 0 { work.raise() }
        guard !isTold else { return }
        hasNewWork.store(true, ordering: .releasing)
        kick.raise()
    }

    /// A worker of this process changed tasks. The others hear of it within the interval.
    func noteChanges(_ rows: [Int64]) {
        recent.forget(rows)
        guard isNotifying, !rows.isEmpty else { return }
        announceLater(rows)
    }

    /// A client changed or deleted its task, and may ask another process for it next.
    func announceChange(_ row: Int64) {
        recent.forget([row])
        guard isNotifying else { return }
        do throws(KinoraError) { try store.announceChanges([row]) } catch { announceLater([row]) }
    }

    private func announceLater(_ rows: [Int64]) {
        changed.withLock { $0.formUnion(rows) }
        kick.raise()
    }

    private func loop() {
        let pause = Signal()
        while !isStopping.load(ordering: .acquiring) {
            guard kick.wait(for: .seconds(60)) else { continue }
            if changed.withLock({ $0.isEmpty }) { _ = pause.wait(for: Self.head) }
            _ = pause.wait(for: tell() ? Self.interval : Self.retryInterval)
        }
        // What was changed last, by who has just stopped.
        _ = tell()
    }

    /// Whether everything could be told.
    private func tell() -> Bool {
        // A lost wake-up costs a poll interval; an error here is not worth a word.
        if hasNewWork.exchange(false, ordering: .acquiring) {
            try? store.wakeWorkers(exceptFor: ownWorker.load(ordering: .relaxed))
        }
        let rows = changed.withLock { rows in
            defer { rows.removeAll(keepingCapacity: true) }
            return Array(rows)
        }
        guard !rows.isEmpty else { return true }
        do throws(KinoraError) { try store.announceChanges(rows) } catch {
            // Until others hear of it they show their clients what was before.
            announceLater(rows)
            return false
        }
        return true
    }
}
