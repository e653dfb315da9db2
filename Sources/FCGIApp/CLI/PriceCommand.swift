import ArgumentParser
import Core
import Store

struct PriceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "price", abstract: "What a model costs.",
        discussion: "A change holds for tasks that are accepted from then on.",
        subcommands: [List.self, Set.self, Remove.self])

    /// Which of a model's tasks are meant.
    struct Place: ParsableArguments {
        @Argument(help: "The model.") var model: String
        @Option(help: "t2v, i2v, v2v, t2i ... (default: all that the model has).") var category: String?
        @Option(help: "Of this size or resolution only, such as 1280x720.") var resolution: String?

        func validate() throws {
            guard category.map({ Category(rawValue: $0) != nil }) ?? true else {
                let known = Category.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--category must be one of \(known).")
            }
            guard resolution.map({ $0.wholeMatch(of: /[0-9A-Za-z:x_\-]{1,32}/) != nil }) ?? true else {
                throw ValidationError("--resolution must be like 1280x720 or 1080p.")
            }
        }

        var place: PricePlace {
            PricePlace(
                model: model, category: category.flatMap(Category.init(rawValue:)),
                resolution: resolution ?? "")
        }
    }

    struct List: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "List prices, in units.",
            discussion: "What has no price costs nothing. No resolution: any that has no row of its own.")
        @Argument(help: "The model (default: all).") var model: String?
        @OptionGroup var output: OutputOptions
        func perform() throws(KinoraError) { output.show(try openStore().listPrices(model: model)) }
    }

    struct Set: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set a price, everywhere at once.",
            discussion: "The sum of what is given; what is not named is zero.")
        @OptionGroup var tasks: Place
        @Option(help: "Units for a task.") var task = Amount(micros: 0)
        @Option(help: "Units for each second of video.") var second = Amount(micros: 0)
        @Option(help: "Units for each picture.") var image = Amount(micros: 0)
        @Option(help: "Units for a million tokens that a text model reads.") var input = Amount(micros: 0)
        @Option(help: "Units for a million tokens that it writes.") var output = Amount(micros: 0)
        @Option(help: "Percent of it that tasks cost which may be put off.") var offPeakPercent = 100

        func validate() throws {
            let most = Amount(micros: 1_000_000_000_000)
            guard [task, second, image, input, output].allSatisfy({ $0 <= most }) else {
                throw ValidationError("Prices must be at most \(most) units.")
            }
            guard (0...100).contains(offPeakPercent) else {
                throw ValidationError("--off-peak-percent must be from 0 to 100.")
            }
        }

        func perform() throws(KinoraError) {
            let price = Price(
                task: task, second: second, image: image, input: input, output: output,
                offPeakPercent: offPeakPercent)
            let store = try openStore()
            try store.models().first { $0.id == tasks.model }?.check(price, at: tasks.place)
            let count = try store.setPrice(price, at: tasks.place)
            guard count > 0 else {
                throw KinoraError(
                    .modelNotFound, "There is no such model or category. See `kinora model list`.")
            }
            writeLine("set \(count) price(s) of \(tasks.model)")
        }
    }

    struct Remove: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a price: without any, tasks cost nothing.")
        @OptionGroup var tasks: Place

        func perform() throws(KinoraError) {
            let count = try openStore().removePrice(at: tasks.place)
            guard count > 0 else {
                throw KinoraError(
                    .invalidValue, "There is no such price. See `kinora model price list`.")
            }
            writeLine("removed \(count) price(s) of \(tasks.model)")
        }
    }
}
