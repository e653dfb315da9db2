/// A header value with parameters, such as `form-data; name="a"`.
struct HeaderValue {
    /// What stands before the first semicolon, in lower case.
    let kind: String
    /// Lower-case names; values without their quotes.
    let parameters: [String: [UInt8]]

    /// Nil when the value is malformed or names a parameter twice. An unquoted value may hold more than RFC
    /// 9110 allows, since clients send boundaries such as `----=_Part_1` bare.
    init?(_ bytes: some Collection<UInt8>) {
        var rest = Array(bytes)[...]
        let semicolon = UInt8(ascii: ";")
        let kind = rest.prefix { $0 != semicolon }
        rest = rest.dropFirst(kind.count)
        var parameters: [String: [UInt8]] = [:]
        while rest.popFirst() == semicolon {
            rest = rest.drop(while: Self.isBlank)
            if rest.isEmpty { break }
            let name = rest.prefix(while: Self.isToken)
            rest = rest.dropFirst(name.count)
            guard !name.isEmpty, rest.popFirst() == UInt8(ascii: "="), let value = Self.takeValue(&rest)
            else { return nil }
            rest = rest.drop(while: Self.isBlank)
            let key = String(decoding: name, as: UTF8.self).lowercased()
            guard rest.isEmpty || rest.first == semicolon, parameters.updateValue(value, forKey: key) == nil
            else { return nil }
        }
        self.kind = String(decoding: Self.trimmed(kind), as: UTF8.self).lowercased()
        self.parameters = parameters
    }

    private static func takeValue(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
        let quote = UInt8(ascii: "\"")
        guard rest.first == quote else {
            let plain = rest.prefix { $0 != UInt8(ascii: ";") && $0 != quote && !isBlank($0) }
            rest = rest.dropFirst(plain.count)
            return Array(plain)
        }
        rest.removeFirst()
        var out: [UInt8] = []
        while let byte = rest.popFirst() {
            if byte == quote { return out }
            // Browsers send backslashes bare, so one that stands before anything else is a character of the
            // name.
            let escapes = byte == UInt8(ascii: "\\") && (rest.first == quote || rest.first == byte)
            out.append(escapes ? rest.removeFirst() : byte)
        }
        return nil
    }

    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var trimmed = bytes.drop(while: isBlank)
        while let last = trimmed.last, isBlank(last) { trimmed.removeLast() }
        return trimmed
    }
}
