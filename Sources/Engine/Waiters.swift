import Synchronization
import Core
import Store

/// Requests that wait for a task's end, or for any news of it. A worker in this process tells by a signal
/// that a task has ended. One thread asks the database about those that other processes say have changed, and
/// now and then about all, since what is said can be lost.
final class Waiters: Sendable {
    private struct Waiter {
        let row: Int64
        let user: Int64
        let signal: Signal
        /// What is known of the task; nil: only the end is waited for.
        let known: TaskStanding?
        /// Whether its thread is missed meanwhile.
        let isCounted: Bool

        func hears(of standing: TaskStanding) -> Bool {
            known.map { $0 != standing } ?? standing.state.isFinal
        }
    }

    private let store: Store
    private let waiting = Mutex<[Waiter]>([])
    /// Tasks that may have ended since they were looked at.
    private let suspects = Mutex<Set<Int64>>([])
    private let wake = Signal()
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<Thread?>(nil)
    /// How often all tasks are looked at.
    private let interval: Duration

    /// Most of those counted that may wait at once: each holds a thread, and uploads need threads too. The
    /// last quarter of the places is for others than the user who has all the rest.
    private let limit: Int
    private var perUserMax: Int { limit - limit / 4 }

    static let noRoom = KinoraError(
        .queueFull, "Too many requests wait for their result here. Try again, or do not wait.",
        retryAfterSeconds: 2)

    init(_ store: Store, limit: Int, interval: Duration = .seconds(1)) {
        self.store = store
        self.limit = limit
        self.interval = interval
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

    /// Whether another one of the user's that counts may wait now.
    func hasRoom(for user: Int64) -> Bool { waiting.withLock { hasRoom(for: user, in: $0) } }

    private func hasRoom(for user: Int64, in list: [Waiter]) -> Bool {
        let own = list.count { $0.isCounted && $0.user == user }
        return own < perUserMax && list.count(where: \.isCounted) < limit
    }

    /// Whether nobody waits any more, since the process stops.
    var hasStopped: Bool { isStopping.load(ordering: .acquiring) }

    /// A worker of this process finished a task.
    func note(_ row: Int64) {
        let signals = waiting.withLock { $0.filter { $0.row == row } }
        signals.forEach { $0.signal.raise() }
    }

    /// Some process changed these tasks; nil: whichever. Who waits for an end only hears of it if it is one.
    func noteChanges(_ rows: Set<Int64>?) {
        let concerned = waiting.withLock { list in list.filter { rows?.contains($0.row) ?? true } }
        for waiter in concerned where waiter.known != nil { waiter.signal.raise() }
        suspect(concerned.filter { $0.known == nil }.map(\.row))
    }

    private func suspect(_ rows: [Int64]) {
        guard !rows.isEmpty else { return }
        suspects.withLock { $0.formUnion(rows) }
        wake.raise()
    }

    /// Returns when the task ended, the time is over, the client left or the process stops; at once, and
    /// false, when too many wait already, or too many of the user's. `known`: also when the task may no
    /// longer be as it says.
    @discardableResult
    func wait(
        forTask row: Int64, of user: Int64, since known: TaskStanding? = nil,
        until deadline: ContinuousClock.Instant,
        isCounted: Bool = true, while isWanted: () -> Bool
    ) -> Bool {
        let signal = Signal()
        let waiter = Waiter(row: row, user: user, signal: signal, known: known, isCounted: isCounted)
        let isAdmitted = waiting.withLock { list in
            guard !isCounted || hasRoom(for: user, in: list) else { return false }
            list.append(waiter)
            return true
        }
        guard isAdmitted else { return false }
        // It may have ended before anybody waited for it.
        suspect([row])
        defer { waiting.withLock { list in list.removeAll { $0.signal === signal } } }
        while !isStopping.load(ordering: .acquiring), ContinuousClock.now < deadline, isWanted() {
            if signal.wait(until: min(deadline, .now + .seconds(1)), clearing: false) { break }
        }
        return true
    }

    private func loop() {
        var lookAt = ContinuousClock.now
        while !isStopping.load(ordering: .acquiring) {
            // These first: whoever waits for one of them is then among those who wait.
            let suspects = suspects.withLock { rows in
                defer { rows = [] }
                return rows
            }
            let waiters = waiting.withLock { $0 }
            if waiters.isEmpty {
                _ = wake.wait(for: .seconds(60))
                continue
            }
            let isForAll = ContinuousClock.now >= lookAt
            if isForAll { lookAt = .now + interval }
            tell(isForAll ? waiters : waiters.filter { suspects.contains($0.row) })
            _ = wake.wait(until: lookAt)
        }
    }

    /// When the database is away nobody is told anything; they go on waiting.
    private func tell(_ waiters: [Waiter]) {
        guard !waiters.isEmpty, let standings = try? store.standings(of: Array(Set(waiters.map(\.row))))
        else { return }
        for waiter in waiters where standings[waiter.row].map(waiter.hears) ?? false { waiter.signal.raise() }
    }
}
