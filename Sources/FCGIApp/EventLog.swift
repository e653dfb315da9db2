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
        switch event {
        case .started(let verb):
            logger.notice("started", metadata: ["verb": "\(verb)", "version": "\(kinoraVersion)"])
        case .stopping(let reason): logger.notice("stopping", metadata: ["reason": "\(reason)"])
        case .stopped(let clean): logger.notice("stopped", metadata: ["clean": "\(clean)"])
        case .configurationLoaded(let keys, let models):
            logger.info("configuration loaded", metadata: ["keys": "\(keys)", "models": "\(models)"])
        case .requestFailed(let error, let id, let method, let path):
            log(error, "request failed", ["request_id": "\(id)", "method": "\(method)", "path": "\(path)"])
        case .taskAccepted(let id, let model):
            logger.info("task accepted", metadata: ["task": "\(id)", "model": "\(model)"])
        case .taskSubmitted(let id, let vendor, let account):
            logger.info(
                "task submitted", metadata: ["task": "\(id)", "vendor": "\(vendor)", "account": "\(account)"])
        case .taskFinished(let id, let state, let seconds, let code):
            logger.info(
                "task finished",
                metadata: [
                    "task": "\(id)", "state": "\(state.rawValue)", "seconds": "\(Int(seconds))",
                    "code": "\(code ?? "")",
                ])
        case .taskRequeued(let id, let delay, let error):
            log(error, "task requeued", ["task": "\(id)", "delay_seconds": "\(delay)"])
        case .pollFailed(let id, let error): log(error, "poll failed", ["task": "\(id)"])
        case .removalFailed(let attempt, let tries, let error):
            log(error, "removal failed", ["attempt": "\(attempt)", "tries": "\(tries)"])
        case .webhookFailed(let delivery, let endpoint, let tries, let status, let error):
            log(
                error, "webhook failed",
                [
                    "delivery": "\(delivery)", "endpoint": "\(endpoint)", "tries": "\(tries)",
                    "status": "\(status.map(String.init) ?? "")",
                ])
        case .webhookDisabled(let endpoint, let reason):
            logger.warning("webhook disabled", metadata: ["endpoint": "\(endpoint)", "reason": "\(reason)"])
        case .leaseLost(let id): logger.warning("lease lost", metadata: ["task": "\(id)"])
        case .tasksTakenOver(let count): logger.warning("tasks taken over", metadata: ["count": "\(count)"])
        case .fault(let place, let error): log(error, "fault", ["place": "\(place)"])
        case .databaseLost(let error): log(error, "database lost", [:])
        }
    }

    private func log(_ error: KinoraError, _ message: Logger.Message, _ metadata: Logger.Metadata) {
        let facts = error.code.facts
        let level: Logger.Level =
            switch facts.level {
            case .debug: .debug
            case .info: .info
            case .warning: .warning
            case .error: .error
            }
        logger.log(
            level: level, message,
            metadata: metadata.merging([
                "error": "\(facts.number)", "error_message": "\(error.message)",
                "error_detail": "\(error.detail)",
            ]) { $1 })
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
