import Core
import Foundation
import Store
import Synchronization

/// The PostgreSQL server of a test run, and the migrated database that every test gets a copy of.
final class TestServer: Sendable {
    static let variable = "KINORA_TEST_DATABASE_URL"
    static let sqlDirectory = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "sql").path

    /// Made once per run, by the first test that needs it. A server that cannot be had fails every such test.
    static let shared = Result { try TestServer() }

    private let connection: ConnectionString
    let template: String

    private init() throws {
        guard let url = ProcessInfo.processInfo.environment[Self.variable], !url.isEmpty else {
            throw NoTestServer(why: "\(Self.variable) is not set.")
        }
        connection = try ConnectionString(url)
        try Self.requireLocal(connection)
        template = "kinora_template_\(try Self.fingerprint())"
        try makeTemplate()
    }

    /// Tests drop databases and kill sessions: they must not reach a server that somebody relies on.
    private static func requireLocal(_ connection: ConnectionString) throws {
        let environment = ProcessInfo.processInfo.environment
        let hosts = [
            connection["host"], connection["hostaddr"], environment["PGHOST"], environment["PGHOSTADDR"],
        ]
        .compactMap(\.self).flatMap { $0.split(separator: ",", omittingEmptySubsequences: true) }
        for host in hosts where !(host.hasPrefix("/") || ["localhost", "127.0.0.1", "::1"].contains(host)) {
            throw NoTestServer(why: "\(variable) names the host \(host), which is not this machine.")
        }
    }

    /// Tells one state of sql/ from another (FNV-1a): a changed migration never meets an old template.
    private static func fingerprint() throws -> String {
        let migrations = try FileManager.default.contentsOfDirectory(atPath: sqlDirectory + "/migrations")
            .sorted()
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for path in migrations.map({ "/migrations/\($0)" }) + ["/roles.sql"] {
            for byte in try Data(contentsOf: URL(filePath: sqlDirectory + path)) + Data(path.utf8) {
                hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
            }
        }
        return String(hash, radix: 16)
    }

    /// A session outside of every test's database.
    func maintenance() throws -> SQLSession { try SQLSession(connection.text) }

    /// A connection string to one database of this server.
    func text(for database: String) -> String {
        var own = connection
        own["dbname"] = database
        return own.text
    }

    private func makeTemplate() throws {
        let session = try maintenance()
        // Two runs at once on one server: one makes it, the other waits here.
        try session.rows("SELECT pg_advisory_lock(7017173)")
        guard try session.value("SELECT 1 FROM pg_database WHERE datname = '\(template)'") == nil else {
            return
        }
        // Renamed when it is finished: a run that was killed half-way leaves nothing that looks complete.
        let draft = template + "_draft"
        try session.rows("DROP DATABASE IF EXISTS \(draft)")
        try session.rows("CREATE DATABASE \(draft) TEMPLATE template0 ENCODING 'UTF8'")
        var options = DatabaseOptions(url: Secret(text(for: draft)), role: nil)
        options.connectTimeoutSeconds = 60
        try migrate(options)
        try session.rows("ALTER DATABASE \(draft) RENAME TO \(template)")
    }

    private func migrate(_ options: DatabaseOptions) throws {
        _ = try Migrator(options, directory: Self.sqlDirectory).up()
    }
}

/// Why there is no database to test with.
struct NoTestServer: Error, CustomStringConvertible {
    let why: String
    var description: String { "\(why) Run script/test: it starts a PostgreSQL of its own for the tests." }
}
