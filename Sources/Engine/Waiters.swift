import Synchronization
import Core
import Store

/// Requests that wait for a task's end. One thread asks the database for all of them at once; a worker in
/// this process tells by a signal.
final class Waiters: Sendable {
    private struct Waiter {
        let row: Int64
        let signal: Signal
    }

    private let store: Store
    private let waiting = Mutex<[Waiter]>([])
    private let wake = Signal()
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<Thread?>(nil)
    private static let interval = Duration.milliseconds(500)

    /// Most that may wait at once: each holds a thread, and uploads need threads too.
    private let limit: Int

    init(_ store: Store, limit: Int) {
        self.store = store
        self.limit = limit
    }

    func start() throws(KinoraError) {
        let started = try Thread { [self] in loop() }
        thread.withLock { $0 = started }
    }

    /// Sends everybody home.
    func stop() {
        isStopping.store(true, ordering: .releasing)
        wake.raise()
        waiting.withLock { $0 }.forEach { $0.signal.raise() }
        _ = thread.withLock { $0 }?.join(until: .now + .seconds(2))
    }

    /// Whether another one may wait now.
    var hasRoom: Bool { waiting.withLock { $0.count < limit } }

    /// A worker of this process finished a task.
    func note(_ row: Int64) {
        let signals = waiting.withLock { $0.filter { $0.row == row } }
        signals.forEach { $0.signal.raise() }
    }

    /// Returns when the task ended, the time is over, the client left or the process stops; at once when too
    /// many wait already.
    func wait(forTask row: Int64, until deadline: ContinuousClock.Instant, while isWanted: () -> Bool) {
        let signal = Signal()
        let isAdmitted = waiting.withLock { list in
            guard list.count < limit else { return false }
            list.append(Waiter(row: row, signal: signal))
            return true
        }
        guard isAdmitted else { return }
        wake.raise()
        defer { waiting.withLock { list in list.removeAll { $0.signal === signal } } }
        while !isStopping.load(ordering: .acquiring), ContinuousClock.now < deadline, isWanted() {
            if signal.wait(until: min(deadline, .now + .seconds(1)), clearing: false) { return }
        }
    }

    private func loop() {
        while !isStopping.load(ordering: .acquiring) {
            let rows = Set(waiting.withLock { $0.map(\.row) })
            if rows.isEmpty {
                _ = wake.wait(for: .seconds(60))
                continue
            }
            // When the database is away nobody is told anything; they go on waiting.
            if let finished = try? store.finalTasks(among: Array(rows)) { finished.forEach(note) }
            _ = wake.wait(for: Self.interval)
        }
    }
}
