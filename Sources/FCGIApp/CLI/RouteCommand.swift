import ArgumentParser
import Core
import Store
import Upstream

struct RouteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "route", abstract: "Which vendors make a model, and in which order.",
        subcommands: [List.self, Add.self, Change.self, Remove.self])

    struct List: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "List routes in the order in which they are tried.")
        @Argument(help: "The model (default: all).") var model: String?
        @OptionGroup var output: OutputOptions
        func perform() throws(KinoraError) { output.show(try openStore().listRoutes(model: model)) }
    }

    /// What may be said of any route.
    struct Facts: ParsableArguments {
        @Option(help: "Routes are tried in this order, from 1.") var position: Int?
        @Option(help: "Its share among routes of equal position, from 1.") var weight: Int?
        @Option(help: "What a task costs at the vendor at most, in its credits; 0: unknown.")
        var cost: Amount?

        func validate() throws {
            for (name, value) in [("position", position), ("weight", weight)] {
                guard (1...32_767).contains(value ?? 1) else {
                    throw ValidationError("--\(name) must be from 1 to 32767.")
                }
            }
        }

        var change: RouteChange { RouteChange(position: position, weight: weight, cost: cost) }
    }

    struct Add: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have a vendor make a model, everywhere at once.",
            discussion: "All of the vendor's accounts may then get tasks of the model.")
        @Argument(help: "The model that clients ask for.") var model: String
        @Argument(help: "The vendor; see `kinora account list`.") var vendor: String
        @Argument(help: "What the vendor calls the model (default: the same).") var vendorModel: String?
        @OptionGroup var facts: Facts

        func validate() throws {
            try checkName(vendorModel ?? model, "The vendor's name of the model", 1...200)
        }

        func perform() throws(KinoraError) {
            _ = try Vendors.named(vendor)
            let id = try openStore().addRoute(
                model: model, vendor: vendor, vendorModel: vendorModel ?? model, facts.change)
            writeLine("added route \(id)")
        }
    }

    struct Remove: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a route away, everywhere at once.",
            discussion: "Tasks that a vendor has accepted end there.")
        @Argument(help: "Its number; see `kinora route list`.") var id: Int64

        func perform() throws(KinoraError) {
            guard try openStore().removeRoute(id) else {
                throw KinoraError(.invalidValue, "There is no route \(id). See `kinora route list`.")
            }
            writeLine("removed route \(id)")
        }
    }

    struct Change: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change a route, everywhere at once.", discussion: "What is not named stays as it is.")
        @Argument(help: "Its number; see `kinora route list`.") var id: Int64
        @OptionGroup var facts: Facts
        @Flag(inversion: .prefixedEnableDisable, help: "Whether new tasks may use it.") var use: Bool?

        func validate() throws {
            guard facts.position != nil || facts.weight != nil || facts.cost != nil || use != nil else {
                throw ValidationError("Name what is to change.")
            }
        }

        func perform() throws(KinoraError) {
            var change = facts.change
            change.isEnabled = use
            guard try openStore().changeRoute(id, change) else {
                throw KinoraError(.invalidValue, "There is no route \(id). See `kinora route list`.")
            }
            writeLine("changed route \(id)")
        }
    }
}
