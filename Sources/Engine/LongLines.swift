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
    }

    private let store: Store
    private let state = Guarded(State())
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
        let known = state.withLock { state in
            state.waitingMax = max(state.waitingMax, limit.waitingMax)
            return state.lines[Place(family: limit.family, priority: limit.priority)]
        }
        guard let line = known else { return }
        guard line.counted.waiting + line.acceptedSince >= line.counted.slotsFree + limit.waitingMax else {
            return
        }
        throw KinoraError(.queueFull, retryAfterSeconds: line.counted.retrySeconds)
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
            let start = ContinuousClock.now
            // A count that fails leaves the last one, and the next submit asks again.
            let waitingMax = state.withLock { $0.waitingMax }
            if let counted = try? store.waitingLines(waitingMax: waitingMax) {
                let lines = Dictionary(
                    counted.map { (Place(family: $0.family, priority: $0.priority), Line(counted: $0)) }
                ) { $1 }
                state.withLock { $0.lines = lines }
            }
            // A deep backlog takes long to count: never more than a fiftieth of the time.
            _ = rest.wait(for: max(.seconds(1), start.duration(to: .now) * 50))
        }
    }
}
