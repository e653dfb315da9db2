#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Bounds of one multipart body. How much a part may hold is the receiver's to bound: only it knows whether
/// the part is a field kept in memory or a file written to disk.
public struct MultipartLimits: Sendable {
    /// Most parts a body may have.
    public var partsMax: Int
    /// Most bytes the header lines of one part may have together, their line ends included.
    public var headerBytesMax: Int
    /// Most bytes of a part's name. File names are bounded by `headerBytesMax` alone.
    public var nameBytesMax: Int

    public init(partsMax: Int = 64, headerBytesMax: Int = 8 << 10, nameBytesMax: Int = 256) {
        self.partsMax = partsMax
        self.headerBytesMax = headerBytesMax
        self.nameBytesMax = nameBytesMax
    }
}

/// What a multipart body is made of, in order: every part begins, has any number of stretches of content,
/// and ends.
public enum MultipartEvent {
    case began(PartHead)
    /// Never empty. The memory is the parser's or its caller's and is valid until `receive` returns.
    case bytes(UnsafeRawBufferPointer)
    case ended
}

/// Takes a multipart/form-data body (RFC 7578) apart as it arrives, in chunks of any size. Holds no content
/// back but a possible beginning of the next delimiter, of which it keeps the length and not the bytes.
///
/// Strict where readers could disagree: lines end with CRLF, a delimiter's line holds nothing else, a
/// header is not folded. What stands before the first and after the closing delimiter is skipped; the
/// caller bounds the body.
public struct MultipartParser {
    private enum State { case preamble, delimited, hyphen, padding, lineEnd, head, content, epilogue }

    private let limits: MultipartLimits
    /// CRLF, two hyphens, the boundary. CR stands at its beginning only, which is why a failed match never
    /// hides the beginning of another one.
    private let delimiter: [UInt8]
    private var state = State.preamble
    /// How much of the delimiter the bytes before this chunk end with.
    private var matched = 2
    /// How much of `matched` is no content: the line end of the part's head, or of nothing where the body
    /// begins.
    private var borrowed = 2
    private var head = PartHeadReader()
    private var partCount = 0

    /// Takes the boundary from the request's Content-Type. Throws `unsupportedMediaType` for a type other
    /// than multipart/form-data and `malformedRequest` for a boundary that is missing or not allowed.
    public init(contentType: String, limits: MultipartLimits = .init()) throws(KinoraError) {
        guard let type = HeaderValue(Array(contentType.utf8)) else {
            throw KinoraError(.malformedRequest, "The Content-Type header is malformed.")
        }
        guard type.kind == "multipart/form-data" else {
            throw KinoraError(.unsupportedMediaType, "The content type must be multipart/form-data.")
        }
        guard let boundary = type.parameters["boundary"] else {
            throw KinoraError(.malformedRequest, "The multipart Content-Type has no boundary.")
        }
        guard (1...70).contains(boundary.count), boundary.allSatisfy(Self.isAllowedInBoundary),
            boundary.last != UInt8(ascii: " ")
        else {
            throw KinoraError(
                .malformedRequest, "The multipart boundary must have 1 to 70 of the characters of RFC 2046.")
        }
        self.limits = limits
        delimiter = Array("\r\n--".utf8) + boundary
    }

    private static func isAllowedInBoundary(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "'()+_,-./:=? ".utf8.contains(byte)
        }
    }

    /// Reads the next bytes of the body and hands `receive` what they tell. After a throw, its own or
    /// `receive`'s, the body is lost and the parser must not be fed again.
    public mutating func feed(
        _ bytes: UnsafeRawBufferPointer, _ receive: (MultipartEvent) throws(KinoraError) -> Void
    ) throws(KinoraError) {
        var position = 0
        while position < bytes.count {
            switch state {
            case .preamble: position = try scan(bytes, from: position) { (_) throws(KinoraError) in }
            case .content: position = try scan(bytes, from: position, receive)
            case .epilogue: return
            case .delimited, .hyphen, .padding, .lineEnd:
                try readDelimiterLine(bytes[position])
                position += 1
            case .head:
                let byte = bytes[position]
                position += 1
                if let complete = try head.read(byte) {
                    (state, matched, borrowed) = (.content, 2, 2)
                    try receive(.began(complete))
                }
            }
        }
    }

    /// Throws when the body has ended before its closing delimiter.
    public func finish() throws(KinoraError) {
        guard case .epilogue = state else {
            throw KinoraError(.malformedRequest, "The multipart body ends before its closing boundary.")
        }
    }

    /// Passes content on up to the next delimiter or to the end of the chunk, and returns where it stopped.
    private mutating func scan(
        _ bytes: UnsafeRawBufferPointer, from start: Int,
        _ receive: (MultipartEvent) throws(KinoraError) -> Void
    ) throws(KinoraError) -> Int {
        var position = start
        if matched > 0 {
            let count = matchLength(bytes, from: position)
            position += count
            matched += count
            if matched == delimiter.count { return try endContent(at: position, receive) }
            if position == bytes.count { return position }
            try passMatched(receive)
        }
        let contentStart = position
        while let carriageReturn = firstCarriageReturn(bytes, from: position) {
            position = carriageReturn
            let count = matchLength(bytes, from: position)
            position += count
            guard count == delimiter.count || position == bytes.count else { continue }
            try pass(bytes, contentStart..<carriageReturn, receive)
            matched = count
            return count == delimiter.count ? try endContent(at: position, receive) : position
        }
        try pass(bytes, contentStart..<bytes.count, receive)
        return bytes.count
    }

    private func firstCarriageReturn(_ bytes: UnsafeRawBufferPointer, from position: Int) -> Int? {
        guard position < bytes.count, let base = bytes.baseAddress,
            let found = memchr(base + position, 0x0D, bytes.count - position)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }

    /// How many bytes from `position` on continue the delimiter after its first `matched`.
    private func matchLength(_ bytes: UnsafeRawBufferPointer, from position: Int) -> Int {
        let most = min(bytes.count - position, delimiter.count - matched)
        var count = 0
        while count < most, bytes[position + count] == delimiter[matched + count] { count += 1 }
        return count
    }

    private func pass(
        _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>,
        _ receive: (MultipartEvent) throws(KinoraError) -> Void
    ) throws(KinoraError) {
        if !range.isEmpty { try receive(.bytes(UnsafeRawBufferPointer(rebasing: bytes[range]))) }
    }

    /// What looked like a delimiter was content: it equals the delimiter's beginning, so that is what is
    /// passed on.
    private mutating func passMatched(
        _ receive: (MultipartEvent) throws(KinoraError) -> Void
    ) throws(KinoraError) {
        let range = borrowed..<matched
        (matched, borrowed) = (0, 0)
        try delimiter.withUnsafeBufferPointer { (buffer) throws(KinoraError) in
            try pass(UnsafeRawBufferPointer(buffer), range, receive)
        }
    }

    private mutating func endContent(
        at position: Int, _ receive: (MultipartEvent) throws(KinoraError) -> Void
    ) throws(KinoraError) -> Int {
        let wasContent = state == .content
        (state, matched, borrowed) = (.delimited, 0, 0)
        if wasContent { try receive(.ended) }
        return position
    }

    private mutating func readDelimiterLine(_ byte: UInt8) throws(KinoraError) {
        switch (state, byte) {
        case (.delimited, UInt8(ascii: "-")): state = .hyphen
        case (.hyphen, UInt8(ascii: "-")): state = .epilogue
        case (.delimited, 0x20), (.delimited, 0x09), (.padding, 0x20), (.padding, 0x09): state = .padding
        case (.delimited, 0x0D), (.padding, 0x0D): state = .lineEnd
        case (.lineEnd, 0x0A):
            partCount += 1
            guard partCount <= limits.partsMax else {
                throw KinoraError(
                    .malformedRequest, "The multipart body has more than \(limits.partsMax) parts.")
            }
            head = PartHeadReader(part: partCount, limits: limits)
            state = .head
        default:
            throw KinoraError(
                .malformedRequest, "A multipart boundary must be followed by CRLF, or by -- and the end.")
        }
    }
}
