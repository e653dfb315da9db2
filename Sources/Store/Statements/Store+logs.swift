public import Core

extension Statement {
    static let logs = [Store.logsKeep, Store.logWake, Store.requestLogWrite, Store.eventLogWrite]
}

/// A row of one of the logs, before it is written.
public struct LogEntry<Record: Sendable>: Sendable {
    public let at: ContinuousClock.Instant
    public let record: Record

    public init(_ record: Record, at: ContinuousClock.Instant) {
        self.at = at
        self.record = record
    }
}

extension Store {
    static let logsKeep = Statement("logs_keep", "SELECT keep_logs($1, now())")

    // Whoever follows holds the lock shared: where it can be had, nobody is there to be woken.
    static let logWake = Statement(
        "log_wake", "SELECT pg_notify('kinora_log', '') WHERE NOT pg_try_advisory_xact_lock(7017175)")

    // How long ago, not when: the hosts' clocks differ. No row is older than the oldest partition.
    private static let at =
        "greatest(now() - r.age * interval '1 us', date_trunc('day', now()) - interval '1 day')"

    // Columns as arrays: taking objects of JSON apart took as long as all the rest of a row.
    static let requestLogWrite = Statement(
        "request_log_write",
        """
        INSERT INTO request_log (at, process, request_id, method, route, dialect, status, duration_micros,
            key_id, user_id, task, model, error_code, error_detail, client_address, request_bytes,
            response_bytes)
        SELECT \(at), $1, r.request_id, r.method, r.route, r.dialect, r.status, r.duration_micros, r.key_id,
            r.user_id, r.task, r.model, r.error_code, r.error_detail, r.client_address, r.request_bytes,
            r.response_bytes
        FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[],
            $9::bigint[], $10::bigint[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
            $16::bigint[], $17::bigint[]) AS r (age, request_id, method, route, dialect, status,
            duration_micros, key_id, user_id, task, model, error_code, error_detail, client_address,
            request_bytes, response_bytes)
        """)

    static let eventLogWrite = Statement(
        "event_log_write",
        """
        INSERT INTO event_log (at, process, level, name, task, attempt, account_id, key_id, fields)
        SELECT \(at), $2, r.level, r.name, r.task, r.attempt, r.account_id, r.key_id, r.fields
        FROM json_to_recordset($1::json) AS r (age float8, level text, name text, task text, attempt integer,
            account_id bigint, key_id bigint, fields jsonb)
        """)

    /// Makes the partitions that are needed until the third day from now, and drops those that are older
    /// than so many days.
    public func keepLogs(days: Int64) throws(KinoraError) {
        while try first(Self.logsKeep, [.integer(days)], { $0.integer(0) }) ?? 0 > 0 {}
    }

    /// Writes rows of both logs in one transaction, all of them or none. It is not waited for the disk: what
    /// a crash of the server may cost is a moment of its logs.
    public func writeLogs(
        requests: ArraySlice<RequestRecord>, events: ArraySlice<LogEntry<EventRecord>>, process: String
    ) throws(KinoraError) {
        let now = ContinuousClock.now
        let requests = requests.isEmpty ? nil : requests.columns(at: now)
        let events = events.map { $0.record.json(age: $0.at.duration(to: now)) }
        try pool.withConnection { connection throws(KinoraError) in
            try connection.transaction { connection throws(KinoraError) in
                // One writer at a time: rows appear in the order of their numbers.
                try connection.script(
                    "SET LOCAL synchronous_commit = off; SELECT pg_advisory_xact_lock(7017176)")
                if let requests {
                    _ = try connection.run(Self.requestLogWrite, [.text(process)] + requests)
                }
                if !events.isEmpty {
                    _ = try connection.run(Self.eventLogWrite, [.json(.array(events)), .text(process)])
                }
                _ = try connection.run(Self.logWake)
            }
        }
    }
}

extension ArraySlice<RequestRecord> {
    /// As `requestLogWrite` takes them, from its second argument on.
    fileprivate func columns(at now: ContinuousClock.Instant) -> [Value] {
        [
            integers { $0.began.duration(to: now).microseconds }, texts { $0.requestID.loggable },
            texts { $0.method?.rawValue },
            texts { $0.course.route.map { "/" + $0.pattern.joined(separator: "/") } },
            texts { $0.course.dialect }, integers { Int64($0.status) },
            integers { Swift.max(0, $0.duration.microseconds) },
            integers { $0.course.caller?.keyID }, integers { $0.course.caller?.userID },
            texts { $0.course.task?.short }, texts { $0.course.model?.loggable },
            texts { $0.course.error?.code.rawValue },
            texts { $0.course.error.flatMap { $0.detail.isEmpty ? nil : $0.detail.loggable } },
            texts { $0.clientAddress.loggable }, integers { $0.requestBytes.map(Int64.init) },
            integers { Int64($0.responseBytes) },
        ]
    }

    private func integers(_ column: (RequestRecord) -> Int64?) -> Value { .integers(map(column)) }

    /// Where all are nil there is no array to be taken apart: `unnest` fills up what is missing.
    private func texts(_ column: (RequestRecord) -> String?) -> Value {
        let texts = map(column)
        return texts.contains { $0 != nil } ? .texts(texts) : .null
    }
}

extension EventRecord {
    fileprivate func json(age: Duration) -> JSON {
        let fields = JSONObject(
            fields.members.map { name, value in
                (name, value.stringValue.map { JSON.string($0.loggable) } ?? value)
            })
        return [
            "age": .integer(age.microseconds), "level": .string(level.rawValue), "name": .string(name),
            "task": JSON(task?.short), "attempt": attempt.map { JSON($0) } ?? .null,
            "account_id": account.map(JSON.integer) ?? .null, "key_id": key.map(JSON.integer) ?? .null,
            "fields": .object(fields),
        ]
    }
}

extension String {
    /// What may be kept of a text from outside: short, without secrets, and without NUL, which PostgreSQL
    /// cannot keep.
    fileprivate var loggable: String {
        // What looks like one character may be as long as it likes.
        let short =
            utf8.count <= Limits.logTextCharactersMax
            ? self : String(unicodeScalars.prefix(Limits.logTextCharactersMax))
        return (short.holdsNUL ? short.replacing("\u{0}", with: " ") : short).redacted
    }
}
