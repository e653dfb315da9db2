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

    /// The wire form: bytes, and whether they are PostgreSQL's binary format. Nil is NULL.
    var wire: (bytes: [UInt8], isBinary: Bool)? {
        switch self {
        case .null: nil
        case .integer(let value): (Array(String(value).utf8), false)
        case .real(let value): (Array(String(value).utf8), false)
        case .text(let value): (Array(value.utf8), false)
        case .bool(let value): (Array((value ? "t" : "f").utf8), false)
        case .bytes(let value): (value, true)
        case .integers(let values): (Array("{\(values.map(String.init).joined(separator: ","))}".utf8), false)
        case .texts(let values): (Array("{\(values.map(Self.quoted).joined(separator: ","))}".utf8), false)
        }
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
