import CFastCGI
import Core
import Glibc

/// Where connections wait between requests. One epoll set holds the listening socket and every idle kept
/// connection; a free thread takes whatever becomes readable. So a connection that nginx keeps open costs no
/// thread, however many there are (docs/decisions/0003-parking.md).
final class ParkingLot: Sendable {
    enum Arrival {
        /// Somebody connects to the listening socket.
        case newConnection
        /// A kept connection has bytes, or its end; that, or both, where the peer may have hung up.
        case connection(Int32, mayHaveHungUp: Bool)
        case closed
    }

    private let epoll: Int32
    private let listening: Int32
    /// Readable for good once the lot is closed: wakes every waiting thread.
    private let gate: Int32

    init(listening: Int32) throws(KinoraError) {
        self.listening = listening
        epoll = kn_epoll_create()
        gate = kn_epoll_gate()
        guard epoll >= 0, gate >= 0,
            // Level-triggered, and waking every thread, is what closing wants.
            kn_epoll_set(epoll, EPOLL_CTL_ADD, gate, UInt32(KN_EPOLL_READABLE)) == 0,
            kn_epoll_set(epoll, EPOLL_CTL_ADD, listening, UInt32(KN_EPOLL_READABLE_ONCE)) == 0
        else { throw KinoraError(.configuration, "epoll: \(String(cString: strerror(errno)))") }
    }

    deinit {
        Glibc.close(epoll)
        Glibc.close(gate)
    }

    /// Blocks until there is something to do.
    func next() -> Arrival {
        while true {
            var mayHaveHungUp = false
            let fd = kn_epoll_next(epoll, &mayHaveHungUp)
            if fd >= 0 { return arrival(on: fd, mayHaveHungUp) }  // else a signal came
        }
    }

    private func arrival(on fd: Int32, _ mayHaveHungUp: Bool) -> Arrival {
        switch fd {
        case gate: .closed
        case listening: .newConnection
        default: .connection(fd, mayHaveHungUp: mayHaveHungUp)
        }
    }

    /// After `close`: what has arrived all the same; nil when nothing has so far.
    func straggler() -> Arrival? {
        var ready: (Int32, Int32) = (gate, gate)
        // The gate is always among what is ready, so that two are needed to see anything else.
        _ = withUnsafeMutablePointer(to: &ready) { pair in
            pair.withMemoryRebound(to: Int32.self, capacity: 2) { kn_epoll_ready(epoll, $0) }
        }
        let others = [ready.0, ready.1].filter { $0 != gate }
        if others.count == 2 { putBack(others[1]) }
        return others.first.map { arrival(on: $0, true) }
    }

    private func putBack(_ fd: Int32) {
        if fd == listening { rearmListening() } else { _ = park(fd, isNew: false) }
    }

    /// Lets the next thread see new connections. EPOLLONESHOT keeps a burst from waking all of them.
    func rearmListening() {
        _ = kn_epoll_set(epoll, EPOLL_CTL_MOD, listening, UInt32(KN_EPOLL_READABLE_ONCE))
    }

    /// Puts a connection to wait. False when that failed: then it must be closed.
    func park(_ fd: Int32, isNew: Bool) -> Bool {
        kn_epoll_set(
            epoll, isNew ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, UInt32(KN_EPOLL_CONNECTION_ONCE)) == 0
    }

    /// Lets every thread know, now and whenever it looks again.
    func close() {
        var one: UInt64 = 1
        _ = write(gate, &one, 8)
    }
}
