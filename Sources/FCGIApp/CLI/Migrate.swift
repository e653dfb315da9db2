import ArgumentParser
import Core
import Store

struct Migrate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring the database to this version, or back.",
        subcommands: [Up.self, Down.self, Status.self],
        defaultSubcommand: Status.self)

    private static func migrator() throws(KinoraError) -> Migrator {
        let configuration = try Configuration.current().validated()
        return try Migrator(configuration.database, directory: configuration.sqlDirectory)
    }

    struct Up: KinoraCommand {
        static let configuration = CommandConfiguration(abstract: "Apply what is missing.")

        func perform() throws(KinoraError) {
            let applied = try Migrate.migrator().up()
            for migration in applied { writeLine("applied \(migration.number) \(migration.name)") }
            if applied.isEmpty { writeLine("up to date") }
        }
    }

    struct Down: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take back the last migrations. Loses their data.")
        @Option(help: "How many.") var steps = 1

        func validate() throws {
            if steps < 1 { throw ValidationError("--steps must be at least 1.") }
        }

        func perform() throws(KinoraError) {
            for migration in try Migrate.migrator().down(count: steps) {
                writeLine("took back \(migration.number) \(migration.name)")
            }
        }
    }

    struct Status: KinoraCommand {
        static let configuration = CommandConfiguration(abstract: "Show what is applied.")
        @OptionGroup var output: OutputOptions

        func perform() throws(KinoraError) {
            output.show(
                try Migrate.migrator().status().map { status in
                    let state = status.isChanged ? "CHANGED" : status.appliedAt == nil ? "pending" : "applied"
                    return [
                        "number": .integer(Int64(status.migration.number)),
                        "name": .string(status.migration.name),
                        "state": .string(state), "applied_at": JSON(status.appliedAt?.iso8601),
                    ]
                })
        }
    }
}
