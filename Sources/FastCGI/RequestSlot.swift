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
    func begin(on fd: Int32, _ mayHaveHungUp: Bool) -> Bool {
        if mayHaveHungUp {
            var byte: UInt8 = 0
            let peeked = recv(fd, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
            if peeked == 0 || (peeked < 0 && errno != EAGAIN && errno != EINTR) {
                close(fd)
                return false
            }
        }
        request.pointee.ipcFd = fd
        // With keepConnection 0 the finish at the beginning of FCGX_Accept_r would close the descriptor.
        request.pointee.keepConnection = 1
        return FCGX_Accept_r(request) == 0
    }

    /// Ends the request. Gives the descriptor back when it may carry another request, else closes it.
    func end(keeping: Bool) -> Int32? {
        if keeping || request.pointee.keepConnection == 0 { FCGX_Finish_r(request) } else { endForGood() }
        let fd = request.pointee.ipcFd
        // From here on the descriptor belongs to the parking lot; this slot must not close it.
        request.pointee.ipcFd = -1
        return fd >= 0 ? fd : nil
    }

    /// Ends the request on a connection that the peer would keep, and closes it. nginx keeps none that has
    /// bytes behind the end of a request (ngx_http_fastcgi_input_filter). So the end goes together with one
    /// byte more: a close that follows alone may cross with the next request, which would be lost.
    private func endForGood() {
        FCGX_FFlush(request.pointee.out)
        let id = UInt16(truncatingIfNeeded: request.pointee.requestId)
        let (high, low) = (UInt8(id >> 8), UInt8(id & 255))
        let endOfOutput: [UInt8] = [1, UInt8(FCGI_STDOUT), high, low, 0, 0, 0, 0]
        let endOfRequest: [UInt8] =
            [1, UInt8(FCGI_END_REQUEST), high, low, 0, 8, 0, 0] + [UInt8](repeating: 0, count: 8)
        _ = (endOfOutput + endOfRequest + [0]).withUnsafeBytes {
            send(request.pointee.ipcFd, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        FCGX_Free(request, 1)
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
