import Core
import Store

/// The tasks that this worker holds: those with calls under way, and those that rest until their next look.
/// The database says the same, but for when that look is due: a look that brings nothing new writes nothing,
/// however many tasks are under way. What is lost with the process is only a moment in time; whoever takes
/// its tasks over looks at once.
final class Holdings: Sendable {
    private struct Holding {
        /// The latest claim; 0 once the task is somebody else's.
        var claim: Int64
        let account: Int64
        var calls = 0
        var rest: (task: ClaimedTask, harvest: Harvest?, tick: Int64)?
        /// What its vendor has made is here, or on its way here, and cannot be asked for again.
        var isOnlyHere = false
    }

    private struct State {
        var holdings: [Int64: Holding] = [:]
        /// Rows by their vendor's address, and there by the tick of their look: where a vendor has no room,
        /// nobody reads what waits for it. What was moved meanwhile is still there, and passed over.
        var agendas: [String: [Int64: [Int64]]] = [:]
        /// Calls under way for looks, by their vendor's address.
        var looks: [String: Int] = [:]
        /// Tasks whose results are on their way, by row, and when that is worth a note.
        var fetches: [Int64: (task: ClaimedTask, slowAt: ContinuousClock.Instant)] = [:]
        /// Accounts as they were when they were last read, and when that was.
        var accounts: [Int64: ClaimedAccount] = [:]
        var accountsReadAt: ContinuousClock.Instant?

        func upToDate(_ task: ClaimedTask) -> ClaimedTask {
            guard let readAt = accountsReadAt, task.claimedAt < readAt,
                let account = accounts[task.account.row]
            else { return task }
            return task.on(account)
        }

        /// Takes what one vendor is to be asked about by then, oldest first. For each a call has begun.
        mutating func take(
            at address: String, until now: Int64, limit: Int
        ) -> [(task: ClaimedTask, harvest: Harvest?)] {
            var taken: [(task: ClaimedTask, harvest: Harvest?)] = []
            var agenda = agendas.removeValue(forKey: address) ?? [:]
            for tick in agenda.keys.filter({ $0 <= now }).sorted() {
                var rows = agenda.removeValue(forKey: tick) ?? []
                while taken.count < limit, let row = rows.popLast() {
                    guard var holding = holdings[row], let rest = holding.rest, rest.tick == tick else {
                        continue
                    }
                    holding.rest = nil
                    holding.calls += 1
                    holdings[row] = holding
                    taken.append((upToDate(rest.task), rest.harvest))
                }
                if !rows.isEmpty { agenda[tick] = rows }
                if taken.count == limit { break }
            }
            if !agenda.isEmpty { agendas[address] = agenda }
            return taken
        }
    }

    /// Looks are told apart by so much; none begins too early.
    private static let tickMilliseconds: Int64 = 20

    /// A result that takes longer to fetch is noted as on its way.
    private static let fetchMax = Duration.seconds(1)

    private let state = Guarded(State())
    private let origin = ContinuousClock.now
    private let looksMax: Int
    /// A look is due earlier than any was before at its vendor, a vendor has room again, or nobody waits for
    /// looks any more.
    let news = Signal()

    /// `looksMax`: most calls under way for looks at one address of a vendor's.
    init(looksMax: Int = .max) { self.looksMax = looksMax }

    private func tick(_ moment: ContinuousClock.Instant) -> Int64 {
        origin.duration(to: moment).microseconds / 1000 / Self.tickMilliseconds
    }

    private func moment(_ tick: Int64) -> ContinuousClock.Instant {
        origin + .milliseconds(tick * Self.tickMilliseconds)
    }

    /// A task was claimed, and something is done about it now. To be ended, as every call. Gives what its
    /// vendor has made, where that rested here.
    @discardableResult
    func take(_ task: ClaimedTask) -> Harvest? {
        state.withLock { state in
            let before = state.holdings[task.row]
            state.holdings[task.row] = Holding(
                claim: task.claim, account: task.account.row, calls: (before?.calls ?? 0) + 1)
            return before?.rest?.harvest
        }
    }

    /// Another call for a task that is held begins.
    func begin(_ task: ClaimedTask) {
        let new = Holding(claim: task.claim, account: task.account.row)
        state.withLock { state in
            state.holdings[task.row, default: new].calls += 1
            if task.isOnlyHere { state.holdings[task.row]?.isOnlyHere = true }
        }
    }

    /// A call has ended. Without another one, and without a rest, the task is out of this worker's hands.
    func end(_ task: ClaimedTask) {
        state.withLock { state in
            guard var holding = state.holdings[task.row] else { return }
            holding.calls -= 1
            if holding.calls == 0 { state.fetches[task.row] = nil }
            state.holdings[task.row] = holding.calls == 0 && holding.rest == nil ? nil : holding
        }
    }

    /// The next look at a task that is held, unless it was claimed anew meanwhile. `harvest` is what its
    /// vendor has made, as far as it is here.
    func rest(
        _ task: ClaimedTask, _ harvest: Harvest? = nil, until moment: ContinuousClock.Instant
    ) {
        let tick = tick(moment) + 1
        let isEarliest = state.withLock { state in
            guard state.holdings[task.row]?.claim == task.claim else { return false }
            state.holdings[task.row]?.rest = (task, harvest, tick)
            if harvest != nil, task.vendorTask == nil { state.holdings[task.row]?.isOnlyHere = true }
            let address = task.account.baseURL
            state.agendas[address, default: [:]][tick, default: []].append(task.row)
            return state.agendas[address]?.keys.min() == tick
        }
        if isEarliest { news.raise() }
    }

    /// The result of a task is being fetched, from now until its last call has ended.
    func fetch(_ task: ClaimedTask) {
        let slowAt = ContinuousClock.now + Self.fetchMax
        state.withLock { $0.fetches[task.row] = (task, slowAt) }
    }

    /// Tasks whose results take their time. Each is told once, and a call for it has begun.
    func slow(at moment: ContinuousClock.Instant) -> [ClaimedTask] {
        state.withLock { state in
            let slow = state.fetches.values.filter { $0.slowAt <= moment }.map(\.task)
            for task in slow {
                state.fetches[task.row] = nil
                state.holdings[task.row]?.calls += 1
            }
            return slow
        }
    }

    /// A call for a look leaves for the task's vendor. A submit is none: vendors that are slow to take a task
    /// tell of others all the same.
    func beginLook(_ task: ClaimedTask) {
        state.withLock { $0.looks[task.account.baseURL, default: 0] += 1 }
    }

    /// It has come back.
    func endLook(_ task: ClaimedTask) {
        let address = task.account.baseURL
        let wasFull = state.withLock { state in
            let looks = state.looks.removeValue(forKey: address) ?? 0
            if looks > 1 { state.looks[address] = looks - 1 }
            return looks >= looksMax
        }
        if wasFull { news.raise() }
    }

    /// Whether the task's vendor has room for a look.
    func hasRoom(for task: ClaimedTask) -> Bool {
        state.withLock { $0.looks[task.account.baseURL, default: 0] < looksMax }
    }

    /// Tasks whose look is due and whose vendor has room, at most so many. For each a call has begun. Vendors
    /// with few looks under way come first: what is left when others hang is theirs.
    func due(
        at moment: ContinuousClock.Instant, limit: Int
    ) -> [(task: ClaimedTask, harvest: Harvest?)] {
        let now = tick(moment)
        return state.withLock { state in
            var due: [(task: ClaimedTask, harvest: Harvest?)] = []
            let looks = state.looks
            for address in state.agendas.keys.sorted(by: { looks[$0, default: 0] < looks[$1, default: 0] }) {
                let room = min(limit - due.count, looksMax - looks[address, default: 0])
                if room > 0 { due += state.take(at: address, until: now, limit: room) }
            }
            return due
        }
    }

    /// Whether there is a result that would be lost with this process: from the answer that brought it until
    /// the last call for its task has ended, whatever lies in between. What was dropped is nobody's any more.
    var hasOnlyHere: Bool {
        state.withLock { state in state.holdings.values.contains { $0.isOnlyHere && $0.claim != 0 } }
    }

    /// Tasks that rest with what cannot be asked for again, due or not. For each a call has begun.
    func harvests() -> [(task: ClaimedTask, harvest: Harvest)] {
        state.withLock { state in
            var found: [(task: ClaimedTask, harvest: Harvest)] = []
            for (row, holding) in state.holdings {
                guard let rest = holding.rest, let harvest = rest.harvest, rest.task.vendorTask == nil else {
                    continue
                }
                state.holdings[row]?.rest = nil
                state.holdings[row]?.calls += 1
                found.append((state.upToDate(rest.task), harvest))
            }
            return found
        }
    }

    /// When the next look is due at a vendor that has room; nil when there is none.
    var nextLook: ContinuousClock.Instant? {
        let next = state.withLock { state in
            let looks = state.looks
            let open = state.agendas.filter { looks[$0.key, default: 0] < looksMax }
            return open.values.compactMap { $0.keys.min() }.min()
        }
        return next.map(moment)
    }

    /// Whether the task is this worker's, as far as it knows.
    func holds(_ task: ClaimedTask) -> Bool { state.withLock { $0.holdings[task.row]?.claim == task.claim } }

    /// The claim of each row; 0 for one that is somebody else's, and has a call under way.
    var claims: [Int64: Int64] { state.withLock { $0.holdings.mapValues(\.claim) } }

    /// Rows that rest until their next look.
    var resting: [Int64] {
        state.withLock { state in state.holdings.filter { $0.value.rest != nil }.map(\.key) }
    }

    /// These are somebody else's: no look at them is due, and what a call under way brings is not waited for.
    func drop(_ rows: some Sequence<Int64>) {
        state.withLock { state in
            for row in rows {
                guard var holding = state.holdings[row] else { continue }
                holding.rest = nil
                holding.claim = 0
                state.fetches[row] = nil
                state.holdings[row] = holding.calls == 0 ? nil : holding
            }
        }
    }

    /// The accounts of all that are held.
    var accounts: Set<Int64> { state.withLock { state in Set(state.holdings.values.map(\.account)) } }

    /// Accounts as they are, read no earlier than `moment`: who was claimed before is looked after with that.
    func note(_ accounts: [Int64: ClaimedAccount], readAt moment: ContinuousClock.Instant) {
        state.withLock { state in
            state.accounts = accounts
            state.accountsReadAt = moment
        }
    }
}

extension ClaimedTask {
    /// Its vendor has answered the submit with what it made, or with where that lies: there is nothing that a
    /// poll could ask for.
    var isOnlyHere: Bool { state == .storing && vendorTask == nil }
}
