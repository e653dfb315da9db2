import Core
import Glibc
import Synchronization
import TestSupport

/// What a client sent, as it came over the wire.
struct LoopbackRequest: Sendable {
    /// Which connection brought it, from 1.
    let connection: Int
    /// Request line and headers, without the blank line.
    let head: String
    /// The body, as much of it as was to be kept.
    let body: [UInt8]
    /// Length of the whole body.
    let bodyBytes: Int

    var line: String { String(head.prefix { !$0.isNewline }) }
    var text: String { String(decoding: body, as: UTF8.self) }

    /// Values of a header, in order.
    func values(of name: String) -> [String] {
        head.split(separator: "\r\n").dropFirst().compactMap { line in
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            guard line[..<colon].lowercased() == name.lowercased() else { return nil }
            return String(line[colon...].dropFirst().drop { $0 == " " })
        }
    }
}

/// The server's end of one connection. Reads and writes block; the peer's end of it unblocks them.
final class LoopbackConnection: Sendable {
    let number: Int
    private let descriptor: Mutex<Int32?>
    private let requests: Happening<LoopbackRequest>
    private let unread = Mutex<[UInt8]>([])

    init(_ descriptor: Int32, number: Int, _ requests: Happening<LoopbackRequest>) {
        self.number = number
        self.descriptor = Mutex(descriptor)
        self.requests = requests
    }

    /// Reads a whole request and notes it; nil when the client closed instead. Of longer bodies only the
    /// beginning is kept.
    func readRequest(keeping bytesMax: Int = 1 << 20) -> LoopbackRequest? {
        guard let head = readHead() else { return nil }
        let length = LoopbackRequest(connection: number, head: head, body: [], bodyBytes: 0)
            .values(of: "content-length").first.flatMap(Int.init)
        var kept: [UInt8] = []
        var left = length ?? 0
        while left > 0 {
            let chunk = unread.withLock { buffer in
                let chunk = Array(buffer.prefix(left))
                buffer.removeFirst(chunk.count)
                return chunk
            }
            if chunk.isEmpty {
                guard receive(atMost: left) else { return nil }
                continue
            }
            left -= chunk.count
            kept += chunk.prefix(bytesMax - kept.count)
        }
        let request = LoopbackRequest(connection: number, head: head, body: kept, bodyBytes: length ?? 0)
        requests.note(request)
        return request
    }

    /// Reads up to the blank line; nil when the client closed before it.
    func readHead() -> String? {
        let end = Array("\r\n\r\n".utf8)
        while true {
            let head = unread.withLock { buffer -> [UInt8]? in
                guard let range = buffer.firstRange(of: end) else { return nil }
                defer { buffer.removeSubrange(..<range.upperBound) }
                return Array(buffer[..<range.lowerBound])
            }
            if let head { return String(decoding: head, as: UTF8.self) }
            guard receive(atMost: 1 << 16) else { return nil }
        }
    }

    /// Counts a request of which only the head was read.
    func note(_ head: String) {
        requests.note(LoopbackRequest(connection: number, head: head, body: [], bodyBytes: 0))
    }

    /// Reads and throws away until the client closes.
    func waitForEnd() {
        while receive(atMost: 1 << 16) { unread.withLock { $0 = [] } }
    }

    private func receive(atMost count: Int) -> Bool {
        guard let descriptor = descriptor.withLock({ $0 }) else { return false }
        var chunk = [UInt8](repeating: 0, count: min(count, 1 << 16))
        let received = recv(descriptor, &chunk, chunk.count, 0)
        guard received > 0 else { return false }
        unread.withLock { $0 += chunk[..<received] }
        return true
    }

    /// False when the client is gone.
    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        guard let descriptor = descriptor.withLock({ $0 }) else { return false }
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return false }
            rest = rest.dropFirst(sent)
        }
        return true
    }

    /// Says that nothing more will come, and goes on reading.
    func endSending() {
        if let descriptor = descriptor.withLock({ $0 }) { shutdown(descriptor, Int32(SHUT_WR)) }
    }

    /// Wakes whoever reads or writes here; the script then closes.
    func cut() {
        if let descriptor = descriptor.withLock({ $0 }) { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }

    /// Ends with a reset instead of an orderly close.
    func reset() {
        descriptor.withLock { descriptor in
            guard let open = descriptor else { return }
            var immediate = linger(l_onoff: 1, l_linger: 0)
            setsockopt(open, SOL_SOCKET, SO_LINGER, &immediate, socklen_t(MemoryLayout<linger>.size))
            Glibc.close(open)
            descriptor = nil
        }
    }

    func close() {
        descriptor.withLock { descriptor in
            if let open = descriptor { Glibc.close(open) }
            descriptor = nil
        }
    }
}
