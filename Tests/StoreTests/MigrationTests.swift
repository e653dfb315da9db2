import Core
import Foundation
import Store
import TestSupport
import Testing

@Suite(.emptyDatabase) struct MigrationTests {
    let database = TestDatabase.current

    private func migrator(_ directory: String = TestDatabase.sqlDirectory) throws -> Migrator {
        try Migrator(database.ownerOptions, directory: directory)
    }

    @Test func downTakesEverythingBackAndUpMakesTheSameAgain() throws {
        let all = try migrator().up().map(\.number)
        #expect(all == Array(1...all.count))
        let first = try SchemaDump.text(of: database)
        #expect(first.contains("CREATE TABLE kinora.task "))

        let back = try migrator().down(count: all.count).map(\.number)
        #expect(back == all.reversed())
        #expect(try database.count("pg_namespace WHERE nspname = 'kinora'") == 0)
        #expect(try migrator().status().allSatisfy { $0.appliedAt == nil })

        #expect(try migrator().up().map(\.number) == all)
        #expect(try SchemaDump.text(of: database) == first)
    }

    /// The ids of tasks stand in another table since migration 49.
    @Test func idsOfTasksAreKeptDownAndUp() throws {
        let all = try migrator().up().count
        let ids = (1...3).map { _ in TaskID.random().description }
        try database.sql(
            """
            SET search_path = kinora;
            INSERT INTO app_user (name) VALUES ('one');
            INSERT INTO ledger (event, kind, debit, credit, user_id, amount_micros)
                SELECT 'topup:1', 'topup', 'issued', 'available', id, 100 FROM app_user;
            INSERT INTO task (user_id, model_id, kind, category, price_micros)
                SELECT id, 'sora-2', 'video', 't2v', n FROM app_user, generate_series(0, 2) n;
            INSERT INTO task_input (task_id, uid, dialect, prompt, parameters)
                SELECT t.id, k.uid, 'test', '', '{}'
                FROM unnest('{\(ids.joined(separator: ","))}'::uuid[]) WITH ORDINALITY AS k (uid, nth)
                    JOIN task t ON t.price_micros = nth - 1;
            UPDATE task SET state = 'succeeded', progress = 100, due_at = NULL, finished_at = now()
                WHERE price_micros = 2
            """)
        func kept(in table: String, by key: String) throws -> [String?] {
            try database.sql("SELECT uid FROM kinora.\(table) ORDER BY \(key)").map { $0[0] }
        }
        _ = try migrator().down(count: all - 48)
        #expect(try kept(in: "task", by: "id") == ids)
        #expect(try database.count("kinora.v_ledger_fault") == 0)
        _ = try migrator().up()
        #expect(try kept(in: "task_input", by: "task_id") == ids)
        #expect(try database.count("kinora.v_ledger_fault") == 0)
    }

    @Test func onlyTheLastStepsAreTakenBack() throws {
        let all = try migrator().up().count
        #expect(try migrator().down(count: 1).map(\.number) == [all])
        let states = try migrator().status().map { $0.appliedAt != nil }
        #expect(states == Array(repeating: true, count: all - 1) + [false])
    }

    @Test func upTwiceAppliesNothingTheSecondTime() throws {
        _ = try migrator().up()
        #expect(try migrator().up().isEmpty)
    }

    @Test func anAppliedFileMayNotChange() throws {
        let copy = try SQLFolder()
        _ = try migrator(copy.path).up()
        try copy.append("-- one more word\n", to: "migrations/001_foundation.up.sql")
        #expect(try migrator(copy.path).status().map(\.isChanged).first == true)
        let error = #expect(throws: KinoraError.self) { _ = try migrator(copy.path).up() }
        #expect(error?.code == .configuration)
        #expect(error?.message.contains("Migration 1 was changed") == true)
    }

    @Test func aDatabaseOfANewerKinoraIsRefused() throws {
        let all = try migrator().up().count
        let older = try SQLFolder()
        try older.removeMigration(all)
        let error = #expect(throws: KinoraError.self) { _ = try migrator(older.path).up() }
        #expect(error?.code == .configuration)
        #expect(error?.message.contains("migration \(all)") == true)
        #expect(try database.count("kinora_migration.applied") == all)
    }

    @Test func halfAPairIsRefusedBeforeAnythingIsApplied() throws {
        let copy = try SQLFolder()
        try copy.write("SELECT 1;", to: "migrations/900_extra.up.sql")
        let gap = #expect(throws: KinoraError.self) { _ = try migrator(copy.path) }
        #expect(gap?.message.contains("must run 001, 002") == true)

        let next = try copy.renameToNext("900_extra.up.sql")
        let half = #expect(throws: KinoraError.self) { _ = try migrator(copy.path) }
        #expect(half?.message.contains("\(next).down.sql is missing") == true)
        #expect(try database.count("pg_namespace WHERE nspname LIKE 'kinora%'") == 0)
    }

    @Test func aMigrationThatFailsLeavesNothingBehind() throws {
        let copy = try SQLFolder()
        _ = try migrator(copy.path).up()
        try copy.write("CREATE TABLE kinora.half (); SELECT 1 / 0;", to: "migrations/900_half.up.sql")
        try copy.write("DROP TABLE kinora.half;", to: "migrations/900_half.down.sql")
        let number = Int(try copy.renameToNext("900_half.up.sql", "900_half.down.sql").prefix(3))
        #expect(throws: KinoraError.self) { _ = try migrator(copy.path).up() }
        #expect(try database.value("SELECT to_regclass('kinora.half')") == nil)
        #expect(
            try migrator(copy.path).status().last.map { $0.appliedAt == nil && $0.migration.number == number }
                == true)
    }

    @Test func manyMigratorsAtOnceApplyEachFileOnce() throws {
        let applied = Happening<Int>()
        let database = database
        try concurrently(6) { _ in
            let migrator = try Migrator(database.ownerOptions, directory: TestDatabase.sqlDirectory)
            for migration in try migrator.up() { applied.note(migration.number) }
        }
        #expect(applied.all == Array(1...applied.all.count))
    }

    @Test func statusWaitsForNobodyAndLeavesNothingBehind() throws {
        let other = try database.newSession()
        try other.rows("SELECT pg_advisory_lock(7017172)")
        #expect(try migrator().status().allSatisfy { $0.appliedAt == nil })
        #expect(try database.count("pg_namespace WHERE nspname = 'kinora_migration'") == 0)
    }

    /// An index on a large table takes longer than any lock time-out.
    @Test func aMigratorWaitsForAnotherAsLongAsItTakes() throws {
        let other = try database.newSession()
        try other.rows("SELECT pg_advisory_lock(7017172)")
        let finished = Happening<Bool>()
        var hasty = database.ownerOptions
        hasty.lockTimeoutSeconds = 1
        let options = hasty
        let thread = try Core.Thread {
            finished.note((try? Migrator(options, directory: TestDatabase.sqlDirectory).up()) != nil)
        }
        // Sessions wait a second for a lock here; this one must still be waiting after that.
        #expect(!finished.wait(within: .seconds(2)) { !$0.isEmpty })
        try other.rows("SELECT pg_advisory_unlock(7017172)")
        #expect(finished.wait { $0 == [true] })
        #expect(thread.join(until: .now + patience))
    }
}

/// A copy of sql/ that a test may change.
private final class SQLFolder {
    let path = NSTemporaryDirectory() + "kn-sql-" + UUID().uuidString.prefix(8)

    init() throws { try FileManager.default.copyItem(atPath: TestDatabase.sqlDirectory, toPath: path) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, to file: String) throws {
        try text.write(toFile: "\(path)/\(file)", atomically: true, encoding: .utf8)
    }

    func append(_ text: String, to file: String) throws {
        try write(try String(contentsOfFile: "\(path)/\(file)", encoding: .utf8) + text, to: file)
    }

    private func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path + "/migrations").sorted()
    }

    private static func padded(_ number: Int) -> String {
        String(repeating: "0", count: 3 - "\(number)".count) + "\(number)"
    }

    func removeMigration(_ number: Int) throws {
        for name in try names() where name.hasPrefix(Self.padded(number)) {
            try FileManager.default.removeItem(atPath: "\(path)/migrations/\(name)")
        }
    }

    /// Gives files numbered 900 the next free number; the stem without `.up.sql` or `.down.sql`.
    @discardableResult
    func renameToNext(_ files: String...) throws -> String {
        let next = try names().filter { $0.hasSuffix(".up.sql") && !$0.hasPrefix("900") }.count + 1
        for file in files {
            try FileManager.default.moveItem(
                atPath: "\(path)/migrations/\(file)",
                toPath: "\(path)/migrations/\(Self.padded(next) + file.dropFirst(3))")
        }
        return String((Self.padded(next) + files[0].dropFirst(3)).prefix { $0 != "." })
    }
}
