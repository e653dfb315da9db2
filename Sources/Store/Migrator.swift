import Crypto
import Glibc
public import Core

/// One migration of sql/migrations: a pair of files.
public struct Migration: Sendable {
    public let number: Int
    public let name: String
    public let up: String
    public let down: String

    /// SHA-256 of the up file, 64 hex digits: tells whether an applied file was changed afterwards.
    public var checksum: String { Hex.text(SHA256.hash(data: Array(up.utf8))) }
}

/// Applies and takes back migrations, one at a time, each in its own transaction, all under one advisory
/// lock.
public struct Migrator {
    public struct Status: Sendable {
        public let migration: Migration
        public let appliedAt: Timestamp?
        /// The file differs from what was applied.
        public let isChanged: Bool
    }

    private let connection: Connection
    private let migrations: [Migration]
    private let roles: String

    /// Reads the pairs of `directory`/migrations and connects as the log-in role. Throws `configuration` when
    /// a pair is incomplete or a number is missing or used twice.
    public init(_ options: DatabaseOptions, directory: String) throws(KinoraError) {
        migrations = try Self.read(directory + "/migrations")
        roles = try Self.text(of: directory + "/roles.sql")
        var owner = options
        owner.role = nil
        // A migration may rewrite a table; it must not wait for a lock that long, since everybody queues
        // behind it.
        owner.statementTimeoutSeconds = 0
        connection = try Connection(owner)
    }

    /// Waits until no other migration runs. The lock lasts as long as the session.
    private func begin() throws(KinoraError) {
        // Another migration may take its time; the lock's own time-out is for tables.
        try connection.script(
            "SET lock_timeout = 0; SELECT pg_advisory_lock(7017172); RESET lock_timeout")
        try connection.script(
            """
            CREATE SCHEMA IF NOT EXISTS kinora_migration;
            CREATE TABLE IF NOT EXISTS kinora_migration.applied (
                number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now());
            COMMENT ON SCHEMA kinora_migration IS 'Which migrations of Kinora this database has.';
            COMMENT ON TABLE kinora_migration.applied IS 'One row per applied file of sql/migrations.';
            """)
    }

    private static let table = Statement(
        "migrations_table", "SELECT to_regclass('kinora_migration.applied') IS NOT NULL")
    private static let applied = Statement(
        "migrations_applied",
        "SELECT number, checksum, applied_at FROM kinora_migration.applied ORDER BY number")
    private static let record = Statement(
        "migration_record",
        "INSERT INTO kinora_migration.applied (number, name, checksum) VALUES ($1, $2, $3)")
    private static let forget = Statement(
        "migration_forget", "DELETE FROM kinora_migration.applied WHERE number = $1")

    /// What is applied now. Changes nothing, and waits for nobody.
    public func status() throws(KinoraError) -> [Status] {
        let table = try connection.run(Self.table)
        let applied =
            try table.first { $0.bool(0) } == true
            ? try connection.run(Self.applied).map { ($0.integer(0), $0.text(1), $0.timestamp(2)) } : []
        if let unknown = applied.first(where: { row in !migrations.contains { $0.number == row.0 } }) {
            throw KinoraError(
                .configuration,
                "The database has migration \(unknown.0), which this Kinora does not know: it is older.")
        }
        return migrations.map { migration in
            let row = applied.first { $0.0 == migration.number }
            return Status(
                migration: migration, appliedAt: row?.2,
                isChanged: row.map { $0.1 != migration.checksum } ?? false)
        }
    }

    /// Applies what is missing, in order. Refuses to go on when an applied file was changed.
    public func up() throws(KinoraError) -> [Migration] {
        try begin()
        let status = try status()
        if let changed = status.first(where: \.isChanged) {
            throw KinoraError(
                .configuration, "Migration \(changed.migration.number) was changed after it was applied.")
        }
        let pending = status.filter { $0.appliedAt == nil }.map(\.migration)
        for migration in pending {
            try connection.transaction { connection throws(KinoraError) in
                try connection.script(migration.up)
                _ = try connection.run(
                    Self.record,
                    [.integer(Int64(migration.number)), .text(migration.name), .text(migration.checksum)])
            }
        }
        try connection.script(roles)
        return pending
    }

    /// Takes back the last `count` migrations, newest first.
    public func down(count: Int) throws(KinoraError) -> [Migration] {
        try begin()
        let last = try status().filter { $0.appliedAt != nil }.map(\.migration).suffix(count).reversed()
        for migration in last {
            try connection.transaction { connection throws(KinoraError) in
                try connection.script(migration.down)
                _ = try connection.run(Self.forget, [.integer(Int64(migration.number))])
            }
        }
        return Array(last)
    }

    private static func read(_ directory: String) throws(KinoraError) -> [Migration] {
        let names = try names(in: directory)
        var migrations: [Migration] = []
        for file in names.sorted() where file.hasSuffix(".up.sql") {
            let stem = String(file.dropLast(".up.sql".count))
            guard let number = Int(stem.prefix { $0 != "_" }), number == migrations.count + 1 else {
                throw KinoraError(
                    .configuration, "\(directory)/\(file): migration numbers must run 001, 002, ...")
            }
            guard names.contains(stem + ".down.sql") else {
                throw KinoraError(.configuration, "\(directory)/\(stem).down.sql is missing.")
            }
            migrations.append(
                Migration(
                    number: number, name: String(stem.drop { $0 != "_" }.dropFirst()),
                    up: try text(of: "\(directory)/\(file)"),
                    down: try text(of: "\(directory)/\(stem).down.sql")))
        }
        guard !migrations.isEmpty else {
            throw KinoraError(.configuration, "\(directory) holds no migrations.")
        }
        return migrations
    }

    private static func names(in directory: String) throws(KinoraError) -> [String] {
        guard let handle = opendir(directory) else {
            throw KinoraError(.configuration, "Cannot read \(directory): \(String(cString: strerror(errno)))")
        }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            names.append(
                withUnsafeBytes(of: entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                })
        }
        return names
    }

    private static func text(of path: String) throws(KinoraError) -> String {
        guard let file = fopen(path, "re") else {
            throw KinoraError(.configuration, "Cannot read \(path): \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}
