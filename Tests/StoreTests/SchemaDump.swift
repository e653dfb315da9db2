import TestSupport

/// The schema as pg_dump tells it, without what differs from one run or server to the next.
enum SchemaDump {
    static func text(of database: TestDatabase) throws -> String {
        // Who may do what stands in sql/roles.sql.
        let arguments = [
            "--schema-only", "--schema=kinora", "--no-owner", "--no-privileges",
            "--dbname=\(database.connectionString)",
        ]
        let dump = try run("pg_dump", arguments)
        guard dump.status == 0 else { throw ProgramFailed(description: "pg_dump: \(dump.errors)") }
        return normalised(dump.text)
    }

    /// Statements only: no session settings, no comments of pg_dump's own, no runs of empty lines.
    private static func normalised(_ dump: String) -> String {
        let kept = dump.split(separator: "\n", omittingEmptySubsequences: false).filter { line in
            !["--", "SET ", "SELECT pg_catalog.set_config", "\\restrict", "\\unrestrict"].contains {
                line.hasPrefix($0)
            }
        }
        var lines: [Substring] = []
        for line in kept where !(line.isEmpty && lines.last?.isEmpty ?? true) { lines.append(line) }
        while lines.last?.isEmpty == true { lines.removeLast() }
        return lines.joined(separator: "\n") + "\n"
    }
}
