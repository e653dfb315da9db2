import CFastCGI
import Glibc

/// libfcgi's state of one request, owned by one thread and used again for the next.
final class RequestSlot {
    let request: UnsafeMutablePointer<FCGX_Request>

    init() {
        request = .allocate(capacity: 1)
        // No listening socket: Kinora accepts by itself. When a peer hangs up early libfcgi tries to accept
        // anew, gets EBADF at once, and gives the thread back instead of blocking it.
        FCGX_InitRequest(request, -1, 0)
    }

    deinit {
        FCGX_Free(request, 1)
        request.deallocate()
    }

    /// Reads a request's head from `fd`, which the slot then owns. False when the peer hung up: `fd` is
    /// closed.
    func begin(on fd: Int32) -> Bool {
        var byte: UInt8 = 0
        let peeked = recv(fd, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
        if peeked == 0 || (peeked < 0 && errno != EAGAIN && errno != EINTR) {
            close(fd)
            return false
        }
        request.pointee.ipcFd = fd
        // With keepConnection 0 the finish at the beginning of FCGX_Accept_r would close the descriptor.
        request.pointee.keepConnection = 1
        return FCGX_Accept_r(request) == 0
    }

    /// Ends the request. Gives the descriptor back when it may carry another request, else closes it.
    func end(keeping: Bool) -> Int32? {
        if !keeping { request.pointee.keepConnection = 0 }
        FCGX_Finish_r(request)
        let fd = request.pointee.ipcFd
        // From here on the descriptor belongs to the parking lot; this slot must not close it.
        request.pointee.ipcFd = -1
        return fd >= 0 ? fd : nil
    }
}

enum LibFCGI {
    /// libfcgi reads its environment once, at initialisation. Its defaults let a closing connection hold a
    /// thread for two seconds.
    private static let initialized: Void = {
        setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "50", 0)
        setenv("LIBFCGI_IS_AF_UNIX_KEEPER_POLL_TIMEOUT", "50", 0)
        FCGX_Init()
        // A peer that is gone shows as a failed write, not as the end of the process.
        signal(SIGPIPE, SIG_IGN)
    }()

    static func initializeOnce() { initialized }
}
