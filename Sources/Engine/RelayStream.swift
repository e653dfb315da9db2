import Core
import Upstream

/// An answer that is passed on event by event. Used by one thread at a time: the request's.
final class RelayStream: @unchecked Sendable {
    private let attempt: RelayAttempt
    private let reply: LiveReply
    private let vendor: any Vendor
    private var chat: ChatStream
    private var first: [UInt8]?
    private var hasBegun = false

    init(_ attempt: RelayAttempt, _ reply: LiveReply, _ vendor: any Vendor, _ chat: ChatStream) {
        self.attempt = attempt
        self.reply = reply
        self.vendor = vendor
        self.chat = chat
    }

    /// How long a model that thinks may leave its client without a byte: proxies on the way cut off a
    /// connection that is silent for long.
    private static let silenceMax = Duration.seconds(15)
    private static let stillAtWork = Array(": still at work\n\n".utf8)

    /// Waits for the first events. Throws what comes in their place: then another account may be tried.
    func begin() throws(KinoraError) {
        first = try read()
        hasBegun = true
    }

    /// The next events; nil at the end.
    func next() throws(KinoraError) -> [UInt8]? {
        defer { first = nil }
        do throws(KinoraError) {
            let events = if let first { first } else { try read() }
            // What is told to be the end is settled before the client hears of it.
            if chat.isDone { attempt.succeed(chat.usage ?? attempt.likely(output: chat.pieces)) }
            if events == nil { reply.close() }
            return events
        } catch {
            let error = reply.blotted(error)
            // Whoever left, or read until the time was over, has had what came by then.
            if [.clientGone, .taskDeadline].contains(error.code) {
                abandon()
            } else {
                attempt.failInTheMiddle(error)
            }
            throw error
        }
    }

    /// Nobody listens any more: the upstream need not go on.
    func abandon() {
        reply.close()
        let likely = attempt.likely(output: chat.pieces)
        // What a service tells before the end may be what it had counted by then, or nothing yet.
        let used = chat.usage.map {
            TokenUsage(
                input: $0.input > 0 ? $0.input : likely.input, output: max($0.output, likely.output))
        }
        attempt.end(used: used ?? likely)
    }

    /// Events for the client; nil once the last one was read. What the upstream sends after it is of no
    /// interest, but that it has ended: then its connection can be used again.
    private func read() throws(KinoraError) -> [UInt8]? {
        while !chat.isDone {
            try checkFault()
            // Before the first event there is no head to send a comment after.
            guard let bytes = try reply.next(within: hasBegun ? Self.silenceMax : nil) else {
                let rest = try chat.end()
                try checkFault()
                return rest.isEmpty ? nil : rest
            }
            if bytes.isEmpty { return Self.stillAtWork }
            let events = try chat.take(bytes)
            // What came before a fault is the client's; the fault comes with the next call.
            if !events.isEmpty { return events }
        }
        try? reply.drain()
        return nil
    }

    private func checkFault() throws(KinoraError) {
        guard let fault = chat.fault else { return }
        reply.close()
        _ = try vendor.relayed(reply.whole(fault))
        throw KinoraError(.upstreamServer, detail: "an event with an error")
    }
}
