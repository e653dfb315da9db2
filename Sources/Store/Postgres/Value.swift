public import Core

/// A statement's argument. Everything travels as a parameter; no SQL is ever put together from values.
public enum Value: Sendable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case bool(Bool)
    case bytes([UInt8])
    /// bigint[]; nil: NULL
    case integers([Int64?])
    /// text[]; nil: NULL
    case texts([String?])

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
            Self.appendArray(of: 20, values.count, to: &buffer)
            for value in values {
                Self.append(Int32(value == nil ? -1 : 8), to: &buffer)
                if let value { Self.append(value, to: &buffer) }
            }
            return .binary
        case .texts(let values):
            Self.appendArray(of: 25, values.count, to: &buffer)
            for value in values {
                Self.append(value.map { Int32($0.utf8.count) } ?? -1, to: &buffer)
                if let value { buffer.append(contentsOf: value.utf8) }
            }
            return .binary
        }
        return .text
    }

    private static func append(_ integer: some FixedWidthInteger, to buffer: inout [UInt8]) {
        withUnsafeBytes(of: integer.bigEndian) { buffer.append(contentsOf: $0) }
    }

    /// The head of an array in PostgreSQL's binary format: dimensions, whether there are NULLs (which the
    /// server sees for itself), the type of its elements, their number, and the first one's index.
    private static func appendArray(of type: Int32, _ count: Int, to buffer: inout [UInt8]) {
        for field in count == 0 ? [0, 0, type] : [1, 0, type, Int32(count), 1] { append(field, to: &buffer) }
    }

    var holdsNUL: Bool {
        switch self {
        case .text(let value): value.holdsNUL
        case .texts(let values): values.contains { $0?.holdsNUL ?? false }
        case .null, .integer, .real, .bool, .bytes, .integers: false
        }
    }
}

extension String {
    /// Asked of each text that is written, and four times as fast as to ask a view of its bytes.
    var holdsNUL: Bool { utf8.withContiguousStorageIfAvailable { $0.contains(0) } ?? utf8.contains(0) }
}
