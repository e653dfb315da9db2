import CFastCGI
import Core
import Glibc
import Synchronization

/// A listening Unix socket. Only nginx may speak to it: mode 0660, never a TCP port.
final class Listener: Sendable {
    let descriptor: Int32
    let path: String
    private let isRefusing = Atomic<Bool>(false)

    /// Binds `path` anew, replacing a socket that a dead process left behind. Throws `configuration`.
    init(path: String) throws(KinoraError) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let room = MemoryLayout.size(ofValue: address.sun_path) - 1
        guard bytes.count <= room else {
            throw KinoraError(
                .configuration, "The socket path is longer than \(room) bytes: \(path)")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        if Listener.answers(at: &address) {
            throw KinoraError(.configuration, "Another process already serves \(path).")
        }
        unlink(path)
        let fd = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard fd >= 0 else { throw Listener.fault("socket", path) }
        // Nobody can connect before listen(), so the mode holds for whoever does. umask() would set it too,
        // but for every file that another thread makes at the same moment.
        guard Listener.withAddress(&address, { bind(fd, $0, $1) }) == 0, chmod(path, 0o660) == 0,
            listen(fd, 4096) == 0
        else {
            let error = Listener.fault("bind", path)
            close(fd)
            throw error
        }
        self.descriptor = fd
        self.path = path
    }

    deinit {
        refuse()
        close(descriptor)
    }

    enum Accepted {
        /// Blocking from here on.
        case connection(Int32)
        /// Another thread took it, or the peer is gone.
        case nobody
        /// No descriptor is left, or no memory: it keeps waiting.
        case noRoom
    }

    /// The next waiting connection.
    func accept() -> Accepted {
        let fd = kn_accept(descriptor)
        if fd >= 0 { return .connection(fd) }
        return [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(errno) ? .noRoom : .nobody
    }

    /// Nobody can connect from now on. Whoever has connected already can still be accepted.
    func refuse() {
        // Once only: the path may belong to a successor by now.
        guard !isRefusing.exchange(true, ordering: .acquiringAndReleasing) else { return }
        unlink(path)
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    private static func fault(_ call: String, _ path: String) -> KinoraError {
        KinoraError(.configuration, "Cannot listen on \(path): \(call): \(String(cString: strerror(errno)))")
    }

    private static func withAddress(
        _ address: inout sockaddr_un, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private static func answers(at address: inout sockaddr_un) -> Bool {
        let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard probe >= 0 else { return false }
        defer { close(probe) }
        return withAddress(&address) { connect(probe, $0, $1) } == 0
    }
}
