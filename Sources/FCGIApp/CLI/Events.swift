import ArgumentParser
import Core
import Store

struct Events: KinoraCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what happened, oldest first.",
        discussion: "Which events are kept, and for how long: `kinora setting list`.")
    @Option(help: "Only this level and graver ones: info, notice, warning, error.") var level: String?
    @Option(help: "Only those of this task: its id, in any spelling.") var task: String?
    @Option(help: "Only those of this account: its number or name.") var account: String?
    @OptionGroup var options: LogOptions

    func validate() throws {
        guard level == nil || level.flatMap(EventRecord.Level.init(rawValue:)) != nil else {
            let known = EventRecord.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--level must be one of \(known).")
        }
        guard task == nil || task.flatMap(TaskReference.init) != nil else {
            throw ValidationError("--task must be a task's id.")
        }
    }

    func perform() throws(KinoraError) {
        var selection = EventSelection()
        selection.level = level.flatMap(EventRecord.Level.init(rawValue:))
        selection.task = task.flatMap(TaskReference.init)
        selection.account = try account.map { name throws(KinoraError) in try row(of: name) }
        selection.age = options.age
        try options.show(.events(selection), LogLine.event)
    }

    private func row(of account: String) throws(KinoraError) -> Int64 {
        let rows = try openStore().accounts(called: account)
        switch rows.count {
        case 1: return rows[0]
        case 0:
            throw KinoraError(
                .invalidValue, "There is no account '\(account)'. See `kinora account list`.")
        default:
            throw KinoraError(
                .invalidValue,
                "\(rows.count) accounts are called '\(account)': name one as VENDOR/NAME.")
        }
    }
}
