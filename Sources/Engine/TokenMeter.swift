import Core
import Store
import Synchronization

/// Counts what text models use where nothing is held for it: in memory, written down every second. A process
/// that dies loses a second of these counts, and never money.
final class TokenMeter: Sendable {
    /// An end of an admitted request that could not be written down yet.
    struct Owed: Sendable {
        let row: Int64
        let cost: Amount
        let account: Int64?
        let count: RelayCount
    }

    private struct State {
        var counts: [RelayCount.Place: RelayCount] = [:]
        var owed: [Owed] = []
    }

    /// More ends than that are not remembered: their holds are released at their deadlines.
    private static let owedMax = 10_000

    private let store: Store
    private let events: any EventSink
    private let state = Guarded(State())
    private let isStopping = Atomic<Bool>(false)
    private let kick = Signal()
    private let thread = Mutex<Thread?>(nil)

    init(_ store: Store, events: any EventSink) {
        self.store = store
        self.events = events
    }

    func start() throws(KinoraError) {
        let started = try Thread { [self] in
            while !isStopping.load(ordering: .acquiring) {
                _ = kick.wait(for: .seconds(1))
                flush()
            }
        }
        thread.withLock { $0 = started }
    }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        kick.raise()
        _ = thread.withLock { $0 }?.join(until: .now + .seconds(2))
        flush()
    }

    func note(_ count: RelayCount, at place: RelayCount.Place) {
        state.withLock { $0.counts[place, default: RelayCount()].add(count) }
    }

    /// Writes an end down, now or as soon as the database is back.
    func end(_ owed: Owed) {
        if !pay(owed) {
            state.withLock { if $0.owed.count < Self.owedMax { $0.owed.append(owed) } }
        }
    }

    /// False when the database is away.
    private func pay(_ owed: Owed) -> Bool {
        do throws(KinoraError) {
            try store.endRelay(owed.row, cost: owed.cost, account: owed.account, owed.count)
        } catch {
            if error.code == .databaseAway { return false }
            events.emit(.fault("relay end", error))
        }
        return true
    }

    private func flush() {
        let owed = state.withLock { state in
            defer { state.owed = [] }
            return state.owed
        }
        let unpaid = owed.filter { !pay($0) }
        if !unpaid.isEmpty { state.withLock { $0.owed += unpaid } }
        let counts = state.withLock { state in
            defer { state.counts = [:] }
            return state.counts
        }
        do throws(KinoraError) { try store.countRelays(counts) } catch {
            state.withLock { state in
                for (place, count) in counts { state.counts[place, default: RelayCount()].add(count) }
            }
            if error.code != .databaseAway { events.emit(.fault("relay usage", error)) }
        }
    }
}

extension RelayCount {
    fileprivate mutating func add(_ other: RelayCount) {
        succeeded += other.succeeded
        failed += other.failed
        tokens.input += other.tokens.input
        tokens.output += other.tokens.output
    }
}
