import Core
import Foundation
import TestSupport
import Testing

extension GatewayTests {
    @Suite(.emptyDatabase) struct Migrations {
        private func kinora(_ arguments: String...) throws -> Finished {
            let environment = [
                "DATABASE_URL": Database.current.connection, "KINORA_SQL_DIR": TestDatabase.sqlDirectory,
            ]
            return try run(try Surroundings.binary, arguments, environment: environment)
        }

        private func states() throws -> [String] {
            let rows = try kinora("migrate", "status", "--json").json.arrayValue ?? []
            return rows.compactMap { $0["state"]?.stringValue }
        }

        @Test func goUpAndDownAndSayWhereTheyAre() throws {
            let count = try states().count
            #expect(count >= 2)
            #expect(try states() == Array(repeating: "pending", count: count))
            // Without a verb it is the status, and it changes nothing.
            #expect(try kinora("migrate").text.contains("pending"))

            let up = try kinora("migrate", "up")
            #expect(up.status == 0)
            #expect(up.text.hasPrefix("applied 1 foundation\n"))
            #expect(up.text.split(separator: "\n").count == count)
            #expect(try kinora("migrate", "up").text == "up to date\n")
            #expect(try states() == Array(repeating: "applied", count: count))

            #expect(try kinora("migrate", "down").text.hasPrefix("took back \(count) "))
            #expect(try states() == Array(repeating: "applied", count: count - 1) + ["pending"])
            #expect(try kinora("migrate", "down", "--steps", "100").status == 0)
            #expect(try states() == Array(repeating: "pending", count: count))
            #expect(try kinora("migrate", "down").text.isEmpty)
            #expect(try kinora("migrate", "up").status == 0)
            #expect(try kinora("migrate", "down", "--steps", "0").status == 64)
        }

        @Test func areAppliedOnceWhenManyTryAtOnce() throws {
            let database = Database.current
            let words = Box<[String]>([])
            try concurrently(5) { _ in
                let finished = try run(
                    try Surroundings.binary, ["migrate", "up"],
                    environment: [
                        "DATABASE_URL": database.connection, "KINORA_SQL_DIR": TestDatabase.sqlDirectory,
                    ])
                words.change { $0.append(finished.status == 0 ? finished.text : finished.errors) }
            }
            #expect(words.value.count { $0.hasPrefix("applied 1 foundation\n") } == 1)
            #expect(words.value.count { $0 == "up to date\n" } == 4)
        }

        @Test func areAskedForByEverythingElse() throws {
            for arguments in [["key", "list"], ["task", "list"], ["model", "list"], ["account", "list"]] {
                let finished = try run(
                    try Surroundings.binary, arguments,
                    environment: ["DATABASE_URL": Database.current.connection])
                #expect(finished.status == 1)
                #expect(finished.errors.split(separator: "\n").count == 1)
                #expect(finished.errors.contains("kinora migrate up"), "\(finished.errors)")
            }
        }

        @Test func areNotTheOnlyThingThatMayBeMissing() throws {
            #expect(try kinora("migrate", "up").status == 0)
            let finished = try run(
                try Surroundings.binary, ["key", "list"],
                environment: [
                    "DATABASE_URL": Database.current.connection, "KINORA_DATABASE_ROLE": "kinora_nobody",
                ])
            #expect(finished.status == 1)
            #expect(finished.errors.hasPrefix("kinora: The database role 'kinora_nobody' cannot be taken: "))
        }

        @Test func thatWereChangedAfterwardsAreRefused() throws {
            let folder = try Folder()
            let copied = try run("/bin/cp", ["-r", TestDatabase.sqlDirectory, "\(folder.path)/sql"])
            #expect(copied.status == 0)
            #expect(try kinora("migrate", "up").status == 0)
            let file = "\(folder.path)/sql/migrations/001_foundation.up.sql"
            try (try String(contentsOfFile: file, encoding: .utf8) + "-- a change\n")
                .write(toFile: file, atomically: true, encoding: .utf8)
            let environment = [
                "DATABASE_URL": Database.current.connection, "KINORA_SQL_DIR": "\(folder.path)/sql",
            ]
            let up = try run(try Surroundings.binary, ["migrate", "up"], environment: environment)
            #expect(up.status == 1)
            #expect(up.errors == "kinora: Migration 1 was changed after it was applied.\n")
            let check = try run(try Surroundings.binary, ["check", "--json"], environment: environment)
            #expect(
                check.json["faults"]?.arrayValue?.contains("An applied migration file was changed.") == true)
        }
    }
}
