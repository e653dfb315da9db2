import ArgumentParser
import Core
import Store

struct ModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "Models and their prices.",
        subcommands: [List.self, PriceCommand.self])

    struct List: KinoraCommand {
        static let configuration = CommandConfiguration(abstract: "List models and where they are made.")
        @OptionGroup var output: OutputOptions

        func perform() throws(KinoraError) {
            let store = try openStore()
            let served = try store.vendorsServed()
            output.show(
                try store.models().map { model in
                    [
                        "id": .string(model.id), "kind": .string(model.kind), "family": .string(model.family),
                        "categories": .string(
                            model.rules.keys.map(\.rawValue).sorted().joined(separator: ",")),
                        "vendors": .string(model.vendors.joined(separator: ",")),
                        "available": .bool(!served.isDisjoint(with: model.vendors)),
                        "title": .string(model.title),
                    ]
                })
        }
    }
}
