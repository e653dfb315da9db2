public import Core

/// A statement's argument. Everything travels as a parameter; no SQL is ever put together from values.
public enum Value: Sendable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case bool(Bool)
    case bytes([UInt8])
    /// bigint[]
    case integers([Int64])
    /// text[]
    case texts([String])

    public static func optional(_ text: String?) -> Value { text.map(Value.text) ?? .null }
    public static func optional(_ integer: Int64?) -> Value { integer.map(Value.integer) ?? .null }
    public static func json(_ json: JSON) -> Value { .text(json.text) }
    public static func uid(_ id: TaskID) -> Value { .text(id.description) }

    enum Form { case null, text, binary }

    /// Appends the bytes that the server gets, and says in which of PostgreSQL's formats they are.
    func append(to buffer: inout [UInt8]) -> Form {
        switch self {
        case .null: return .null
        case .integer(let value): buffer.append(contentsOf: String(value).utf8)
        case .real(let value): buffer.append(contentsOf: String(value).utf8)
        case .text(let value): buffer.append(contentsOf: value.utf8)
        case .bool(let value): buffer.append(UInt8(ascii: value ? "t" : "f"))
        case .bytes(let value):
            buffer.append(contentsOf: value)
            return .binary
        case .integers(let values):
            buffer.append(contentsOf: "{\(values.map(String.init).joined(separator: ","))}".utf8)
        case .texts(let values):
            buffer.append(contentsOf: "{\(values.map(Self.quoted).joined(separator: ","))}".utf8)
        }
        return .text
    }

    var holdsNUL: Bool {
        switch self {
        case .text(let value): value.utf8.contains(0)
        case .texts(let values): values.contains { $0.utf8.contains(0) }
        case .null, .integer, .real, .bool, .bytes, .integers: false
        }
    }

    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
