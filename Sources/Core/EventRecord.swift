/// An event as it is written down, whatever the place: a line of standard error, a row of the log.
public struct EventRecord: Sendable {
    public enum Level: String, Sendable, CaseIterable, Comparable {
        case debug, info, notice, warning, error

        public static func < (a: Level, b: Level) -> Bool {
            allCases.firstIndex(of: a)! < allCases.firstIndex(of: b)!
        }
    }

    public let level: Level
    public let name: String
    public let task: TaskID?
    public let attempt: Int?
    public let account: Int64?
    public let key: Int64?
    /// The rest, by name.
    public let fields: JSONObject

    init(
        _ level: Level, _ name: String, _ task: TaskID? = nil, on attempt: AttemptPoint? = nil,
        account: Int64? = nil, key: Int64? = nil, fields: JSONObject = [:]
    ) {
        self.level = level
        self.name = name
        self.task = task
        self.attempt = attempt?.number
        self.account = attempt?.account ?? account
        self.key = key
        self.fields = fields
    }

    /// A failure: as grave as its code says, and with what is known of it.
    init(
        _ error: KinoraError, _ name: String, _ task: TaskID? = nil, on attempt: AttemptPoint? = nil,
        fields: JSONObject = [:]
    ) {
        let facts = error.code.facts
        let known: [(name: String, value: JSON)] = [
            ("error", .string(facts.number)), ("error_message", .string(error.message.redacted)),
            ("error_detail", .string(error.detail.redacted)),
        ]
        self.init(
            Level(facts.level), name, task, on: attempt, fields: JSONObject(fields.members + known))
    }
}

extension EventRecord.Level {
    init(_ level: ErrorCode.Level) {
        switch level {
        case .debug: self = .debug
        case .info: self = .info
        case .warning: self = .warning
        case .error: self = .error
        }
    }
}

extension Event {
    public var record: EventRecord {
        switch self {
        case .started(let verb):
            EventRecord(
                .notice, "started", fields: ["verb": .string(verb), "version": .string(kinoraVersion)])
        case .stopping(let reason): EventRecord(.notice, "stopping", fields: ["reason": .string(reason)])
        case .stopped(let clean): EventRecord(.notice, "stopped", fields: ["clean": .bool(clean)])
        case .configurationLoaded(let keys, let models):
            EventRecord(.info, "configuration loaded", fields: ["keys": JSON(keys), "models": JSON(models)])
        case .requestFailed(let error, let id, let method, let path):
            EventRecord(
                error, "request failed",
                fields: ["request_id": .string(id), "method": .string(method), "path": .string(path)])
        case .taskAccepted(let id, let model, let key):
            EventRecord(.info, "task accepted", id, key: key, fields: ["model": .string(model)])
        case .taskSubmitted(let id, let vendor, let attempt):
            EventRecord(.info, "task submitted", id, on: attempt, fields: ["vendor": .string(vendor)])
        case .taskFinished(let id, let state, let seconds, let code, let attempt):
            EventRecord(
                .info, "task finished", id, on: attempt,
                fields: [
                    "state": .string(state.rawValue), "seconds": JSON(Int(seconds)), "code": JSON(code),
                ])
        case .taskRequeued(let id, let delay, let error, let attempt):
            EventRecord(
                error, "task requeued", id, on: attempt, fields: ["delay_seconds": .decimal("\(delay)")])
        case .pollFailed(let id, let error, let attempt):
            EventRecord(error, "poll failed", id, on: attempt)
        case .storeFailed(let id, let error, let attempt):
            EventRecord(error, "result not stored", id, on: attempt)
        case .cancellationFailed(let id, let error, let attempt):
            EventRecord(error, "cancellation failed", id, on: attempt)
        case .leaseLost(let id, let attempt): EventRecord(.warning, "lease lost", id, on: attempt)
        case .tasksTakenOver(let count):
            EventRecord(.warning, "tasks taken over", fields: ["count": JSON(count)])
        case .accountFell(let account, let fall, let error):
            EventRecord(
                .warning, "account \(fall.rawValue)", account: account,
                fields: [
                    "error": .string(error.code.facts.number), "error_detail": .string(error.detail.redacted),
                ])
        case .removalFailed(let attempt, let tries, let error):
            EventRecord(
                error, "removal failed", fields: ["attempt_id": .integer(attempt), "tries": JSON(tries)])
        case .mediaRemovalFailed(let sha256, let tries, let error):
            EventRecord(
                error, "media removal failed", fields: ["sha256": .string(sha256), "tries": JSON(tries)])
        case .webhookFailed(let delivery, let endpoint, let tries, let status, let error):
            EventRecord(
                error, "webhook failed",
                fields: [
                    "delivery": .integer(delivery), "endpoint": .integer(endpoint), "tries": JSON(tries),
                    "status": status.map { JSON($0) } ?? .null,
                ])
        case .webhookDisabled(let endpoint, let reason):
            EventRecord(
                .warning, "webhook disabled",
                fields: ["endpoint": .integer(endpoint), "reason": .string(reason)])
        case .creditLow(let account, let credits):
            EventRecord(
                .warning, "credit low", account: account,
                fields: ["credits": .string(Amount(micros: credits).description)])
        case .fault(let place, let error): EventRecord(error, "fault", fields: ["place": .string(place)])
        case .databaseLost(let error): EventRecord(error, "database lost")
        case .logRowsLost(let count):
            EventRecord(.warning, "log rows lost", fields: ["count": JSON(count)])
        case .refusalsLeftOut(let count):
            EventRecord(.warning, "refusals left out", fields: ["count": JSON(count)])
        }
    }
}
