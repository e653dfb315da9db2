public import Core

extension Statement {
    static let logReading = [
        Store.eventLogNewest, Store.eventLogLast, Store.eventLogTrouble, Store.eventLogOfTask,
        Store.eventLogOfAccount, Store.eventLogAfter, Store.requestLogNewest, Store.requestLogLast,
        Store.requestLogOfRequest, Store.requestLogOfTask, Store.requestLogOfKey, Store.requestLogAfter,
        Store.accountsCalled,
    ]
}

/// A row of one of the logs, as an operator reads it. `number` rises in the order in which rows appear.
public struct LogRow: Sendable, Equatable {
    public let number: Int64
    public let object: JSONObject
}

/// Which rows of which log are wanted.
public enum LogSelection: Sendable {
    case events(EventSelection)
    case requests(RequestSelection)
}

/// Events that fulfil every condition that is given.
public struct EventSelection: Sendable {
    /// The least level.
    public var level: EventRecord.Level?
    public var task: TaskReference?
    /// account.id
    public var account: Int64?
    /// Not older than this.
    public var age: Duration?

    public init() {}
}

/// Requests that fulfil every condition that is given.
public struct RequestSelection: Sendable {
    public var requestID: String?
    public var task: TaskReference?
    /// The key's public id.
    public var key: String?
    public var failed = false
    /// Not older than this.
    public var age: Duration?

    public init() {}
}

extension Store {
    // Whoever follows looks at the last days only: no row appears with an older date.
    private static let recent = "at > now() - interval '2 days'"

    // Events. $1 levels, $2 task, $3 account, $4 age in seconds; null: any. $5 rows at most. Each statement
    // names the condition that its index serves once more, by itself: plans are made once, for any values.
    // The others stand in coalesce, of which the planner expects half of the rows: of OR it expects hardly
    // any, and would rather sort a whole day than go down the numbers.
    private static let eventColumns = """
        SELECT e.id, e.at, e.level, e.name, coalesce(t.model_id || '-', '') || e.task, e.attempt, a.name,
            k.public_id, e.process, e.fields
        FROM event_log e LEFT JOIN account a ON a.id = e.account_id LEFT JOIN api_key k ON k.id = e.key_id
            LEFT JOIN task_input i ON \(shortID) = e.task LEFT JOIN task t ON t.id = i.task_id
        WHERE e.at >= now() - coalesce($4::float8, 40000000) * interval '1 s'
            AND coalesce(e.level = ANY ($1::text[]), true) AND coalesce(e.task = $2, $2 IS NULL)
            AND coalesce(e.account_id = $3, $3 IS NULL)
        """

    private static let eventsDown = "ORDER BY e.id DESC LIMIT $5"

    static let eventLogNewest = Statement(
        "event_log_newest", "SELECT id FROM event_log WHERE \(recent) ORDER BY id DESC LIMIT 1")
    static let eventLogLast = Statement("event_log_last", "\(eventColumns) \(eventsDown)")
    static let eventLogTrouble = Statement(
        "event_log_trouble", "\(eventColumns) AND e.level IN ('warning', 'error') \(eventsDown)")
    static let eventLogOfTask = Statement(
        "event_log_of_task", "\(eventColumns) AND e.task = $2 \(eventsDown)")
    static let eventLogOfAccount = Statement(
        "event_log_of_account", "\(eventColumns) AND e.account_id = $3 \(eventsDown)")
    static let eventLogAfter = Statement(
        "event_log_after",
        "\(eventColumns) AND e.\(recent) AND e.id > $6 AND e.id <= $7 ORDER BY e.id LIMIT $5")

    // Requests. $1 request id, $2 task, $3 public id of a key, $4 age in seconds; null: any. $5 rows at most,
    // $6 whether only those that failed.
    private static let requestColumns = """
        SELECT r.id, r.at, r.status, r.method, r.route, r.duration_micros, r.request_id, k.public_id, u.name,
            coalesce(t.model_id || '-', '') || r.task, r.model, r.dialect, r.error_code,
            r.error_detail, r.client_address, r.request_bytes, r.response_bytes, r.process
        FROM request_log r LEFT JOIN api_key k ON k.id = r.key_id LEFT JOIN app_user u ON u.id = r.user_id
            LEFT JOIN task_input i ON \(shortID) = r.task LEFT JOIN task t ON t.id = i.task_id
        WHERE r.at >= now() - coalesce($4::float8, 40000000) * interval '1 s'
            AND coalesce(r.request_id = $1, true) AND coalesce(r.task = $2, $2 IS NULL)
            AND coalesce(k.public_id = $3, $3 IS NULL) AND coalesce(NOT $6 OR r.status >= 400, true)
        """

    private static let requestsDown = "ORDER BY r.id DESC LIMIT $5"

    static let requestLogNewest = Statement(
        "request_log_newest", "SELECT id FROM request_log WHERE \(recent) ORDER BY id DESC LIMIT 1")
    static let requestLogLast = Statement("request_log_last", "\(requestColumns) \(requestsDown)")
    static let requestLogOfRequest = Statement(
        "request_log_of_request", "\(requestColumns) AND r.request_id = $1 \(requestsDown)")
    static let requestLogOfTask = Statement(
        "request_log_of_task", "\(requestColumns) AND r.task = $2 \(requestsDown)")
    static let requestLogOfKey = Statement(
        "request_log_of_key",
        "\(requestColumns) AND r.key_id = (SELECT id FROM api_key WHERE public_id = $3) \(requestsDown)")
    static let requestLogAfter = Statement(
        "request_log_after",
        "\(requestColumns) AND r.\(recent) AND r.id > $7 AND r.id <= $8 ORDER BY r.id LIMIT $5")

    static let accountsCalled = Statement(
        "accounts_called",
        "SELECT id FROM account WHERE id::text = $1 OR name = $1 OR vendor || '/' || name = $1")

    /// The last rows of a selection, oldest first.
    public func lastRows(of selection: LogSelection, limit: Int) throws(KinoraError) -> [LogRow] {
        let values = Self.values(selection, limit: limit)
        let statement =
            switch selection {
            case .events(let wanted):
                if wanted.task != nil {
                    Self.eventLogOfTask
                } else if wanted.account != nil {
                    Self.eventLogOfAccount
                } else {
                    wanted.level ?? .debug >= .warning ? Self.eventLogTrouble : Self.eventLogLast
                }
            case .requests(let wanted):
                if wanted.requestID != nil {
                    Self.requestLogOfRequest
                } else if wanted.task != nil {
                    Self.requestLogOfTask
                } else {
                    wanted.key != nil ? Self.requestLogOfKey : Self.requestLogLast
                }
            }
        return try rows(statement, values, Self.decoder(of: selection)).reversed()
    }

    /// The number of the newest row of the log, whatever is selected of it; 0 when there is none.
    public func newestRow(of selection: LogSelection) throws(KinoraError) -> Int64 {
        let statement =
            switch selection {
            case .events: Self.eventLogNewest
            case .requests: Self.requestLogNewest
            }
        return try first(statement) { $0.integer(0) } ?? 0
    }

    /// The next rows of a selection behind a number, oldest first, and the number behind which to go on.
    public func rows(
        of selection: LogSelection, after number: Int64, limit: Int
    ) throws(KinoraError) -> (rows: [LogRow], through: Int64) {
        // Asked for first: rows appear in the order of their numbers, so up to this one all are there.
        let newest = try newestRow(of: selection)
        guard newest > number else { return ([], number) }
        let statement =
            switch selection {
            case .events: Self.eventLogAfter
            case .requests: Self.requestLogAfter
            }
        let found = try rows(
            statement, Self.values(selection, limit: limit) + [.integer(number), .integer(newest)],
            Self.decoder(of: selection))
        return (found, found.count < limit ? newest : found.last?.number ?? newest)
    }

    /// The numbers of accounts that are meant by a number, a name, or VENDOR/NAME.
    public func accounts(called name: String) throws(KinoraError) -> [Int64] {
        try rows(Self.accountsCalled, [.text(name)]) { $0.integer(0) }
    }

    private static func values(_ selection: LogSelection, limit: Int) -> [Value] {
        switch selection {
        case .events(let wanted):
            let levels = wanted.level.map { least in
                EventRecord.Level.allCases.filter { $0 >= least }.map(\.rawValue)
            }
            return [
                levels.map(Value.texts) ?? .null, .optional(wanted.task?.short), .optional(wanted.account),
                seconds(wanted.age), .integer(Int64(limit)),
            ]
        case .requests(let wanted):
            return [
                .optional(wanted.requestID), .optional(wanted.task?.short), .optional(wanted.key),
                seconds(wanted.age), .integer(Int64(limit)), .bool(wanted.failed),
            ]
        }
    }

    private static func seconds(_ age: Duration?) -> Value { age.map { .real($0.inSeconds) } ?? .null }

    private static func decoder(of selection: LogSelection) -> (Row) throws(KinoraError) -> LogRow {
        switch selection {
        case .events: event
        case .requests: request
        }
    }

    private static func number(_ row: Row, _ column: Int) -> JSON {
        row.optionalInteger(column).map(JSON.integer) ?? .null
    }

    private static func event(_ row: Row) throws(KinoraError) -> LogRow {
        LogRow(
            number: row.integer(0),
            object: [
                "at": .string(row.timestamp(1).iso8601Microseconds), "level": .string(row.text(2)),
                "event": .string(row.text(3)), "task": JSON(row.optionalText(4)), "attempt": number(row, 5),
                "account": JSON(row.optionalText(6)), "key": JSON(row.optionalText(7)),
                "process": .string(row.text(8)), "fields": try row.json(9),
            ])
    }

    private static func request(_ row: Row) throws(KinoraError) -> LogRow {
        LogRow(
            number: row.integer(0),
            object: [
                "at": .string(row.timestamp(1).iso8601Microseconds), "status": number(row, 2),
                "method": JSON(row.optionalText(3)), "route": JSON(row.optionalText(4)),
                "duration_micros": number(row, 5), "request_id": .string(row.text(6)),
                "key": JSON(row.optionalText(7)), "user": JSON(row.optionalText(8)),
                "task": JSON(row.optionalText(9)), "model": JSON(row.optionalText(10)),
                "dialect": JSON(row.optionalText(11)), "error": JSON(row.optionalText(12)),
                "error_detail": JSON(row.optionalText(13)), "client_address": .string(row.text(14)),
                "request_bytes": number(row, 15), "response_bytes": number(row, 16),
                "process": .string(row.text(17)),
            ])
    }
}
