import ArgumentParser
import Core
import Store

struct TaskCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "task", abstract: "Tasks.", subcommands: [List.self, Show.self, Cancel.self])

    struct List: KinoraCommand {
        static let configuration = CommandConfiguration(abstract: "List tasks, newest first.")
        @Option(help: "Only this state.") var state: String?
        @Option(help: "At most so many.") var limit = 50
        @OptionGroup var output: OutputOptions

        func validate() throws {
            if let state, TaskState(rawValue: state) == nil {
                let known = TaskState.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--state must be one of \(known).")
            }
            guard (1...10_000).contains(limit) else {
                throw ValidationError("--limit must be from 1 to 10000.")
            }
        }

        func perform() throws(KinoraError) {
            output.show(
                try openStore().listTasks(state: state.flatMap(TaskState.init(rawValue:)), limit: limit))
        }
    }

    struct Show: KinoraCommand {
        static let configuration = CommandConfiguration(abstract: "Show all that is known of a task.")
        @Argument(help: "Its id, in any spelling.") var task: String
        @Flag(help: "Print JSON.") var json = false

        func perform() throws(KinoraError) {
            guard let reference = TaskReference(task), let found = try openStore().describeTask(reference)
            else {
                throw KinoraError(.taskNotFound, "There is no task '\(task)'.")
            }
            let shown = JSON.object(found)
            let lines = Self.lines(shown, indent: "").map(\.plain)
            writeLine(json ? shown.text : lines.joined(separator: "\n"))
        }

        private static func lines(_ json: JSON, indent: String) -> [String] {
            switch json {
            case .object(let object):
                object.members.flatMap { name, value in
                    switch value {
                    case .object, .array: ["\(indent)\(name):"] + lines(value, indent: indent + "  ")
                    case .null: [String]()
                    default: ["\(indent)\(name): \(value.stringValue ?? value.text)"]
                    }
                }
            case .array(let values): values.flatMap { [indent + "-"] + lines($0, indent: indent + "  ") }
            default: [indent + (json.stringValue ?? json.text)]
            }
        }
    }

    struct Cancel: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cancel an unfinished task.",
            discussion: "It ends at once; its vendor is told to stop, and its slot is free when that has.")
        @Argument(help: "Its id, in any spelling.") var task: String

        func perform() throws(KinoraError) {
            let store = try openStore()
            guard let reference = TaskReference(task), let row = try store.cancel(reference) else {
                throw KinoraError(.taskNotFound, "There is no unfinished task '\(task)'.")
            }
            try store.announceChanges([row])
            writeLine("cancelled \(task)")
        }
    }
}
