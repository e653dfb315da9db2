import Foundation
import TestSupport

/// The schema as pg_dump tells it, without what differs from one run or server to the next.
enum SchemaDump {
    struct Failed: Error { let message: String }

    static func text(of database: TestDatabase) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        // Who may do what stands in sql/roles.sql.
        process.arguments = [
            "pg_dump", "--schema-only", "--schema=kinora", "--no-owner", "--no-privileges",
            "--dbname=\(database.connectionString)",
        ]
        let output = Pipe(), errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let dump = output.fileHandleForReading.readDataToEndOfFile()
        let complaint = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failed(message: String(decoding: complaint, as: UTF8.self))
        }
        return normalised(String(decoding: dump, as: UTF8.self))
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
