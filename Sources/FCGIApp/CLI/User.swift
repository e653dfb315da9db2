import ArgumentParser
import Core
import Store

struct User: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Users: owners of keys and tasks.", subcommands: [Create.self, List.self, Limit.self])

    struct Create: KinoraCommand {
        static let configuration = CommandConfiguration(abstract: "Make a user.")
        @Argument(help: "A name that no other user has.") var name: String
        @OptionGroup var limits: LimitOptions

        func validate() throws {
            try checkName(name, "The name")
        }

        func perform() throws(KinoraError) {
            do throws(KinoraError) { try openStore().addUser(name: name, limits: limits.change) } catch {
                guard error.code == .alreadyExists else { throw error }
                throw KinoraError(.alreadyExists, "There is already a user '\(name)'.")
            }
            writeLine("created \(name)")
        }
    }

    struct List: KinoraCommand {
        static let configuration = CommandConfiguration(abstract: "List users and their limits.")
        @OptionGroup var output: OutputOptions
        func perform() throws(KinoraError) { output.show(try openStore().listUsers()) }
    }

    struct Limit: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change the limits of all of a user's keys together, everywhere at once.",
            discussion: "What is not named stays as it is.")
        @Argument(help: "The user's name.") var name: String
        @OptionGroup var limits: LimitOptions

        func validate() throws {
            guard !limits.isEmpty else {
                throw ValidationError("Give --requests-per-minute, --concurrent-tasks, or both.")
            }
        }

        func perform() throws(KinoraError) {
            guard try openStore().limitUser(name: name, limits.change) else {
                throw KinoraError(.invalidValue, "There is no user '\(name)'. See `kinora user list`.")
            }
            writeLine("limited \(name)")
        }
    }
}
