public import Core
public import Store
import Synchronization

/// Follows a log over all processes, and hands each new row to everybody who subscribed. A notification says
/// when to look; without one it looks every second. Nothing is missed: rows appear in the order of their
/// numbers.
public final class LogFeed: Sendable {
    private struct State {
        /// The last rows, for whoever comes later.
        var replay: [LogRow] = []
        /// Everything up to this number was handed out; nil: the log was not reached yet.
        var through: Int64?
        var subscriptions: [Subscription] = []
    }

    private let store: Store
    private let selection: LogSelection
    private let replayRows: Int
    private let onFault: @Sendable (KinoraError) -> Void
    private let listener: Listener?
    private let state = Mutex(State())
    private let news: Signal
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<Thread?>(nil)

    /// `replayRows` of what was there before are handed out first. `onFault` hears why the log cannot be
    /// reached, each time that this begins. `isNotifying` false: it only looks every second.
    public init(
        _ store: Store, _ selection: LogSelection, replayRows: Int = Limits.logReplayRowsMax,
        isNotifying: Bool = true, onFault: @escaping @Sendable (KinoraError) -> Void = { _ in }
    ) throws(KinoraError) {
        self.store = store
        self.selection = selection
        self.replayRows = replayRows
        self.onFault = onFault
        let news = Signal()
        self.news = news
        listener =
            isNotifying
            ? try Listener(store.options, channels: [Listener.logChannel]) { _ in news.raise() } : nil
    }

    public func start() throws(KinoraError) {
        try listener?.start()
        let started = try Thread { [self] in loop() }
        thread.withLock { $0 = started }
    }

    public func stop() {
        isStopping.store(true, ordering: .releasing)
        news.raise()
        listener?.stop()
        _ = thread.withLock { $0 }?.join(until: .now + .seconds(2))
    }

    /// Begins with the rows that were there before.
    public func subscribe() -> Subscription {
        let subscription = Subscription()
        state.withLock { state in
            subscription.add(state.replay)
            state.subscriptions.append(subscription)
        }
        return subscription
    }

    /// Hands nothing more to it.
    public func cancel(_ subscription: Subscription) {
        state.withLock { state in state.subscriptions.removeAll { $0 === subscription } }
    }

    private static let batch = 500

    private func loop() {
        var isAway = false
        while !isStopping.load(ordering: .acquiring) {
            do throws(KinoraError) {
                while try look() {}
                isAway = false
            } catch {
                if !isAway { onFault(error) }
                isAway = true
            }
            _ = news.wait(for: .seconds(1))
        }
    }

    /// True when there may be more.
    private func look() throws(KinoraError) -> Bool {
        guard let after = state.withLock({ $0.through }) else {
            let newest = try store.newestRow(of: selection)
            let last = try store.lastRows(of: selection, limit: replayRows)
            // What has come since is found by its number.
            hand(out: last.filter { $0.number <= newest }, through: newest)
            return true
        }
        let (rows, through) = try store.rows(of: selection, after: after, limit: Self.batch)
        hand(out: rows, through: through)
        return rows.count == Self.batch && !isStopping.load(ordering: .acquiring)
    }

    private func hand(out rows: [LogRow], through: Int64) {
        state.withLock { state in
            state.through = through
            state.replay = (state.replay + rows).suffix(replayRows)
            for subscription in state.subscriptions { subscription.add(rows) }
        }
    }
}

/// What one follower has not read yet. Bounded: the oldest rows make room, and are counted.
public final class Subscription: Sendable {
    public struct Batch: Sendable {
        public var rows: [LogRow] = []
        /// So many rows before these were not kept for this follower.
        public var lost = 0
    }

    private let unread = Mutex(Batch())
    private let news = Signal()

    func add(_ rows: [LogRow]) {
        guard !rows.isEmpty else { return }
        unread.withLock { unread in
            unread.rows += rows
            let excess = max(0, unread.rows.count - Limits.logUnreadRowsMax)
            unread.rows.removeFirst(excess)
            unread.lost += excess
        }
        news.raise()
    }

    /// What has come since the last call; waits for it. Empty when nothing came in time.
    public func next(within limit: Duration) -> Batch {
        _ = news.wait(for: limit)
        return unread.withLock { unread in
            defer { unread = Batch() }
            return unread
        }
    }
}
