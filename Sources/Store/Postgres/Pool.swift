import Core

/// A bounded set of sessions. The last one given back is the next one used, so a quiet process needs few.
public final class Pool: Sendable {
    private struct State {
        var idle: [Box] = []
        var open = 0
        var waiting: [Signal] = []
    }

    /// A session changes hands between threads, never owners: whoever took it out of the pool has it alone.
    private struct Box: @unchecked Sendable { let connection: Connection }

    private let options: DatabaseOptions
    private let state = Guarded(State())

    init(_ options: DatabaseOptions) { self.options = options }

    /// Lends a session for the time of `body`. Throws `databaseAway` when none can be had in time.
    func withConnection<T>(_ body: (Connection) throws(KinoraError) -> T) throws(KinoraError) -> T {
        let connection = try take()
        defer { giveBack(connection) }
        return try body(connection)
    }

    private enum Turn {
        case reuse(Box)
        case connect
        case wait(Signal)
    }

    private func take() throws(KinoraError) -> Connection {
        let deadline = ContinuousClock.now + .seconds(options.acquireTimeoutSeconds)
        while true {
            let turn = state.withLock { state -> Turn in
                if let box = state.idle.popLast() { return .reuse(box) }
                if state.open < options.connectionsMax {
                    state.open += 1
                    return .connect
                }
                let signal = Signal()
                state.waiting.append(signal)
                return .wait(signal)
            }
            switch turn {
            case .reuse(let box):
                if box.connection.isUsable { return box.connection }
                discard()
            case .connect:
                do { return try Connection(options) } catch {
                    discard()
                    throw error
                }
            case .wait(let signal):
                guard signal.wait(until: deadline) else {
                    // Chosen at the last moment: the turn goes to the next one in line.
                    if !state.withLock({ state in Self.leave(&state.waiting, signal) }) { wakeOne { _ in } }
                    throw KinoraError(
                        .databaseAway, detail: "no free session among \(options.connectionsMax) in time")
                }
            }
        }
    }

    /// False when the signal no longer stood in the line.
    private static func leave(_ waiting: inout [Signal], _ signal: Signal) -> Bool {
        guard let index = waiting.firstIndex(where: { $0 === signal }) else { return false }
        waiting.remove(at: index)
        return true
    }

    private func discard() {
        wakeOne { $0.open -= 1 }
    }

    private func giveBack(_ connection: Connection) {
        // Whether the server still keeps it is looked at when it is taken again: it may wait here for hours.
        guard connection.isIdle else { return discard() }
        let box = Box(connection: connection)
        wakeOne { $0.idle.append(box) }
    }

    private func wakeOne(_ change: (inout State) -> Void) {
        let signal = state.withLock { state -> Signal? in
            change(&state)
            return state.waiting.isEmpty ? nil : state.waiting.removeFirst()
        }
        signal?.raise()
    }

    /// Closes idle sessions. Borrowed ones close when they come back broken, or with the process.
    func closeIdle() {
        let boxes = state.withLock { state -> [Box] in
            defer { state.idle = [] }
            state.open -= state.idle.count
            return state.idle
        }
        _ = boxes
    }
}
