import ArgumentParser
import Core
import Engine
import Store

/// How much of a log is shown, and how.
struct LogOptions: ParsableArguments {
    @Option(help: "Only what is not older: a number and s, m, h or d, as in 90m.") var since: String?
    @Option(help: "At most so many, the newest of them.") var limit = 50
    @Flag(help: "Go on with what comes, until interrupted.") var follow = false
    @Flag(help: "Print JSON: an array, or with --follow an object a line.") var json = false

    func validate() throws {
        guard (1...10_000).contains(limit) else {
            throw ValidationError("--limit must be from 1 to 10000.")
        }
        guard since == nil || age != nil else {
            throw ValidationError("--since must be a number and s, m, h or d, as in 90m.")
        }
        guard (age ?? .zero) <= Self.ageMax else {
            throw ValidationError("--since must be at most 36500d.")
        }
    }

    private static let ageMax = Duration.seconds(36_500 * 86_400)

    var age: Duration? {
        guard let parts = since?.wholeMatch(of: /(\d{1,8})([smhd])/), let count = Int64(parts.1) else {
            return nil
        }
        let seconds: [Substring: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        return .seconds(count * (seconds[parts.2] ?? 1))
    }

    /// Prints what is selected, oldest first.
    func show(_ selection: LogSelection, _ line: @escaping (JSONObject) -> String) throws(KinoraError) {
        let configuration = try Configuration.current().validated()
        let store = Store(configuration.database)
        guard follow else {
            let rows = try store.lastRows(of: selection, limit: limit).map(\.object)
            if json {
                writeLine(JSON.array(rows.map(JSON.object)).text)
            } else {
                writeLine(rows.isEmpty ? "(none)" : rows.map(line).joined(separator: "\n"))
            }
            return
        }
        try store.ping()
        let feed = try LogFeed(
            store, selection, replayRows: limit, isNotifying: configuration.isNotifying
        ) { error in
            writeError("kinora: \(error.message) (\(error.detail)) It is tried again.\n")
        }
        let subscription = feed.subscribe()
        try feed.start()
        while true {
            let batch = subscription.next(within: .seconds(60))
            if batch.lost > 0 { writeError("kinora: \(batch.lost) rows came too fast to be shown.\n") }
            for row in batch.rows {
                guard offerLine(json ? JSON.object(row.object).text : line(row.object)) else { return }
            }
        }
    }
}
