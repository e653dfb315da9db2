import TestSupport

/// The database of a site, as a test looks into it.
struct Database: Sendable {
    /// A libpq URL or keyword string.
    let connection: String

    /// As programs are to connect: a machine that hangs for seconds under all the tests is not a database
    /// that is away.
    var patientConnection: String {
        guard connection.contains("://") else { return connection + " connect_timeout=60" }
        return connection + (connection.contains("?") ? "&" : "?") + "connect_timeout=60"
    }

    /// That of a test or suite with the trait `.freshDatabase`.
    static var current: Database { Database(connection: TestDatabase.current.connectionString) }

    @discardableResult
    func rows(_ sql: String) throws -> [[String?]] {
        let session = try SQLSession(connection)
        try session.rows("SET search_path = kinora")
        return try session.rows(sql)
    }

    func number(_ sql: String) throws -> Int { try Int((rows(sql).first?.first ?? nil) ?? "") ?? -1 }

    /// How many tasks are in a state.
    func tasks(_ state: String) throws -> Int {
        try number("SELECT count(*) FROM task WHERE state = '\(state)'")
    }

    /// Attempts that are not finished.
    func slotsTaken() throws -> Int { try number("SELECT count(*) FROM attempt WHERE finished_at IS NULL") }
}
