import CPostgres
import Glibc
public import Core

/// One session of PostgreSQL. Used by one thread at a time; the pool sees to that.
public final class Connection {
    private let handle: OpaquePointer
    private let isListening: Bool
    /// Heard, and not yet given to anybody.
    private var heard: Set<Notification> = []
    private var prepared: Set<String> = []

    /// Connects. Throws `databaseAway`; the URL, which may hold a password, stays out of the error.
    init(_ options: DatabaseOptions) throws(KinoraError) {
        // Session settings by libpq's `options` cost no round trip. Plans are made once for each session:
        // every statement is served by one index whatever its values, and planning would cost more than
        // running. So would compiling, for which the guessed cost of a claim that finds nothing is enough.
        // And a plan that was made while a table was empty must not read all of it once it is full.
        let session = """
            -c search_path=kinora -c timezone=UTC -c statement_timeout=\(options.statementTimeoutSeconds)s \
            -c lock_timeout=\(options.lockTimeoutSeconds)s -c idle_in_transaction_session_timeout=30s \
            -c client_min_messages=warning -c plan_cache_mode=force_generic_plan -c jit=off \
            -c enable_seqscan=off
            """
        let parameters = [
            // In front of the URL: one that names its own has its way.
            ("connect_timeout", "\(options.connectTimeoutSeconds)"),
            ("dbname", options.url.revealed()), ("options", session),
            ("application_name", options.applicationName), ("client_encoding", "UTF8"),
            // A database that is gone without a word, its host or the way to it, is noticed by these alone.
            ("keepalives_idle", "5"), ("keepalives_interval", "2"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "\((options.statementTimeoutSeconds + 5) * 1000)"),
        ]
        let keywords = parameters.map { strdup($0.0) } + [nil]
        let values = parameters.map { strdup($0.1) } + [nil]
        defer { for text in keywords + values { free(text) } }
        isListening = !options.channels.isEmpty
        handle = PQconnectdbParams(
            keywords.map { UnsafePointer($0) }, values.map { UnsafePointer($0) }, 1)
        // The handle is not finished here: whatever is thrown from here on, deinit runs and does that.
        guard PQstatus(handle) == CONNECTION_OK else {
            throw KinoraError(
                .databaseAway, detail: Self.connectFault(String(cString: PQerrorMessage(handle))))
        }
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        // The details quote whole rows, prompts and sealed credentials included: they have no place in a log.
        PQsetErrorVerbosity(handle, PQERRORS_TERSE)
        if let role = options.role { try setRole(role) }
        for channel in options.channels { try script("LISTEN \(channel)") }
    }

    deinit { PQfinish(handle) }

    /// libpq quotes pieces of a malformed URL, and such a piece may be of the password: only words that come
    /// from a server, or about reaching one by its address, are passed on.
    private static func connectFault(_ message: String) -> String {
        message.hasPrefix("connection to server") && !message.contains("could not translate")
            ? tidy(message) : "the server's name or the connection's parameters in DATABASE_URL are not valid"
    }

    private func setRole(_ role: String) throws(KinoraError) {
        guard let quoted = PQescapeIdentifier(handle, role, role.utf8.count) else {
            throw KinoraError(.configuration, "The database role's name is invalid.")
        }
        defer { PQfreemem(quoted) }
        do throws(KinoraError) { try script("SET ROLE \(String(cString: quoted))") } catch {
            guard error.code == .internalFault else { throw error }
            throw KinoraError(
                .configuration,
                "The database role '\(role)' cannot be taken: run `kinora migrate up`, or set "
                    + "KINORA_DATABASE_ROLE.", detail: error.detail)
        }
    }

    private static func tidy(_ message: String) -> String {
        message.split(separator: "\n").joined(separator: " ")
    }

    var socket: Int32 { PQsocket(handle) }

    /// Whether the last statement ended well enough for another one.
    var isIdle: Bool { PQstatus(handle) == CONNECTION_OK && PQtransactionStatus(handle) == PQTRANS_IDLE }

    /// False once the server closed the session: a readable idle socket can only hold its last words, or
    /// notifications where it listens.
    var isUsable: Bool {
        guard isIdle else { return false }
        var item = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        // Behind its last words comes its end.
        while poll(&item, 1, 0) != 0 {
            guard isListening, PQconsumeInput(handle) == 1, isIdle else { return false }
        }
        if isListening { hear() }
        return true
    }

    /// Runs a statement, preparing it at its first use in this session.
    public func run(_ statement: Statement, _ values: [Value] = []) throws(KinoraError) -> Rows {
        // libpq ends a text at the first NUL, and PostgreSQL could not keep one: no value is cut short in
        // silence.
        guard !values.contains(where: \.holdsNUL) else {
            throw KinoraError(.invalidValue, "Text must not contain the character U+0000.")
        }
        try prepare(statement)
        return try check(
            execute(values) { count, pointers, lengths, formats in
                PQexecPrepared(handle, statement.name, count, pointers, lengths, formats, 1)
            }, statement.name)
    }

    public func prepare(_ statement: Statement) throws(KinoraError) {
        guard !prepared.contains(statement.name) else { return }
        _ = try check(PQprepare(handle, statement.name, statement.sql, 0, nil), statement.name)
        prepared.insert(statement.name)
    }

    /// Runs SQL text that is part of Kinora or of a migration file, never of a request. May hold several
    /// statements.
    public func script(_ sql: String) throws(KinoraError) {
        _ = try check(PQexec(handle, sql), "script")
    }

    /// Commits when `body` returns, rolls back when it throws.
    public func transaction<T>(_ body: (Connection) throws(KinoraError) -> T) throws(KinoraError) -> T {
        try script("BEGIN")
        do {
            let value = try body(self)
            try script("COMMIT")
            return value
        } catch {
            try? script("ROLLBACK")
            throw error
        }
    }

    private func execute(
        _ values: [Value],
        _ body: (Int32, UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<Int32>, UnsafePointer<Int32>) ->
            OpaquePointer?
    ) -> OpaquePointer? {
        // One buffer for all values: text needs a NUL behind it, binary has its length.
        var buffer: [UInt8] = []
        var offsets: [Int?] = []
        var lengths: [Int32] = []
        var formats: [Int32] = []
        for value in values {
            let offset = buffer.count
            let form = value.append(to: &buffer)
            offsets.append(form == .null ? nil : offset)
            lengths.append(Int32(buffer.count - offset))
            formats.append(form == .binary ? 1 : 0)
            buffer.append(0)
        }
        return buffer.withUnsafeBytes { bytes in
            let base = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            let pointers = offsets.map { offset in offset.flatMap { base?.advanced(by: $0) } }
            return body(Int32(values.count), pointers, lengths, formats)
        }
    }

    private func check(_ result: OpaquePointer?, _ name: String) throws(KinoraError) -> Rows {
        guard let result else {
            throw KinoraError(
                .databaseAway, detail: "\(name): \(Self.tidy(String(cString: PQerrorMessage(handle))))")
        }
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: return Rows(result)
        default:
            defer { PQclear(result) }
            throw Self.error(of: result, name, isBroken: PQstatus(handle) != CONNECTION_OK)
        }
    }

    private static func error(of result: OpaquePointer, _ name: String, isBroken: Bool) -> KinoraError {
        let state = kn_pq_sqlstate(result).map { String(cString: $0) } ?? ""
        let constraint = kn_pq_constraint(result).map { String(cString: $0) } ?? ""
        let detail = "\(name): \(state) \(constraint) \(tidy(String(cString: PQresultErrorMessage(result))))"
        // Kinora's own functions refuse with an error's number, and with words for the caller.
        if state.hasPrefix("KN"), let code = ErrorCode(number: state) {
            return KinoraError(code, kn_pq_primary(result).map { String(cString: $0) }, detail: name)
        }
        // Classes: 08 connection, 53 resources, 57 operator intervention, 40 serialization or deadlock.
        if isBroken || ["08", "53", "57", "40"].contains(state.prefix(2)) {
            return KinoraError(.databaseAway, detail: detail)
        }
        // lock_not_available: `lock_timeout` is over.
        if state == "55P03" { return KinoraError(.databaseAway, detail: detail, isLocked: true) }
        // No such schema, table or column.
        if ["3F000", "42P01", "42703"].contains(state) {
            return KinoraError(
                .configuration, "The database is not that of this version: run `kinora migrate up`.",
                detail: detail)
        }
        return state == "23505"
            ? KinoraError(.alreadyExists, detail: detail) : KinoraError(.internalFault, detail: detail)
    }

    /// Waits for notifications until `deadline`; gives each once, those that came with an earlier statement
    /// as well. Throws `databaseAway`.
    func notifications(
        until deadline: ContinuousClock.Instant, wakeup: Int32
    ) throws(KinoraError) -> Set<Notification> {
        hear()
        while heard.isEmpty {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { break }
            var items = [
                pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wakeup, events: Int16(POLLIN), revents: 0),
            ]
            poll(&items, 2, Int32(clamping: left.microseconds / 1000 + 1))
            if items[1].revents != 0 { break }
            guard PQconsumeInput(handle) == 1 else {
                throw KinoraError(
                    .databaseAway, detail: "listen: \(Self.tidy(String(cString: PQerrorMessage(handle))))")
            }
            hear()
        }
        defer { heard = [] }
        return heard
    }

    private func hear() {
        while let notification = PQnotifies(handle) {
            heard.insert(
                Notification(
                    channel: String(cString: notification.pointee.relname),
                    payload: String(cString: notification.pointee.extra)))
            PQfreemem(notification)
        }
    }
}
