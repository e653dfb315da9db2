import Core
import Synchronization

/// Work that one thread hands to others, in order. Handing over never blocks.
final class Inbox<Item: Sendable>: Sendable {
    private struct State {
        var items: [Item] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let signal = Signal()

    func put(_ item: Item) {
        state.withLock { $0.items.append(item) }
        signal.raise()
    }

    /// The next items, at most `limit`; empty once the inbox is closed and drained.
    func take(limit: Int) -> [Item] {
        while true {
            let (taken, rest, isClosed) = state.withLock { state in
                let taken = Array(state.items.prefix(limit))
                state.items.removeFirst(taken.count)
                return (taken, state.items.count, state.isClosed)
            }
            // The signal is one flag for all takers: whoever leaves something behind passes it on.
            if rest > 0 || isClosed { signal.raise() }
            if !taken.isEmpty || isClosed { return taken }
            _ = signal.wait(for: .seconds(60))
        }
    }

    func close() {
        state.withLock { $0.isClosed = true }
        signal.raise()
    }
}
