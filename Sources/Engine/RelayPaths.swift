import Core
import Store

/// Which accounts may answer for text models, as this process knows it: read again when it is a second old
/// and somebody asks, so that a request costs no look-up.
final class RelayPaths: Sendable {
    private struct State {
        var paths: [String: [RelayPath]] = [:]
        var readAt: ContinuousClock.Instant?
        /// Of the configuration that was read; 0: nothing was.
        var version: Int64 = 0
        var isReading = false
        /// For the choice among equal ones: processes that all began with the first would crowd there. Chance
        /// of its own, since the kernel's costs a system call for each request.
        var chance = UInt64.random(in: .min ... .max)
        /// Requests under way in this process, by account.
        var running: [Int64: Int] = [:]
        /// Ends of rests that this process has learnt of since it read.
        var restUntil: [Int64: ContinuousClock.Instant] = [:]
        /// Accounts that get no more requests until they are read again.
        var fallen: Set<Int64> = []

        /// Knuth's linear congruence; its upper bits are the good ones.
        mutating func draw(below bound: UInt64) -> UInt64 {
            chance = chance &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (chance >> 33) % bound
        }
    }

    private static let lifetime = Duration.seconds(1)

    private let store: Store
    private let state = Guarded(State())

    init(_ store: Store) { self.store = store }

    /// The way to take now, but for accounts that were tried: the lowest position, there the account with the
    /// fewest requests for its weight. It counts as running until `leave`. Nil: there is none.
    func enter(model: String, without tried: Set<Int64>, version: Int64) throws(KinoraError) -> RelayPath? {
        try refresh(version)
        let now = ContinuousClock.now
        return state.withLock { state in
            guard let paths = state.paths[model] else { return nil }
            var best: (index: Int, position: Int64, load: Double)?
            var equals: UInt64 = 0
            for (index, path) in paths.enumerated() {
                let account = path.account.row
                guard !tried.contains(account), !state.fallen.contains(account),
                    state.restUntil[account].map({ $0 <= now }) ?? true
                else { continue }
                let load = (Double(state.running[account] ?? 0) + 1) / path.weight
                if let best, (best.position, best.load) < (path.position, load) { continue }
                let isEqual = best.map { ($0.position, $0.load) == (path.position, load) } ?? false
                equals = isEqual ? equals + 1 : 1
                // The nth of equal ones takes the place of the others once in n times.
                if isEqual, state.draw(below: equals) > 0 { continue }
                best = (index, path.position, load)
            }
            guard let best else { return nil }
            state.running[paths[best.index].account.row, default: 0] += 1
            return paths[best.index]
        }
    }

    func leave(_ path: RelayPath) { state.withLock { $0.running[path.account.row, default: 1] -= 1 } }

    /// Something was written down about an account. Until it is read again it gets no requests.
    func noteFall(_ account: Int64) {
        state.withLock { state in
            state.fallen.insert(account)
            state.readAt = nil
        }
    }

    /// When the first of a model's accounts has rested, in whole seconds; nil: none of them rests.
    func retrySeconds(model: String) -> Int? {
        let now = ContinuousClock.now
        return state.withLock { state in
            let rests = (state.paths[model] ?? []).compactMap { state.restUntil[$0.account.row] }
            return rests.filter { $0 > now }.min().map {
                max(Int(now.duration(to: $0).inSeconds.rounded(.up)), 1)
            }
        }
    }

    /// One thread reads; others go on with what is known, unless nothing is.
    private func refresh(_ version: Int64) throws(KinoraError) {
        let now = ContinuousClock.now
        let mustRead = state.withLock { state in
            let isFresh = state.readAt.map { now - $0 < Self.lifetime } ?? false
            guard !isFresh || state.version != version, !state.isReading || state.version == 0 else {
                return false
            }
            state.isReading = true
            return true
        }
        guard mustRead else { return }
        do throws(KinoraError) {
            let read = try store.relayPaths()
            state.withLock { state in
                state.paths = Dictionary(grouping: read, by: \.model)
                state.restUntil = Dictionary(
                    read.filter { $0.rest > .zero }.map { ($0.account.row, now + $0.rest) }
                ) { $1 }
                state.fallen = []
                state.readAt = now
                state.version = version
                state.isReading = false
            }
        } catch {
            let isKnown = state.withLock { state in
                state.isReading = false
                guard !state.paths.isEmpty else { return false }
                // What is known stays known while the database is away.
                state.readAt = now
                return true
            }
            guard isKnown, error.code == .databaseAway else { throw error }
        }
    }
}
