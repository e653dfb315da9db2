import Core

/// Answers look-ups, or carries out writes, that come at the same time with one statement: a statement costs
/// the server far more than a row (docs/decisions/0004-where-the-time-goes.md). A lone one is run at once.
/// Whoever comes while one is under way waits, and the next statement serves all who wait.
final class BatchLoader<Key: Sendable, Found: Sendable>: Sendable {
    /// Finds the values of some keys: as many as there are keys, in their order. A value that cannot be read
    /// fails alone.
    typealias Load = @Sendable ([Key]) throws(KinoraError) -> [Result<Found?, KinoraError>]

    /// Somebody in the line.
    private final class Seat: Sendable {
        enum State {
            case waiting
            /// It is this one's turn to serve these with the next statement, itself included.
            case turn([Seat])
            case served(Result<Found?, KinoraError>)
        }

        let key: Key
        let signal = Signal()
        let state = Guarded(State.waiting)

        init(_ key: Key) { self.key = key }

        func set(_ state: State) { self.state.withLock { $0 = state } }
    }

    private struct Line {
        var waiting: [Seat] = []
        /// Whether somebody has the turn.
        var isMoving = false

        mutating func take(_ count: Int) -> [Seat] {
            defer { waiting.removeFirst(min(count, waiting.count)) }
            return Array(waiting.prefix(count))
        }
    }

    private let keysMax: Int
    private let patience: Duration
    let load: Load
    private let line = Guarded(Line())

    /// - Parameters:
    ///   - keysMax: most keys of one statement
    ///   - patience: how long one statement may hold up the line; then the next one begins beside it
    init(keysMax: Int, patience: Duration, _ load: @escaping Load) {
        self.keysMax = keysMax
        self.patience = patience
        self.load = load
    }

    /// How many wait for their turn.
    var waitingCount: Int { line.withLock { $0.waiting.count } }

    /// The value of a key, read after the call began; nil when there is none. Throws what the statement
    /// throws.
    func value(of key: Key) throws(KinoraError) -> Found? {
        let seat = Seat(key)
        let isMyTurn = line.withLock { line in
            if line.isMoving { line.waiting.append(seat) }
            defer { line.isMoving = true }
            return !line.isMoving
        }
        if isMyTurn { serve([seat], thenPassOn: true) }
        while true {
            switch seat.state.withLock({ $0 }) {
            case .served(let result): return try result.get()
            case .turn(let seats): serve(seats, thenPassOn: true)
            case .waiting: if !seat.signal.wait(for: patience) { serveTheStuck(with: seat) }
            }
        }
    }

    /// Whoever has waited for too long goes on without waiting for the one whose turn it is.
    private func serveTheStuck(with seat: Seat) {
        let stuck = line.withLock { line in
            line.waiting.contains { $0 === seat } ? line.take(keysMax) : []
        }
        if !stuck.isEmpty { serve(stuck, thenPassOn: false) }
    }

    private func serve(_ seats: [Seat], thenPassOn: Bool) {
        do throws(KinoraError) {
            let values = try load(seats.map(\.key))
            for (seat, value) in zip(seats, values) { seat.set(.served(value)) }
        } catch {
            for seat in seats { seat.set(.served(.failure(error))) }
        }
        if thenPassOn { passOn() }
        for seat in seats { seat.signal.raise() }
    }

    private func passOn() {
        let next = line.withLock { line in
            line.isMoving = !line.waiting.isEmpty
            return line.take(keysMax)
        }
        guard let first = next.first else { return }
        first.set(.turn(next))
        first.signal.raise()
    }
}
