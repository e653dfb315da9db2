import Core

/// Places for calls that each hold the thread of a request while somebody else takes time: so many are under
/// way at once, and no user may have all of them.
final class UserPlaces: Sendable {
    private let countMax: Int
    private let perUserMax: Int
    /// Calls under way, by user.
    private let underWay = Guarded<[Int64: Int]>([:])

    init(_ countMax: Int, perUser perUserMax: Int) {
        self.countMax = countMax
        self.perUserMax = perUserMax
    }

    /// False: there is no place, or the user has its share. Who gets one gives it back.
    func enter(_ user: Int64) -> Bool {
        underWay.withLock { calls in
            let own = calls[user, default: 0]
            guard own < perUserMax, calls.values.reduce(0, +) < countMax else { return false }
            calls[user] = own + 1
            return true
        }
    }

    func leave(_ user: Int64) {
        underWay.withLock { calls in
            let own = calls[user, default: 1] - 1
            calls[user] = own > 0 ? own : nil
        }
    }
}
