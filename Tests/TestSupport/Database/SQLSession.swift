import CPostgres

/// A session for plain SQL in tests, apart from the store's own code, so that a test sees what the store
/// really did. Used by one thread at a time.
public final class SQLSession {
    private let handle: OpaquePointer

    /// Connects by a libpq keyword string or URL.
    public init(_ connection: String) throws {
        guard let handle = PQconnectdb(connection) else { throw SQLFailure(message: "out of memory") }
        self.handle = handle
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        // A failed init runs the deinit too, which closes the handle.
        guard PQstatus(handle) == CONNECTION_OK else {
            throw SQLFailure(message: String(cString: PQerrorMessage(handle)))
        }
    }

    deinit { PQfinish(handle) }

    /// Runs one statement or several; gives the rows of the last as PostgreSQL writes them.
    @discardableResult
    public func rows(_ sql: String) throws -> [[String?]] {
        guard let result = PQexec(handle, sql) else {
            throw SQLFailure(message: String(cString: PQerrorMessage(handle)))
        }
        defer { PQclear(result) }
        guard [PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY].contains(PQresultStatus(result)) else {
            throw SQLFailure(
                state: kn_pq_sqlstate(result).map { String(cString: $0) } ?? "",
                constraint: kn_pq_constraint(result).map { String(cString: $0) } ?? "",
                message: String(cString: PQresultErrorMessage(result)))
        }
        return (0..<PQntuples(result)).map { row in
            (0..<PQnfields(result)).map { column in
                PQgetisnull(result, row, column) == 1 ? nil : String(cString: PQgetvalue(result, row, column))
            }
        }
    }

    /// The first column of the first row; nil for NULL and for no row.
    public func value(_ sql: String) throws -> String? { try rows(sql).first?.first ?? nil }

    var isAlive: Bool { PQstatus(handle) == CONNECTION_OK }
}

/// What PostgreSQL refused, and by which rule.
public struct SQLFailure: Error, Sendable, CustomStringConvertible {
    /// SQLSTATE; empty when there was no connection.
    public var state = ""
    public var constraint = ""
    public let message: String

    public var description: String { "\(state) \(constraint) \(message)" }
}

/// The parts of a libpq connection string.
struct ConnectionString {
    private(set) var parts: [(keyword: String, value: String)] = []

    init(_ text: String) throws {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(text, &message) else {
            defer { PQfreemem(message) }
            throw SQLFailure(message: message.map { String(cString: $0) } ?? "no connection string")
        }
        defer { PQconninfoFree(options) }
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val {
                parts.append((String(cString: keyword), String(cString: value)))
            }
            option += 1
        }
    }

    subscript(keyword: String) -> String? {
        get { parts.first { $0.keyword == keyword }?.value }
        set {
            parts.removeAll { $0.keyword == keyword }
            if let newValue { parts.append((keyword, newValue)) }
        }
    }

    var text: String {
        parts.map { part in
            let value = part.value.replacing("\\", with: "\\\\").replacing("'", with: "\\'")
            return "\(part.keyword)='\(value)'"
        }.joined(separator: " ")
    }
}
