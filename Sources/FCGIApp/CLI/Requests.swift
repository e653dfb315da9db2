import ArgumentParser
import Core
import Store

struct Requests: KinoraCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show requests that were answered, oldest first.",
        discussion: "Which requests are kept, and for how long: `kinora setting list`.")
    @Option(help: "Only those with this X-Request-Id.") var id: String?
    @Option(help: "Only those about this task: its id, in any spelling.") var task: String?
    @Option(help: "Only those of this key: its id, or the key itself.") var key: String?
    @Flag(help: "Only those that failed.") var failed = false
    @OptionGroup var options: LogOptions

    func validate() throws {
        guard task == nil || task.flatMap(TaskReference.init) != nil else {
            throw ValidationError("--task must be a task's id.")
        }
    }

    func perform() throws(KinoraError) {
        var selection = RequestSelection()
        selection.requestID = id
        selection.task = task.flatMap(TaskReference.init)
        selection.key = key.map { APIKey($0)?.publicID ?? $0 }
        selection.failed = failed
        selection.age = options.age
        try options.show(.requests(selection), LogLine.request)
    }
}
