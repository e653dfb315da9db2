/// Reads one JSON text (RFC 8259), strictly: UTF-8 only, no duplicate member names, no lone surrogates, no
/// NUL characters (PostgreSQL cannot keep them), nesting, size and number of values bounded.
public struct JSONParser {
    /// Deepest nesting of arrays and objects. Recursion follows it, so it also bounds the stack.
    public static let depthMax = 64
    /// Largest exponent, and most characters of a number. PostgreSQL keeps numbers digit by digit: without
    /// these bounds `1e99999` would grow to 100 KB there, and anything larger would fail as a database
    /// error.
    public static let exponentMax = 308
    public static let numberBytesMax = 1_000

    private var bytes: UnsafeBufferPointer<UInt8>
    private var position = 0
    private let valuesMax: Int
    private var values = 0

    /// Parses `bytes` whole. Throws `malformedRequest` with the offset of the first fault, and for more than
    /// `valuesMax` values as soon as they are there.
    public static func parse(
        _ bytes: [UInt8], valuesMax: Int = Limits.jsonValuesMax
    ) throws(KinoraError) -> JSON {
        let result = bytes.withUnsafeBufferPointer { buffer -> Result<JSON, KinoraError> in
            var parser = JSONParser(bytes: buffer, valuesMax: valuesMax)
            return Result { () throws(KinoraError) -> JSON in try parser.document() }
        }
        return try result.get()
    }

    public static func parse(_ text: String) throws(KinoraError) -> JSON { try parse(Array(text.utf8)) }

    private mutating func document() throws(KinoraError) -> JSON {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        skipBlanks()
        let value = try value(depth: 0)
        skipBlanks()
        guard position == bytes.count else { throw fault("there is text after the value") }
        return value
    }

    private func fault(_ what: String) -> KinoraError {
        KinoraError(.malformedRequest, "The JSON is malformed at byte \(position): \(what).")
    }

    private mutating func skipBlanks() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private mutating func value(depth: Int) throws(KinoraError) -> JSON {
        guard position < bytes.count else { throw fault("a value is missing") }
        values += 1
        guard values <= valuesMax else {
            throw KinoraError(.malformedRequest, "The JSON has more than \(valuesMax) values.")
        }
        switch bytes[position] {
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw fault("this is no value")
        }
    }

    private mutating func word(_ text: StaticString, _ value: JSON) throws(KinoraError) -> JSON {
        let end = position + text.utf8CodeUnitCount
        let matches = text.withUTF8Buffer { word in
            end <= bytes.count && bytes[position..<end].elementsEqual(word)
        }
        guard matches else { throw fault("this is no value") }
        position = end
        return value
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func array(depth: Int) throws(KinoraError) -> JSON {
        guard depth <= Self.depthMax else { throw fault("the nesting is too deep") }
        position += 1
        skipBlanks()
        if take(UInt8(ascii: "]")) { return .array([]) }
        var values: [JSON] = []
        repeat {
            skipBlanks()
            values.append(try value(depth: depth))
            skipBlanks()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw fault("a comma or ] is missing") }
        return .array(values)
    }

    private mutating func object(depth: Int) throws(KinoraError) -> JSON {
        guard depth <= Self.depthMax else { throw fault("the nesting is too deep") }
        position += 1
        skipBlanks()
        if take(UInt8(ascii: "}")) { return .object([:]) }
        var members: [(name: String, value: JSON)] = []
        // A linear look-up is fastest for the few members a request has; a set keeps a hostile body linear.
        var seen: Set<String> = []
        repeat {
            skipBlanks()
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
                throw fault("a member name is missing")
            }
            let name = try string()
            let isNew = members.count < 8 ? !members.contains { $0.name == name } : !seen.contains(name)
            guard isNew else {
                let member = name.utf8.count <= 64 ? "the member \"\(name)\"" : "a member"
                throw fault("\(member) stands twice")
            }
            if members.count == 7 { seen = Set(members.map(\.name)) }
            if members.count >= 7 { seen.insert(name) }
            skipBlanks()
            guard take(UInt8(ascii: ":")) else { throw fault("a colon is missing") }
            skipBlanks()
            members.append((name, try value(depth: depth)))
            skipBlanks()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw fault("a comma or } is missing") }
        return .object(JSONObject(members))
    }

    private mutating func digits() -> Int {
        let start = position
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position += 1 }
        return position - start
    }

    private mutating func number() throws(KinoraError) -> JSON {
        let start = position
        _ = take(UInt8(ascii: "-"))
        let leadingZero = position < bytes.count && bytes[position] == UInt8(ascii: "0")
        let count = digits()
        guard count > 0, !(leadingZero && count > 1) else { throw fault("this is no number") }
        var isInteger = true
        if take(UInt8(ascii: ".")) {
            isInteger = false
            guard digits() > 0 else { throw fault("this is no number") }
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            isInteger = false
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            let exponentStart = position
            guard digits() > 0 else { throw fault("this is no number") }
            let exponent = Int(String(decoding: bytes[exponentStart..<position], as: UTF8.self))
            guard let exponent, exponent <= Self.exponentMax else { throw fault("the exponent is too large") }
        }
        guard position - start <= Self.numberBytesMax else { throw fault("the number is too long") }
        let literal = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let value = Int64(literal), literal != "-0" { return .integer(value) }
        return .decimal(literal)
    }

    private mutating func string() throws(KinoraError) -> String {
        position += 1
        let start = position
        var isASCII = true
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                let slice = UnsafeBufferPointer(rebasing: bytes[start..<position])
                // To validate is several times as much work.
                guard
                    let text = isASCII
                        ? String(decoding: slice, as: UTF8.self) : String(validating: slice, as: UTF8.self)
                else { throw fault("the string is not UTF-8") }
                position += 1
                return text
            case UInt8(ascii: "\\"): return try escapedString(from: start)
            case 0..<0x20: throw fault("a control character must be escaped")
            case 0x80...:
                isASCII = false
                position += 1
            default: position += 1
            }
        }
        throw fault("the string has no end")
    }

    /// The slow path: a string with at least one escape, unescaped into a buffer of its own.
    private mutating func escapedString(from start: Int) throws(KinoraError) -> String {
        var out = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: out, as: UTF8.self) else {
                    throw fault("the string is not UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): try unescape(into: &out)
            case 0..<0x20: throw fault("a control character must be escaped")
            default: out.append(byte)
            }
        }
        throw fault("the string has no end")
    }

    private mutating func unescape(into out: inout [UInt8]) throws(KinoraError) {
        guard position < bytes.count else { throw fault("the string has no end") }
        let kind = bytes[position]
        position += 1
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(kind)
        case UInt8(ascii: "b"): out.append(0x08)
        case UInt8(ascii: "f"): out.append(0x0C)
        case UInt8(ascii: "n"): out.append(0x0A)
        case UInt8(ascii: "r"): out.append(0x0D)
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "u"): out.append(contentsOf: String(Character(try scalar())).utf8)
        default: throw fault("this escape is unknown")
        }
    }

    private mutating func scalar() throws(KinoraError) -> Unicode.Scalar {
        let high = try fourHexDigits()
        guard high != 0 else { throw fault("the character U+0000 is not allowed") }
        if let scalar = Unicode.Scalar(high) { return scalar }
        guard high < 0xDC00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
            throw fault("half of a surrogate pair stands alone")
        }
        let low = try fourHexDigits()
        guard (0xDC00...0xDFFF).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
        else { throw fault("half of a surrogate pair stands alone") }
        return scalar
    }

    private mutating func fourHexDigits() throws(KinoraError) -> UInt32 {
        guard position + 4 <= bytes.count else { throw fault("four hex digits are missing") }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
                throw fault("four hex digits are missing")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}
