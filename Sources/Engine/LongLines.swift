import Core
import Store
import Synchronization

/// Watches the lines that may be long. Counting a long line at each submit would cost more than the submit:
/// it is counted about once a second while submits come, outside of them, and what this process has added
/// since is added. Short lines are counted exactly, by the submit's own statement.
final class LongLines: Sendable {
    /// A line that may have at least so many waiting tasks is long.
    static let waitingMaxLeast: Int64 = 1000

    private struct Line {
        var counted: WaitingLine
        var acceptedSince: Int64 = 0
    }

    private struct Place: Hashable {
        let family: String
        let priority: TaskPriority
    }

    private struct State {
        var lines: [Place: Line] = [:]
        /// The longest that any line may be: nobody needs to know more.
        var waitingMax: Int64 = 0
        /// Until when the count is not worth another.
        var isFreshUntil = ContinuousClock.now
    }

    private let store: Store
    private let state = Guarded(State())
    private let counting = Guarded(())
    private let kick = Signal()
    private let rest = Signal()
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<Thread?>(nil)

    init(_ store: Store) { self.store = store }

    func start() throws(KinoraError) {
        let started = try Thread { [self] in loop() }
        thread.withLock { $0 = started }
    }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        kick.raise()
        rest.raise()
        _ = thread.withLock { $0 }?.join(until: .now + .seconds(2))
    }

    /// Throws `queueFull` when the line is known to be full.
    func check(_ limit: LineLimit) throws(KinoraError) {
        kick.raise()
        state.withLock { $0.waitingMax = max($0.waitingMax, limit.waitingMax) }
        guard retrySeconds(limit) != nil else { return }
        // While nobody submits nobody counts: what was full then need not be now.
        let isFresh = state.withLock { ContinuousClock.now < $0.isFreshUntil }
        if !isFresh { _ = counting.withLock { _ in count() } }
        if let seconds = retrySeconds(limit) { throw KinoraError(.queueFull, retryAfterSeconds: seconds) }
    }

    /// When to come again, if the line is full as far as is known.
    private func retrySeconds(_ limit: LineLimit) -> Int? {
        let known = state.withLock { $0.lines[Place(family: limit.family, priority: limit.priority)] }
        guard let line = known,
            line.counted.waiting + line.acceptedSince >= line.counted.slotsFree + limit.waitingMax
        else { return nil }
        return line.counted.retrySeconds
    }

    func noteAccepted(_ line: LineLimit) {
        state.withLock { state in
            for priority in TaskPriority.allCases where priority.rawValue >= line.priority.rawValue {
                state.lines[Place(family: line.family, priority: priority)]?.acceptedSince += 1
            }
        }
    }

    private func loop() {
        while !isStopping.load(ordering: .acquiring) {
            guard kick.wait(for: .seconds(60)), !isStopping.load(ordering: .acquiring) else { continue }
            _ = rest.wait(for: counting.withLock { _ in count() })
        }
    }

    /// Counts, unless somebody has just done so. Gives how long to rest then.
    private func count() -> Duration {
        let start = ContinuousClock.now
        let (waitingMax, isFreshUntil) = state.withLock { ($0.waitingMax, $0.isFreshUntil) }
        guard start >= isFreshUntil else { return start.duration(to: isFreshUntil) }
        // A count that fails leaves the last one, and the next submit asks again.
        let counted = try? store.waitingLines(waitingMax: waitingMax)
        let pause = Self.pause(after: start.duration(to: .now))
        state.withLock { state in
            state.isFreshUntil = .now + pause
            guard let counted else { return }
            state.lines = Dictionary(
                counted.map { (Place(family: $0.family, priority: $0.priority), Line(counted: $0)) }
            ) { $1 }
        }
        return pause
    }

    /// A deep backlog takes long to count, and a fiftieth of the time is enough for that; but a database that
    /// hung for a moment is no reason to refuse clients for minutes by what was counted then.
    static func pause(after count: Duration) -> Duration {
        min(max(.seconds(1), count * 50), .seconds(10))
    }
}
