/// Where the members of a JSON object stand in its text (RFC 8259). What is passed on byte for byte is
/// checked for its form and not taken apart: text stays as it is spelled, and nothing is built from it.
public struct JSONOutline: Sendable {
    /// Deepest nesting of arrays and objects. Recursion follows it, so it also bounds the stack.
    public static let depthMax = JSONParser.depthMax

    private let text: [UInt8]
    private let members: [(name: String, value: Range<Int>)]
    /// Where the first member begins, or would.
    public let start: Int

    /// Throws `malformedRequest` with the offset of the first fault; for a name that stands twice too, since
    /// two readers could disagree on it, and for too many members. What stands inside of a member costs
    /// nothing.
    public init(_ text: [UInt8]) throws(KinoraError) {
        let found = text.withUnsafeBufferPointer {
            bytes -> Result<([(String, Range<Int>)], Int), KinoraError> in
            var scanner = Scanner(bytes)
            return Result { () throws(KinoraError) in try scanner.document() }
        }
        let (members, start) = try found.get()
        self.text = text
        self.members = members.map { (name: $0.0, value: $0.1) }
        self.start = start
    }

    /// Where the value of a member stands; nil when it is missing.
    public subscript(_ name: String) -> Range<Int>? { members.first { $0.name == name }?.value }

    /// The members' names, as they stand.
    public var names: [String] { members.map(\.name) }

    /// The value of a member, taken apart; nil when it is missing. Throws what `JSONParser` refuses.
    public func value(_ name: String) throws(KinoraError) -> JSON? {
        guard let range = self[name] else { return nil }
        return try JSONParser.parse(Array(text[range]))
    }

    /// The value of a member as it is spelled; nil when it is missing.
    public func spelling(of name: String) -> [UInt8]? { self[name].map { Array(text[$0]) } }

    /// Whether a member is there and more than null.
    public func has(_ name: String) -> Bool {
        self[name].map { text[$0.lowerBound] != UInt8(ascii: "n") } ?? false
    }

    /// The object without some of its members and with others in front. What stays keeps its spelling.
    public func text(
        adding added: [(name: String, value: [UInt8])], without removed: Set<String> = []
    ) -> [UInt8] {
        let kept = members.filter { !removed.contains($0.name) }
        let all = added.map { ($0.name, $0.value[...]) } + kept.map { ($0.name, text[$0.value]) }
        var out = [UInt8(ascii: "{")]
        for (index, (name, value)) in all.enumerated() {
            if index > 0 { out.append(UInt8(ascii: ",")) }
            out += JSON.string(name).serialized()
            out.append(UInt8(ascii: ":"))
            out += value
        }
        return out + [UInt8(ascii: "}")]
    }

    /// The first byte of a member's value, which tells its kind; nil when it is missing.
    public func firstByte(_ name: String) -> UInt8? { self[name].map { text[$0.lowerBound] } }
}

/// Goes through a text once and keeps what stands where on the outermost level.
private struct Scanner {
    private static let membersFew = 12

    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0
    private var members: [(String, Range<Int>)] = []
    private var names: Set<String> = []

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    mutating func document() throws(KinoraError) -> ([(String, Range<Int>)], Int) {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        skipBlanks()
        guard position < bytes.count, bytes[position] == UInt8(ascii: "{") else {
            throw position < bytes.count && isValueStart(bytes[position])
                ? KinoraError(.malformedRequest, "The body must be a JSON object.")
                : fault("a value is missing")
        }
        let start = position + 1
        members.reserveCapacity(Self.membersFew)
        try skipObject(depth: 1)
        skipBlanks()
        guard position == bytes.count else { throw fault("there is text after the value") }
        return (members, start)
    }

    /// As in JSONParser: a linear look-up is fastest for few, a set keeps a hostile body linear.
    private mutating func keep(_ name: String, _ value: Range<Int>) throws(KinoraError) {
        if members.count == Self.membersFew { names = Set(members.map(\.0)) }
        let isNew =
            members.count < Self.membersFew
            ? !members.contains { $0.0 == name } : names.insert(name).inserted
        guard isNew else {
            let member = name.utf8.count <= 64 ? "the member \"\(name)\"" : "a member"
            throw KinoraError(
                .malformedRequest,
                "The JSON is malformed at byte \(value.lowerBound): \(member) stands twice.")
        }
        guard members.count < Limits.jsonValuesMax else {
            throw KinoraError(.malformedRequest, "The JSON has more than \(Limits.jsonValuesMax) values.")
        }
        members.append((name, value))
    }

    private func fault(_ what: String) -> KinoraError {
        KinoraError(.malformedRequest, "The JSON is malformed at byte \(position): \(what).")
    }

    private func isValueStart(_ byte: UInt8) -> Bool { "[\"tfn-0123456789".utf8.contains(byte) }

    private mutating func skipBlanks() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    /// Below the outermost level names are not even read.
    private mutating func skipObject(depth: Int) throws(KinoraError) {
        guard depth <= JSONOutline.depthMax else { throw fault("the nesting is too deep") }
        position += 1
        skipBlanks()
        if take(UInt8(ascii: "}")) { return }
        repeat {
            skipBlanks()
            let nameStart = position
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
                throw fault("a member name is missing")
            }
            let isPlain = try skipString()
            let name = nameStart..<position
            skipBlanks()
            guard take(UInt8(ascii: ":")) else { throw fault("a colon is missing") }
            skipBlanks()
            let valueStart = position
            try skipValue(depth: depth)
            if depth == 1 { try keep(try self.name(name, isPlain: isPlain), valueStart..<position) }
            skipBlanks()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw fault("a comma or } is missing") }
    }

    private func name(_ range: Range<Int>, isPlain: Bool) throws(KinoraError) -> String {
        guard !isPlain else {
            let name = bytes[(range.lowerBound + 1)..<(range.upperBound - 1)]
            return String(decoding: UnsafeBufferPointer(rebasing: name), as: UTF8.self)
        }
        return try JSONParser.parse(Array(bytes[range])).stringValue ?? ""
    }

    private mutating func skipArray(depth: Int) throws(KinoraError) {
        guard depth <= JSONOutline.depthMax else { throw fault("the nesting is too deep") }
        position += 1
        skipBlanks()
        if take(UInt8(ascii: "]")) { return }
        repeat {
            skipBlanks()
            try skipValue(depth: depth)
            skipBlanks()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw fault("a comma or ] is missing") }
    }

    private mutating func skipValue(depth: Int) throws(KinoraError) {
        guard position < bytes.count else { throw fault("a value is missing") }
        switch bytes[position] {
        case UInt8(ascii: "\""): _ = try skipString()
        case UInt8(ascii: "{"): try skipObject(depth: depth + 1)
        case UInt8(ascii: "["): try skipArray(depth: depth + 1)
        case UInt8(ascii: "t"): try skip(word: "true")
        case UInt8(ascii: "f"): try skip(word: "false")
        case UInt8(ascii: "n"): try skip(word: "null")
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try skipNumber()
        default: throw fault("this is no value")
        }
    }

    private mutating func skip(word: StaticString) throws(KinoraError) {
        let end = position + word.utf8CodeUnitCount
        let matches = word.withUTF8Buffer { end <= bytes.count && bytes[position..<end].elementsEqual($0) }
        guard matches else { throw fault("this is no value") }
        position = end
    }

    private mutating func digits() -> Int {
        let start = position
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position += 1 }
        return position - start
    }

    private mutating func skipNumber() throws(KinoraError) {
        _ = take(UInt8(ascii: "-"))
        let hasLeadingZero = position < bytes.count && bytes[position] == UInt8(ascii: "0")
        let count = digits()
        guard count > 0, !(hasLeadingZero && count > 1) else { throw fault("this is no number") }
        if take(UInt8(ascii: ".")), digits() == 0 { throw fault("this is no number") }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            guard digits() > 0 else { throw fault("this is no number") }
        }
    }

    /// True when it is spelled without escapes.
    private mutating func skipString() throws(KinoraError) -> Bool {
        position += 1
        var isPlain = true
        while true {
            // Nearly all of a text is such bytes: they are passed by without a look at anything else.
            position = bytes[position...].firstIndex { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C } ?? bytes.count
            guard position < bytes.count else { throw fault("the string has no end") }
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                return isPlain
            case UInt8(ascii: "\\"):
                isPlain = false
                try skipEscape()
            default: throw fault("a control character must be escaped")
            }
        }
    }

    private mutating func skipEscape() throws(KinoraError) {
        guard position + 1 < bytes.count else { throw fault("the string has no end") }
        let kind = bytes[position + 1]
        guard "\"\\/bfnrtu".utf8.contains(kind) else { throw fault("this escape is unknown") }
        position += 2
        guard kind == UInt8(ascii: "u") else { return }
        let end = position + 4
        guard end <= bytes.count, bytes[position..<end].allSatisfy(Self.isHex) else {
            throw fault("four hex digits are missing")
        }
        position = end
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte & 0xDF)
    }
}
