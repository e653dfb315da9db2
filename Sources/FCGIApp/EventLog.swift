import Core
import Glibc
import Logging

/// Writes events as log lines: one JSON object each, on standard error.
struct EventLog: EventSink {
    private let logger: Logger

    init(level: String) {
        var logger = Logger(label: "kinora") { _ in JSONLogHandler() }
        logger.logLevel = Logger.Level(rawValue: level) ?? .info
        self.logger = logger
    }

    func emit(_ event: Event) {
        let record = event.record
        var metadata = Logger.Metadata(
            uniqueKeysWithValues: record.fields.members.map { name, value in
                (name, "\(value.stringValue ?? (value.isNull ? "" : value.text))")
            })
        metadata["task"] = record.task.map { "\($0)" }
        metadata["attempt"] = record.attempt.map { "\($0)" }
        metadata["account"] = record.account.map { "\($0)" }
        metadata["key"] = record.key.map { "\($0)" }
        logger.log(level: Logger.Level(record.level), "\(record.name)", metadata: metadata)
    }
}

extension Logger.Level {
    fileprivate init(_ level: EventRecord.Level) {
        switch level {
        case .debug: self = .debug
        case .info: self = .info
        case .notice: self = .notice
        case .warning: self = .warning
        case .error: self = .error
        }
    }
}

/// One line of JSON for each record, written by one system call so that lines of several processes never mix.
private struct JSONLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line: JSONObject = [
            "time": .string(SystemClock().now.iso8601), "level": .string(event.level.rawValue),
            "message": .string(event.message.description),
        ]
        for (key, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }).sorted(by: {
            $0.key < $1.key
        }) {
            line[key] = .string(value.description)
        }
        let bytes = JSON.object(line).serialized() + [0x0A]
        bytes.withUnsafeBytes { _ = write(2, $0.baseAddress!, $0.count) }
    }
}
