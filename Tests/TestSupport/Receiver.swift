public import Core
import Glibc
import Synchronization

/// An HTTP server on the loopback that receives messages, as somebody's own service would. One request for
/// each connection.
public final class Receiver: Sendable {
    /// What came, as it came over the wire.
    public struct Message: Sendable {
        public let method: String
        public let path: String
        /// Lower-case names.
        public let headers: [String: String]
        public let body: String
    }

    /// An answer; nil: none, until the receiver is stopped.
    public typealias Answer = @Sendable (Message) -> String?

    public let port: UInt16
    public let received = Happening<Message>()
    private let listener: Int32
    private let answer: Mutex<Answer>
    private let open = Mutex<[Int32]>([])
    private let threads = Mutex<[Thread]>([])
    private let hasStopped = Atomic<Bool>(false)

    /// Answers with 204, until told otherwise.
    public init() throws(KinoraError) {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let isListening = withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!
            var length = socklen_t(bytes.count)
            return bind(descriptor, pointer, length) == 0 && listen(descriptor, 256) == 0
                && getsockname(descriptor, pointer, &length) == 0
        }
        guard isListening else { throw KinoraError(.internalFault, detail: "listen: \(errno)") }
        listener = descriptor
        port = UInt16(bigEndian: address.sin_port)
        answer = Mutex { _ in Self.reply(204) }
        let acceptor = try Thread { [self] in accept() }
        threads.withLock { $0.append(acceptor) }
    }

    public var place: String { "127.0.0.1:\(port)" }
    public var url: String { "http://\(place)/hook" }

    public static func reply(_ status: Int, _ body: String = "", headers: String = "") -> String {
        "HTTP/1.1 \(status) Whatever\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n"
            + "\(headers)\r\n\(body)"
    }

    public func answers(_ answer: @escaping Answer) { self.answer.withLock { $0 = answer } }

    /// Waits until so many messages came.
    public func waits(for count: Int, within limit: Duration = patience) -> Bool {
        received.wait(within: limit) { $0.count >= count }
    }

    private func accept() {
        while case let descriptor = Glibc.accept(listener, nil, nil), descriptor >= 0 {
            open.withLock { $0.append(descriptor) }
            let thread = try? Thread { [self] in serve(descriptor) }
            if let thread { threads.withLock { $0.append(thread) } }
        }
    }

    private func serve(_ descriptor: Int32) {
        guard let message = Self.read(descriptor) else { return }
        let answer = answer.withLock { $0 }(message)
        received.note(message)
        guard let answer else { return }
        let bytes = Array(answer.utf8)
        _ = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL)) }
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    private static func read(_ descriptor: Int32) -> Message? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            if let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) {
                let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
                let lines = head.split(separator: "\r\n")
                let headers = lines.dropFirst().map { line in
                    let parts = line.split(separator: ":", maxSplits: 1)
                    return (parts[0].lowercased(), String((parts.last ?? "").drop { $0 == " " }))
                }
                let words = lines[0].split(separator: " ")
                let message = Message(
                    method: String(words[0]), path: String(words[1]),
                    headers: Dictionary(headers) { $1 },
                    body: String(decoding: bytes[end.upperBound...], as: UTF8.self))
                let length = message.headers["content-length"].flatMap { Int($0) } ?? 0
                if bytes.count - end.upperBound >= length { return message }
            }
            let count = recv(descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { return nil }
            bytes += chunk[..<count]
        }
    }

    /// Ends the connections that stand, answered or not.
    public func cut() {
        for descriptor in open.withLock({ $0 }) { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }

    /// Ends every connection and takes no more. Once: what is closed has its number no more.
    public func stop() {
        guard !hasStopped.exchange(true, ordering: .acquiringAndReleasing) else { return }
        shutdown(listener, Int32(SHUT_RDWR))
        let deadline = ContinuousClock.now + patience
        // Nobody may accept from a listener that has got the same number by then.
        _ = threads.withLock { $0.first }?.join(until: deadline)
        close(listener)
        cut()
        for thread in threads.withLock({ $0 }) { _ = thread.join(until: deadline) }
        for descriptor in open.withLock({ $0 }) { close(descriptor) }
    }
}
