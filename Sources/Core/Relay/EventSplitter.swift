/// Cuts a stream of server-sent events (WHATWG HTML, 9.2) into whole events, wherever its bytes are torn
/// apart. They stay as they are: an event keeps its lines, its comments and the empty line that ends it.
public struct EventSplitter: Sendable {
    /// Most bytes of one event.
    public static let eventBytesMax = 4 << 20

    private var rest: [UInt8] = []
    /// Bytes of `rest` that were looked at.
    private var position = 0
    /// Where the line at `position` begins.
    private var lineStart = 0

    public init() {}

    /// The events that these bytes complete. Throws `upstreamProtocol` for one without an end.
    public mutating func take(_ bytes: [UInt8]) throws(KinoraError) -> [[UInt8]] {
        rest.append(contentsOf: bytes)
        var events: [[UInt8]] = []
        var eventStart = 0
        while let next = endOfLine() {
            let isEmpty = position == lineStart
            position = next
            lineStart = next
            guard isEmpty else { continue }
            events.append(Array(rest[eventStart..<next]))
            eventStart = next
        }
        if eventStart > 0 {
            rest.removeFirst(eventStart)
            position -= eventStart
            lineStart -= eventStart
        }
        guard rest.count <= Self.eventBytesMax else {
            throw KinoraError(
                .upstreamProtocol, detail: "an event is longer than \(Self.eventBytesMax) bytes")
        }
        return events
    }

    /// What came after the last whole event, once nothing more will come.
    public mutating func takeRest() -> [UInt8] {
        defer { self = EventSplitter() }
        return rest
    }

    /// Moves to the end of the line. Gives where the next one begins; nil when that has not come yet: behind
    /// a carriage return a line feed may follow, and belongs to it.
    private mutating func endOfLine() -> Int? {
        while position < rest.count {
            switch rest[position] {
            case 0x0A: return position + 1
            case 0x0D:
                guard position + 1 < rest.count else { return nil }
                return rest[position + 1] == 0x0A ? position + 2 : position + 1
            default: position += 1
            }
        }
        return nil
    }

    /// The data of an event: its `data` lines, with line feeds between them. Nil when it has none.
    public static func data(of event: [UInt8]) -> [UInt8]? {
        var data: [UInt8]?
        for line in event.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
            guard line.starts(with: Self.field) else { continue }
            var value = line.dropFirst(Self.field.count)
            if value.first == 0x20 { value = value.dropFirst() }
            data = data.map { $0 + [0x0A] + value } ?? Array(value)
        }
        return data
    }

    private static let field = Array("data:".utf8)
}
