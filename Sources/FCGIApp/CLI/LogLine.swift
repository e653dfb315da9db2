import Core

/// A row of a log as one line for people.
enum LogLine {
    static func event(_ row: JSONObject) -> String {
        let fields = row["fields"]?.objectValue?.members ?? []
        let more = ["task", "attempt", "account", "key"].map { (name: $0, value: row[$0] ?? .null) } + fields
        return line(["at", "level", "event"].map { row[$0] ?? .null }, more)
    }

    static func request(_ row: JSONObject) -> String {
        let head = ["at", "status", "method", "route"].map { row[$0] ?? .null }
        let names = [
            "duration_micros", "request_id", "key", "user", "task", "model", "error", "error_detail",
            "client_address",
        ]
        return line(head, names.map { (name: $0, value: row[$0] ?? .null) })
    }

    private static func line(_ head: [JSON], _ more: [(name: String, value: JSON)]) -> String {
        let known = more.filter { !$0.value.isNull && $0.value != "" }
        let words =
            head.map { $0.isNull ? "-" : ($0.stringValue ?? $0.text).plain }
            + known.map { "\($0.name)=\(quoted($0.value))" }
        return words.joined(separator: " ")
    }

    private static func quoted(_ value: JSON) -> String {
        guard let text = value.stringValue else { return value.text.plain }
        let isWord = text.unicodeScalars.allSatisfy { $0.value > 0x20 && !"\"=".unicodeScalars.contains($0) }
        return (isWord ? text : value.text).plain
    }
}
