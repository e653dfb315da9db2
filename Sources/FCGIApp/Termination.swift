import Glibc

/// The signals that end the process. They end a command at once; a service blocks them in every thread, and
/// its main thread waits for them.
enum Termination {
    private static var signals: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGTERM)
        sigaddset(&set, SIGINT)
        return set
    }

    /// Must run before any thread starts: threads inherit the mask.
    static func block() {
        var set = signals
        pthread_sigmask(SIG_BLOCK, &set, nil)
        // A peer that is gone shows as a failed write.
        signal(SIGPIPE, SIG_IGN)
    }

    /// Lets the signals end the process at once. It has the mask of the thread that started it, and many a
    /// parent's threads have them blocked: all of libdispatch's, for one.
    static func unblock() {
        var set = signals
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    /// Blocks until the process is asked to end; gives the signal's name.
    static func wait() -> String {
        var set = signals
        var number: Int32 = 0
        while sigwait(&set, &number) != 0 {}
        return number == SIGINT ? "SIGINT" : "SIGTERM"
    }

    /// Tells systemd that the service is ready (sd_notify's protocol), where it asked to be told.
    static func notifyReady() {
        guard let path = getenv("NOTIFY_SOCKET").map({ String(cString: $0) }), path.utf8.count < 108 else {
            return
        }
        let fd = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { return }
        defer { close(fd) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        // A leading @ stands for an abstract socket.
        if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(fd, "READY=1", 7, 0, $0, length)
            }
        }
    }
}
