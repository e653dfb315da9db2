public import Core

/// The only door to the database. Methods stand in extensions by topic, each beside its statements.
public final class Store: Sendable {
    let pool: Pool
    public let options: DatabaseOptions
    let taskLoader: BatchLoader<TaskKey, MediaTask>
    let steps: Steps

    public init(_ options: DatabaseOptions) {
        self.options = options
        let pool = Pool(options)
        self.pool = pool
        steps = Steps(pool)
        taskLoader = BatchLoader(keysMax: 64, patience: .milliseconds(5)) { keys throws(KinoraError) in
            try pool.withConnection { connection throws(KinoraError) in
                try Self.tasks(keys, in: connection)
            }
        }
    }

    /// Throws `databaseAway` when the database does not answer.
    public func ping() throws(KinoraError) {
        try pool.withConnection { connection throws(KinoraError) in _ = try connection.run(Self.ping) }
    }

    /// Rests until a session is notified, `signal` is raised or the time is over. For a store of one session
    /// that listens: who hears of work there and claims it by the same session is there sooner than who is
    /// told by another thread (docs/decisions/0018-pick-up.md). What comes while there is no session is not
    /// heard. Throws `databaseAway`.
    public func rest(for duration: Duration, or signal: PollableSignal) throws(KinoraError) {
        try pool.withConnection { connection throws(KinoraError) in
            _ = try connection.notifications(until: .now + duration, wakeup: signal.descriptor)
        }
        signal.clear()
    }

    static let ping = Statement("ping", "SELECT 1")

    func rows<T>(
        _ statement: Statement, _ values: [Value] = [], _ decode: (Row) throws(KinoraError) -> T
    ) throws(KinoraError) -> [T] {
        try pool.withConnection { connection throws(KinoraError) in
            let rows = try connection.run(statement, values)
            return try rows.map(decode)
        }
    }

    func first<T>(
        _ statement: Statement, _ values: [Value] = [], _ decode: (Row) throws(KinoraError) -> T
    ) throws(KinoraError) -> T? {
        try pool.withConnection { connection throws(KinoraError) in
            let rows = try connection.run(statement, values)
            return try rows.first(decode)
        }
    }

    /// How many rows the statement returned or touched.
    @discardableResult
    func execute(_ statement: Statement, _ values: [Value] = []) throws(KinoraError) -> Int {
        try pool.withConnection { connection throws(KinoraError) in
            let rows = try connection.run(statement, values)
            return max(rows.count, rows.affected)
        }
    }
}
