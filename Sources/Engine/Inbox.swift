import Core

/// Work that one thread hands to others, in order. Handing over never blocks.
final class Inbox<Item: Sendable>: Sendable {
    private struct State {
        var items: [Item] = []
        /// How many of them were taken: removing each at once would move all others.
        var takenCount = 0
        var isClosed = false

        mutating func take(_ limit: Int) -> [Item] {
            let taken = Array(items.dropFirst(takenCount).prefix(limit))
            takenCount += taken.count
            if 2 * takenCount >= items.count {
                items.removeFirst(takenCount)
                takenCount = 0
            }
            return taken
        }
    }

    private let state = Guarded(State())
    private let signal = Signal()

    func put(_ item: Item) {
        state.withLock { $0.items.append(item) }
        signal.raiseForOne()
    }

    /// The next items, at most `limit`; empty once the inbox is closed and drained.
    func take(limit: Int) -> [Item] {
        while true {
            let (taken, rest, isClosed) = state.withLock { state in
                (state.take(limit), state.items.count - state.takenCount, state.isClosed)
            }
            // The signal is one flag for all takers: whoever leaves something behind passes it on.
            if rest > 0 || isClosed { signal.raiseForOne() }
            if !taken.isEmpty || isClosed { return taken }
            _ = signal.wait(for: .seconds(60))
        }
    }

    func close() {
        state.withLock { $0.isClosed = true }
        signal.raise()
    }
}
