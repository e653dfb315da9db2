import ArgumentParser
import Core
import Store

struct RouteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "route", abstract: "Which vendors make a model, and in which order.",
        subcommands: [List.self, Change.self])

    struct List: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "List routes in the order in which they are tried.")
        @Argument(help: "The model (default: all).") var model: String?
        @OptionGroup var output: OutputOptions
        func perform() throws(KinoraError) { output.show(try openStore().listRoutes(model: model)) }
    }

    struct Change: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change a route, everywhere at once.", discussion: "What is not named stays as it is.")
        @Argument(help: "Its number; see `kinora route list`.") var id: Int64
        @Option(help: "Routes are tried in this order, from 1.") var position: Int?
        @Option(help: "Its share among routes of equal position, from 1.") var weight: Int?
        @Option(help: "What a task costs at the vendor at most, in its credits; 0: unknown.")
        var cost: Amount?
        @Flag(inversion: .prefixedEnableDisable, help: "Whether new tasks may use it.") var use: Bool?

        func validate() throws {
            for (name, value) in [("position", position), ("weight", weight)] {
                guard (1...32_767).contains(value ?? 1) else {
                    throw ValidationError("--\(name) must be from 1 to 32767.")
                }
            }
            guard position != nil || weight != nil || cost != nil || use != nil else {
                throw ValidationError("Name what is to change.")
            }
        }

        func perform() throws(KinoraError) {
            let change = RouteChange(position: position, weight: weight, isEnabled: use, cost: cost)
            guard try openStore().changeRoute(id, change) else {
                throw KinoraError(.invalidValue, "There is no route \(id). See `kinora route list`.")
            }
            writeLine("changed route \(id)")
        }
    }
}
