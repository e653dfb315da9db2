public import Core

/// Takes the media out of a vendor's JSON reply as it is read: the text of members of certain names is
/// decoded from base64, and a number stands in its place, counted from 0. What is left is short. An empty
/// text is no medium, and stays: gateways write one beside an address.
public struct MediaCutter: Sendable {
    public enum Event {
        case media([UInt8])
        case mediaEnded
    }

    private enum State { case plain, string, opened, media }

    private let names: [[UInt8]]
    private let restBytesMax: Int
    /// The reply without its media.
    public private(set) var rest: [UInt8] = []
    private var state = State.plain
    private var isEscaped = false
    /// The last string, as far as it may be a name that counts.
    private var lastString: [UInt8] = []
    private var isAfterColon = false
    private var decoder = Base64.Decoder()
    private var count = 0

    public init(names: Set<String>, restBytesMax: Int = Limits.vendorReplyBytesMax) {
        self.names = names.map { Array($0.utf8) }
        self.restBytesMax = restBytesMax
    }

    private static let quote = UInt8(ascii: "\""), backslash = UInt8(ascii: "\\"), colon = UInt8(ascii: ":")

    /// Reads the next bytes of the reply. Throws `upstreamProtocol` for text that is no base64 and for a
    /// reply that is long without its media, and what `receive` throws.
    public mutating func feed(
        _ bytes: UnsafeRawBufferPointer, _ receive: (Event) throws(KinoraError) -> Void
    ) throws(KinoraError) {
        var position = 0
        while position < bytes.count {
            switch state {
            case .opened: position += try begin(bytes[position])
            case .media: position = try readMedia(bytes, from: position, receive)
            case .plain, .string:
                try read(bytes[position])
                position += 1
            }
        }
    }

    /// Throws when the reply ends within media.
    public func finish() throws(KinoraError) {
        guard state != .media, state != .opened else { throw Self.fault("it ends within its media") }
    }

    private static func fault(_ what: String) -> KinoraError {
        KinoraError(.upstreamProtocol, detail: "the reply makes no sense: \(what)")
    }

    private mutating func keep(_ byte: UInt8) throws(KinoraError) {
        guard rest.count < restBytesMax else { throw Self.fault("it is too long without its media") }
        rest.append(byte)
    }

    private mutating func read(_ byte: UInt8) throws(KinoraError) {
        switch (state, byte) {
        case (.string, _) where isEscaped:
            isEscaped = false
            try keep(byte)
        case (.string, Self.backslash):
            isEscaped = true
            // A name with an escape is none that counts.
            lastString = []
            try keep(byte)
        case (.string, Self.quote):
            state = .plain
            try keep(byte)
        case (.string, _):
            if lastString.count < 64 { lastString.append(byte) }
            try keep(byte)
        case (_, Self.quote) where isAfterColon && names.contains(lastString):
            (state, isAfterColon) = (.opened, false)
        case (_, Self.quote):
            (state, isAfterColon, lastString) = (.string, false, [])
            try keep(byte)
        default:
            let isBlank = byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
            isAfterColon = byte == Self.colon || isAfterColon && isBlank
            try keep(byte)
        }
    }

    /// Looks at the first byte behind the quote, and returns how many bytes that took: none, where media
    /// begin with it.
    private mutating func begin(_ byte: UInt8) throws(KinoraError) -> Int {
        guard byte == Self.quote else {
            (state, decoder) = (.media, Base64.Decoder())
            for digit in String(count).utf8 { try keep(digit) }
            count += 1
            return 0
        }
        state = .plain
        try keep(Self.quote)
        try keep(Self.quote)
        return 1
    }

    /// Decodes up to the end of the text or of the chunk, and returns where it stopped.
    private mutating func readMedia(
        _ bytes: UnsafeRawBufferPointer, from start: Int, _ receive: (Event) throws(KinoraError) -> Void
    ) throws(KinoraError) -> Int {
        if isEscaped {
            isEscaped = false
            // Some write "/" as "\/", and break lines.
            guard [UInt8(ascii: "/"), UInt8(ascii: "n"), UInt8(ascii: "r")].contains(bytes[start]) else {
                throw Self.fault("its media are no base64")
            }
            if bytes[start] == UInt8(ascii: "/") { try decode(CollectionOfOne(bytes[start]), receive) }
            return start + 1
        }
        let end =
            bytes[start...].firstIndex { $0 == Self.quote || $0 == Self.backslash } ?? bytes.count
        if end > start { try decode(bytes[start..<end], receive) }
        guard end < bytes.count else { return end }
        if bytes[end] == Self.backslash {
            isEscaped = true
        } else {
            guard decoder.isWhole else { throw Self.fault("its media are no base64") }
            state = .plain
            try receive(.mediaEnded)
        }
        return end + 1
    }

    private mutating func decode(
        _ text: some Sequence<UInt8>, _ receive: (Event) throws(KinoraError) -> Void
    ) throws(KinoraError) {
        var decoded: [UInt8] = []
        guard decoder.feed(text, into: &decoded) else { throw Self.fault("its media are no base64") }
        if !decoded.isEmpty { try receive(.media(decoded)) }
    }
}
