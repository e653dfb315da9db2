import ArgumentParser
import Core
import Store

struct SettingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "setting", abstract: "Settings that may change while Kinora runs.",
        subcommands: [List.self, Set.self, Unset.self])

    struct List: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "List what may be set, with what holds now.",
            discussion: "`-` as the value of one family: what holds is that of all.")
        @OptionGroup var output: OutputOptions

        func perform() throws(KinoraError) {
            let store = try openStore()
            let settings = try store.settings()
            output.show(
                try SettingCommand.rules(store).map { rule in
                    let range = (rule as? NumberSetting)?.range
                    return [
                        "name": .string(rule.name),
                        "value": settings[rule.name] ?? rule.defaultJSON, "default": rule.defaultJSON,
                        "least": range.map { .integer($0.lowerBound) } ?? .null,
                        "most": range.map { .integer($0.upperBound) } ?? .null,
                        "description": .string(rule.description),
                    ]
                })
        }
    }

    struct Set: KinoraCommand {
        static let configuration = CommandConfiguration(abstract: "Set one, everywhere at once.")
        @Argument(help: "Its name; see `kinora setting list`.") var name: String
        @Argument(help: "Its value; empty text is written \"\".") var value: String

        func perform() throws(KinoraError) {
            let store = try openStore()
            let rule = try SettingCommand.rule(name, store)
            guard try Self.isKnown(value, to: rule, store), let meant = rule.value(spelled: value) else {
                throw KinoraError(.invalidValue, "\(name) must be \(rule.form), not '\(value)'.")
            }
            try store.putSetting(rule, meant)
            writeLine("\(name) = \(meant.text)")
        }

        /// Whether the database has what the value names.
        private static func isKnown(
            _ value: String, to rule: any Setting, _ store: Store
        ) throws(KinoraError) -> Bool {
            func isModel(of kind: MediaKind) throws(KinoraError) -> Bool {
                try store.models().contains { $0.id == value && $0.kind == kind.rawValue }
            }
            return switch rule.name {
            case TextSetting.offPeakTimeZone.name: try store.knowsTimeZone(value)
            case TextSetting.defaultImageModel.name: try isModel(of: .image)
            case TextSetting.defaultVideoModel.name: try isModel(of: .video)
            default: true
            }
        }
    }

    struct Unset: KinoraCommand {
        static let configuration = CommandConfiguration(abstract: "Go back to the default.")
        @Argument(help: "Its name.") var name: String

        func perform() throws(KinoraError) {
            let store = try openStore()
            let rule = try SettingCommand.rule(name, store)
            _ = try store.removeSetting(rule.name)
            writeLine("\(name) is not set")
        }
    }

    private static func rules(_ store: Store) throws(KinoraError) -> [any Setting] {
        Settings.all(families: Swift.Set(try store.models().map(\.family)))
    }

    private static func rule(_ name: String, _ store: Store) throws(KinoraError) -> any Setting {
        let rules = try rules(store)
        guard let rule = rules.first(where: { $0.name == name }) else {
            throw KinoraError(
                .invalidValue,
                "There is no setting '\(name)'. Known: \(rules.map(\.name).joined(separator: ", ")).")
        }
        return rule
    }
}
