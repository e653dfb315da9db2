import Core

/// A database of its own on the test server; dropped by `drop`.
struct Database: Sendable {
    private static let psql = "/usr/bin/psql"

    let url: String

    struct Failed: Error, CustomStringConvertible { let description: String }

    static func fresh() throws -> Database {
        let server = try Surroundings.value("KINORA_TEST_DATABASE_URL")
        let name = "kn_gw_\(TaskID.random().short)"
        try Database(url: server).execute("CREATE DATABASE \(name)")
        guard let match = server.firstMatch(of: /^(postgres(?:ql)?:\/\/[^\/]*\/)[^?]*(.*)$/) else {
            throw Failed(description: "KINORA_TEST_DATABASE_URL is no postgresql:// URL")
        }
        return Database(url: "\(match.1)\(name)\(match.2)")
    }

    func drop() throws {
        guard let match = url.firstMatch(of: /\/(kn_gw_[0-9a-f]+)/) else { return }
        let server = try Surroundings.value("KINORA_TEST_DATABASE_URL")
        try Database(url: server).execute("DROP DATABASE \(match.1) WITH (FORCE)")
    }

    /// The rows as text, fields separated by |.
    @discardableResult
    func execute(_ sql: String) throws -> [String] {
        let finished = try run(
            Self.psql, [url, "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", "SET search_path = kinora", "-c", sql])
        guard finished.status == 0 else { throw Failed(description: "\(sql): \(finished.errors)") }
        return finished.text.split(separator: "\n").map(String.init)
    }

    func number(_ sql: String) throws -> Int { Int(try execute(sql).first ?? "") ?? -1 }

    /// How many tasks are in a state.
    func tasks(_ state: String) throws -> Int {
        try number("SELECT count(*) FROM task WHERE state = '\(state)'")
    }

    /// Attempts that are not finished.
    func slotsTaken() throws -> Int { try number("SELECT count(*) FROM attempt WHERE finished_at IS NULL") }
}
