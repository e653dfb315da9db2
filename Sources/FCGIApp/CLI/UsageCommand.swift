import ArgumentParser
import Core
import Store

struct UsageCommand: KinoraCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage", abstract: "What was used, up to this moment.",
        discussion: "Tasks are accepted on one day and end on another: each is counted on its own, in UTC.")
    @Option(help: "Added up by day, user, key, model, account or user-identifier.") var by = "day"
    @Option(help: "From this day on, such as 2026-01-31.") var since: String?
    @Option(help: "Up to this day, included.") var until: String?
    @Option(help: "Of this user only.") var user: String?
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard UsageGroup(rawValue: by) != nil else {
            let known = UsageGroup.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--by must be one of \(known).")
        }
        for (name, day) in [("--since", since), ("--until", until)] {
            guard day.map(Self.isDay) ?? true else {
                throw ValidationError("\(name) must be a day such as 2026-01-31.")
            }
        }
    }

    func perform() throws(KinoraError) {
        let question = UsageQuestion(
            group: UsageGroup(rawValue: by) ?? .day, since: since, until: until, user: user)
        output.show(try openStore().listUsage(question))
    }

    private static func isDay(_ text: String) -> Bool {
        guard let parts = text.wholeMatch(of: /([0-9]{4})-([0-9]{2})-([0-9]{2})/),
            let year = Int(parts.1), let month = Int(parts.2), let day = Int(parts.3)
        else { return false }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return year > 0 && days.indices.contains(month - 1) && (1...days[month - 1]).contains(day)
    }
}
