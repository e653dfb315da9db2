import Core
public import Store
import Synchronization

/// A database of its own: a copy of the migrated template, with nothing in it but what the migrations made.
///
///     @Suite(.freshDatabase) struct PageTests {
///         let database = TestDatabase.current
///         @Test func anEmptyPageHasNoMore() throws { let store = database.store() ... }
///     }
public final class TestDatabase: Sendable {
    private struct Session: @unchecked Sendable { var open: SQLSession? }

    public let name: String
    let server: TestServer
    /// The session behind `sql`: lent to one thread at a time.
    private let session = Mutex(Session())

    private static let count = Atomic<Int>(0)

    /// `isMigrated` false: an empty database.
    init(isMigrated: Bool) throws {
        server = try TestServer.shared.get()
        name = "t_\(TaskID.random().short)_\(Self.count.add(1, ordering: .relaxed).newValue)"
        let template = isMigrated ? server.template : "template0"
        try server.maintenance().rows("CREATE DATABASE \(name) TEMPLATE \(template) ENCODING 'UTF8'")
    }

    func drop() throws {
        // Not WITH (FORCE): that fails where autovacuum is at work, unless a superuser asks. And nobody comes
        // back, as a thread does that a test has left behind.
        try goAway()
        try server.maintenance().rows("DROP DATABASE \(name)")
    }

    /// A libpq connection string for the log-in role.
    public var connectionString: String { server.text(for: name) }

    /// As `serve` and `work` connect: in the role kinora_app.
    public var options: DatabaseOptions {
        var options = DatabaseOptions(url: Secret(connectionString))
        options.connectionsMax = 8
        // A machine that hangs for seconds under all the tests is not a database that is away.
        options.connectTimeoutSeconds = 60
        options.acquireTimeoutSeconds = 60
        options.statementTimeoutSeconds = 60
        options.lockTimeoutSeconds = 60
        return options
    }

    /// As `migrate` connects: in the log-in role.
    public var ownerOptions: DatabaseOptions {
        var options = options
        options.role = nil
        return options
    }

    /// A store of its own, as another process would have it.
    public func store(connectionsMax: Int = 8, lockTimeoutSeconds: Int = 60) -> Store {
        var options = options
        options.connectionsMax = connectionsMax
        options.lockTimeoutSeconds = lockTimeoutSeconds
        return Store(options)
    }

    /// Where the migrations lie.
    public static var sqlDirectory: String { TestServer.sqlDirectory }

    // Plain SQL, as the owner of everything ------------------------------------------------------------

    /// Runs SQL in a session that lives as long as the database; names without a schema are kinora's.
    @discardableResult
    public func sql(_ text: String) throws -> [[String?]] {
        try session.withLock { session in
            if session.open?.isAlive != true { session.open = try newSession() }
            return try session.open?.rows(text) ?? []
        }
    }

    /// The first column of the first row.
    public func value(_ sql: String) throws -> String? { try self.sql(sql).first?.first ?? nil }

    public func count(_ table: String) throws -> Int {
        try Int(value("SELECT count(*) FROM \(table)") ?? "") ?? -1
    }

    /// Another session, for what must happen beside the first: a lock held, a role taken.
    public func newSession() throws -> SQLSession {
        let session = try SQLSession(connectionString)
        try session.rows("SET search_path = kinora, public; SET timezone = UTC")
        return session
    }

    /// A session outside of this database, to look at it from the server's side.
    public func observer() throws -> SQLSession { try server.maintenance() }

    // Faults -------------------------------------------------------------------------------------------

    /// Kills the sessions that `condition`, over pg_stat_activity, names, and waits until they are gone.
    /// How many that were.
    @discardableResult
    public func terminateSessions(where condition: String = "true") throws -> Int {
        // Its own ends too, and must not be found dead by the next statement.
        session.withLock { $0.open = nil }
        return try server.maintenance().rows(
            """
            SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
            WHERE datname = '\(name)' AND usename = current_user AND pid <> pg_backend_pid()
                AND (\(condition))
            """
        ).count
    }

    /// Nobody can connect any more, and whoever is connected is thrown out: to its users the server is away.
    public func goAway() throws {
        try refuseSessions()
        try terminateSessions()
    }

    /// Nobody can connect any more; whoever is connected stays.
    public func refuseSessions() throws {
        try server.maintenance().rows("ALTER DATABASE \(name) ALLOW_CONNECTIONS false")
    }

    public func comeBack() throws {
        try server.maintenance().rows("ALTER DATABASE \(name) ALLOW_CONNECTIONS true")
    }

    /// The server gives no more sessions than so many, and ends those there are; nil: as many as it can.
    public func limitSessions(to count: Int?) throws {
        try server.maintenance().rows("ALTER DATABASE \(name) CONNECTION LIMIT \(count ?? -1)")
        if count != nil { try terminateSessions() }
    }
}
