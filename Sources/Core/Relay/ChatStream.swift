/// Follows a chat that is streamed: keeps count of what was used, leaves out what the client did not ask for,
/// and knows whether the answer came to its end.
public struct ChatStream: Sendable {
    /// What the upstream says was used; nil: it has not said so.
    public private(set) var usage: TokenUsage?
    /// Events with a piece of the answer. Usually that is a token each.
    public private(set) var pieces: Int64 = 0
    /// The data of an event that says the upstream has failed.
    public private(set) var fault: [UInt8]?
    /// Whether the last event was sent on.
    public private(set) var isDone = false
    private var hasFinished = false
    private let wantsUsage: Bool
    private var splitter = EventSplitter()

    /// `wantsUsage`: the client asked for the event that says what was used.
    public init(wantsUsage: Bool) { self.wantsUsage = wantsUsage }

    /// What of these bytes goes to the client. Nothing does from a fault on, or after the end.
    public mutating func take(_ bytes: [UInt8]) throws(KinoraError) -> [UInt8] {
        var out: [UInt8] = []
        for event in try splitter.take(bytes) where !isDone && fault == nil && heed(event) { out += event }
        return out
    }

    /// What goes to the client when nothing more comes. Throws `upstreamUnreachable` when that is too early.
    public mutating func end() throws(KinoraError) -> [UInt8] {
        var out: [UInt8] = []
        let rest = splitter.takeRest()
        // The empty line after the last event may be missing.
        if !isDone, fault == nil, EventSplitter.data(of: rest) != nil, heed(rest) {
            out = rest + [0x0A, 0x0A]
        }
        if fault != nil || isDone { return out }
        guard hasFinished else {
            throw KinoraError(.upstreamUnreachable, detail: "the stream ended in the middle")
        }
        isDone = true
        return out + Self.done
    }

    private static let done = Array("data: [DONE]\n\n".utf8)
    private static let doneData = Array("[DONE]".utf8)
    private static let usageName = Array("\"usage\"".utf8)
    private static let errorName = Array("\"error\"".utf8)
    private static let finishName = Array("\"finish_reason\"".utf8)
    private static let choicesName = Array("\"choices\"".utf8)

    /// Whether the event goes to the client. Only what must be known is taken apart, and that is seldom.
    private mutating func heed(_ event: [UInt8]) -> Bool {
        if Self.value(of: Self.errorName, in: event) {
            let data = EventSplitter.data(of: event) ?? []
            if let outline = try? JSONOutline(data), outline.has("error") {
                fault = data
                return false
            }
        }
        if event.count < 40, EventSplitter.data(of: event) == Self.doneData {
            isDone = true
            return true
        }
        if Self.value(of: Self.finishName, in: event) { hasFinished = true }
        if event.firstRange(of: Self.choicesName) != nil { pieces += 1 }
        guard Self.value(of: Self.usageName, in: event), let data = EventSplitter.data(of: event),
            let outline = try? JSONOutline(data)
        else { return true }
        if let told = TokenUsage((try? outline.value("usage")) ?? nil) { usage = told }
        // With the usage come no choices, unless a service puts it into the last piece.
        let choices = (try? outline.value("choices")) ?? nil
        guard choices?.arrayValue?.isEmpty == true else { return true }
        pieces -= 1
        return wantsUsage
    }

    /// Whether a name stands in the event with a value other than null. Text that looks so is looked at
    /// twice.
    private static func value(of name: [UInt8], in event: [UInt8]) -> Bool {
        var rest = event[...]
        while let found = rest.firstRange(of: name) {
            rest = rest[found.upperBound...]
            let value = rest.drop { $0 == 0x20 || $0 == 0x09 }
            guard value.first == UInt8(ascii: ":") else { continue }
            if value.dropFirst().first(where: { $0 != 0x20 && $0 != 0x09 }) != UInt8(ascii: "n") {
                return true
            }
        }
        return false
    }
}
