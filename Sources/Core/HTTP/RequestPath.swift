/// The path of a request target: percent-decoded segments, and the query. Doubled and trailing slashes are
/// tolerated, since gateways in front glue base URLs together; dot segments, encoded slashes, control
/// characters and invalid UTF-8 are refused, since nginx and Kinora could read them differently.
public struct RequestPath: Sendable, Equatable {
    public let segments: [String]
    public let query: Query

    public init(target: String) throws(KinoraError) {
        guard target.utf8.first == UInt8(ascii: "/") else {
            throw KinoraError(.malformedRequest, "The request target must be a path.")
        }
        var path = target
        var query = Query()
        if let end = target.utf8.firstIndex(where: { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }) {
            path = String(target[..<end])
            let rest = target.utf8[end...].prefix { $0 != UInt8(ascii: "#") }
            query = try Query(Substring(rest.dropFirst()))
        }
        guard let segments = path.withUTF8(Self.segments) else {
            throw KinoraError(.malformedRequest, "The request path is malformed.")
        }
        self.segments = segments
        self.query = query
    }

    /// Nil when one of them is refused.
    private static func segments(_ path: UnsafeBufferPointer<UInt8>) -> [String]? {
        var segments: [String] = []
        var start = 0
        while start < path.count {
            let end = path[start...].firstIndex(of: UInt8(ascii: "/")) ?? path.count
            defer { start = end + 1 }
            guard end > start else { continue }
            guard let segment = segment(UnsafeBufferPointer(rebasing: path[start..<end])) else { return nil }
            segments.append(segment)
        }
        return segments
    }

    private static func segment(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
        let text = String(decoding: bytes, as: UTF8.self)
        // Few have anything to decode.
        guard let segment = bytes.contains(UInt8(ascii: "%")) ? PercentCoding.decode(text[...]) : text,
            segment != ".", segment != "..", !segment.utf8.contains(where: isRefused)
        else { return nil }
        return segment
    }

    private static func isRefused(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == 0x7F || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\")
    }
}

/// A query string or an urlencoded form: pairs in order, `+` is a blank.
public struct Query: Sendable, Equatable {
    public let pairs: [(name: String, value: String)]

    init() { pairs = [] }

    /// Throws `malformedRequest`, for more pairs than `Limits.queryPairsMax` before any is read.
    public init(_ text: Substring) throws(KinoraError) {
        var pairs: [(name: String, value: String)] = []
        let pieces = text.utf8.split(separator: UInt8(ascii: "&"), maxSplits: Limits.queryPairsMax)
        guard pieces.count <= Limits.queryPairsMax else {
            throw KinoraError(
                .malformedRequest, "A query or a form has at most \(Limits.queryPairsMax) pairs.")
        }
        for piece in pieces {
            let halves = piece.split(
                separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentCoding.decode(Substring(halves[0]), plusIsBlank: true),
                let value =
                    halves.count == 1 ? "" : PercentCoding.decode(Substring(halves[1]), plusIsBlank: true)
            else { throw KinoraError(.malformedRequest, "The query string is malformed.") }
            pairs.append((name, value))
        }
        self.pairs = pairs
    }

    /// The last value given for a name.
    public subscript(_ name: String) -> String? { pairs.last { $0.name == name }?.value }

    public static func == (a: Query, b: Query) -> Bool {
        a.pairs.elementsEqual(b.pairs) { $0.name == $1.name && $0.value == $1.value }
    }
}

/// Percent-encoding (RFC 3986).
public enum PercentCoding {
    /// Nil for a broken escape, for text that is no UTF-8 once decoded, and for a NUL.
    public static func decode(_ text: Substring, plusIsBlank: Bool = false) -> String? {
        let bytes = text.utf8
        // Few have anything to decode.
        guard bytes.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") || $0 == 0 }) else {
            return String(text)
        }
        var out: [UInt8] = []
        var iterator = bytes.makeIterator()
        func hex(_ byte: UInt8?) -> UInt8? {
            byte.flatMap { Character(Unicode.Scalar($0)).hexDigitValue }.map(UInt8.init)
        }
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = hex(iterator.next()), let low = hex(iterator.next()) else { return nil }
                out.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsBlank: out.append(0x20)
            default: out.append(byte)
            }
        }
        return out.contains(0) ? nil : String(validating: out, as: UTF8.self)
    }

    /// Encodes everything but unreserved characters: safe as a path segment and as a query value.
    public static func encode(_ text: String) -> String {
        var out = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                out.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                out += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return out
    }
}
