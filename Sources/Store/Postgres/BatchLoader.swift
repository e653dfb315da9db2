import Core

/// Answers look-ups, or carries out writes, that come at the same time with one statement: a statement costs
/// the server far more than a row (docs/decisions/0004-where-the-time-goes.md). A lone one is run at once.
/// Whoever comes while one is under way waits, and the next statement serves all who wait.
final class BatchLoader<Key: Sendable, Found: Sendable>: Sendable {
    /// Finds the values of some keys: as many as there are keys, in their order. A value that cannot be read
    /// fails alone.
    typealias Load = @Sendable ([Key]) throws(KinoraError) -> [Result<Found?, KinoraError>]

    /// Somebody in the line. The variables are written before the signal is raised, and read after.
    private final class Seat: @unchecked Sendable {
        let key: Key
        let signal = Signal()
        var result: Result<Found?, KinoraError>?
        /// Whom to serve with the next statement, oneself included: it is this one's turn.
        var turn: [Seat] = []

        init(_ key: Key) { self.key = key }
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
        while seat.result == nil {
            if seat.signal.wait(for: patience) {
                if seat.result == nil { serve(seat.turn, thenPassOn: true) }
            } else {
                let stuck = line.withLock { line in
                    line.waiting.contains { $0 === seat } ? line.take(keysMax) : []
                }
                if !stuck.isEmpty { serve(stuck, thenPassOn: false) }
            }
        }
        return try seat.result?.get() ?? nil
    }

    private func serve(_ seats: [Seat], thenPassOn: Bool) {
        do throws(KinoraError) {
            let values = try load(seats.map(\.key))
            for (seat, value) in zip(seats, values) { seat.result = value }
        } catch {
            for seat in seats { seat.result = .failure(error) }
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
        first.turn = next
        first.signal.raise()
    }
}
