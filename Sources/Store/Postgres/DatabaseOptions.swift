public import Core

/// How to reach PostgreSQL.
public struct DatabaseOptions: Sendable {
    /// A libpq connection URL or keyword string; may hold a password.
    public var url: Secret
    /// Role that sessions change to after logging in; nil keeps the log-in role (migrations).
    public var role: String?
    /// Most sessions of the pool.
    public var connectionsMax = 16
    /// Seconds to wait for a new session before the caller gets `databaseAway`; a `connect_timeout` in the
    /// URL counts instead.
    public var connectTimeoutSeconds = 5
    /// Seconds to wait for a free session before the caller gets `databaseAway`.
    public var acquireTimeoutSeconds = 5
    public var statementTimeoutSeconds = 15
    /// Seconds that a statement waits for what another one has locked.
    public var lockTimeoutSeconds = 5
    /// What each session listens to: see `Store.rest(for:or:)`.
    public var channels: [String] = []
    public var applicationName = "kinora"

    public init(url: Secret, role: String? = "kinora_app") {
        self.url = url
        self.role = role
    }
}
