import Core
import Store

/// How long tasks of each route take, as running averages. Kept in memory and written down now and then: a
/// row that every finished task rewrites would make them queue behind each other.
final class UsualTimes: Sendable {
    private struct Entry {
        var usual: Duration
        var isChanged: Bool
    }

    private let entries = Guarded<[Int64: Entry]>([:])

    /// Takes one more observation into account. `known` is the average that the database holds.
    func note(_ took: Duration, route: Int64, known: Duration?) {
        entries.withLock { entries in
            let usual = (entries[route]?.usual ?? known).map { $0 * 9 / 10 + took / 10 } ?? took
            entries[route] = Entry(usual: usual, isChanged: true)
        }
    }

    func usual(route: Int64, known: Duration?) -> Duration? { entries.withLock { $0[route]?.usual } ?? known }

    /// Writes down what has changed.
    func flush(to store: Store) throws(KinoraError) {
        let changed = entries.withLock { entries in
            defer { for route in entries.keys { entries[route]?.isChanged = false } }
            return entries.filter(\.value.isChanged)
        }
        for (route, entry) in changed {
            try store.setUsual(max(entry.usual, .milliseconds(10)), route: route)
        }
    }
}
