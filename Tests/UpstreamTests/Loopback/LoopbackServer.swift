import Core
import Glibc
import Synchronization
import TestSupport

/// A TCP server on the loopback that does to each connection what a test tells it to. Real sockets, so that
/// what is proved of the transport is proved of curl itself.
final class LoopbackServer: Sendable {
    private let listener: Int32
    let port: UInt16
    /// As it stands in a URL.
    let host: String
    private let open = Mutex<[LoopbackConnection]>([])
    private let threads = Mutex<[Thread]>([])

    /// Connections that were accepted.
    let accepted = Happening<Int>()
    /// Requests that were read to their end, on whichever connection.
    let requests = Happening<LoopbackRequest>()

    struct SocketError: Error { let call: String, number: Int32 }

    /// `script` runs once for each connection, on a thread of its own, and ends it by returning. `onIPv6`
    /// listens on ::1; where the machine has no IPv6, on 127.0.0.1 all the same.
    init(onIPv6: Bool = false, _ script: @escaping @Sendable (LoopbackConnection) -> Void) throws {
        guard let bound = onIPv6 ? Self.listenIPv6() ?? Self.listenIPv4() : Self.listenIPv4() else {
            throw SocketError(call: "listen", number: errno)
        }
        (listener, port, host) = bound
        let acceptor = try Thread { [self] in accept(script) }
        threads.withLock { $0.append(acceptor) }
    }

    private static func listenIPv4() -> (Int32, UInt16, String)? {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return listen(AF_INET, &address).map { ($0, UInt16(bigEndian: address.sin_port), "127.0.0.1") }
    }

    private static func listenIPv6() -> (Int32, UInt16, String)? {
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_addr = in6addr_loopback
        return listen(AF_INET6, &address).map { ($0, UInt16(bigEndian: address.sin6_port), "[::1]") }
    }

    /// Listens on any free port and writes it into `address`.
    private static func listen(_ family: Int32, _ address: inout some Any) -> Int32? {
        guard let descriptor = bind(family, &address) else { return nil }
        guard Glibc.listen(descriptor, 256) == 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    /// Takes any free port and writes it into `address`.
    static func bind(_ family: Int32, _ address: inout some Any) -> Int32? {
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        return withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!
            var length = socklen_t(bytes.count)
            guard Glibc.bind(descriptor, pointer, length) == 0,
                getsockname(descriptor, pointer, &length) == 0
            else {
                close(descriptor)
                return nil
            }
            return descriptor
        }
    }

    /// Answers every request of every connection by a function of it.
    static func answering(
        _ answer: @escaping @Sendable (LoopbackRequest) -> String
    ) throws -> LoopbackServer {
        try LoopbackServer { connection in
            while let request = connection.readRequest() { connection.send(answer(request)) }
        }
    }

    private func accept(_ script: @escaping @Sendable (LoopbackConnection) -> Void) {
        while true {
            let descriptor = Glibc.accept(listener, nil, nil)
            guard descriptor >= 0 else { return }
            let connection = open.withLock { open in
                let connection = LoopbackConnection(descriptor, number: open.count + 1, requests)
                open.append(connection)
                return connection
            }
            accepted.note(connection.number)
            let thread = try? Thread {
                script(connection)
                connection.close()
            }
            if let thread { threads.withLock { $0.append(thread) } }
        }
    }

    /// Takes no more connections, ends the open ones and waits for their scripts.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        let deadline = ContinuousClock.now + patience
        // Nobody may accept from a listener that has got the same number by then.
        _ = threads.withLock { $0.first }?.join(until: deadline)
        close(listener)
        open.withLock { $0 }.forEach { $0.cut() }
        for thread in threads.withLock({ $0 }) { _ = thread.join(until: deadline) }
    }
}

/// A port of the loopback that nobody listens on, nor can: it is taken as long as this lives.
final class ClosedPort: Sendable {
    let number: UInt16
    private let descriptor: Int32

    init() throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        guard let descriptor = LoopbackServer.bind(AF_INET, &address) else {
            throw LoopbackServer.SocketError(call: "bind", number: errno)
        }
        self.descriptor = descriptor
        number = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(descriptor) }
}
