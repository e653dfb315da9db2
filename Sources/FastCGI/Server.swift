import CFastCGI
import Glibc
import Synchronization
public import Core

/// What answers requests. Called on a thread of the server's own; may block.
public protocol Handler: Sendable {
    func handle(_ connection: Connection)
}

/// A FastCGI server on one Unix socket: threads with one request each at a time. There are as many as were
/// ever needed at once, within bounds.
public final class Server: Sendable {
    public struct Options: Sendable {
        public var socketPath: String
        /// Threads from the start, and the most there will be.
        public var threads: Int
        public var threadsMax: Int
        /// A peer that neither sends nor takes bytes for this long is dropped.
        public var peerSilenceSecondsMax = 30
        /// Stack of each thread: deep enough for the JSON parser at its depth limit, several times over.
        public var stackBytes = 512 << 10
        /// Whether all request headers are copied (the sandbox), or only those that Kinora reads.
        public var copiesAllHeaders = false

        public init(socketPath: String, threads: Int) {
            self.socketPath = socketPath
            self.threads = threads
            threadsMax = threads
        }
    }

    private let options: Options
    private let listener: Listener
    private let lot: ParkingLot
    private let handler: any Handler
    private let threads: Mutex<[Thread]> = Mutex([])
    private let isDraining = Atomic<Bool>(false)
    private let busy = Atomic<Int>(0)
    /// Connections that are open, whether a request is on them or not.
    private let connections = Atomic<Int>(0)
    /// Threads that wait for something to do.
    private let idle = Atomic<Int>(0)

    /// Binds the socket. Throws `configuration`, naming the path and the reason.
    public init(_ options: Options, handler: any Handler) throws(KinoraError) {
        LibFCGI.initializeOnce()
        self.options = options
        self.handler = handler
        listener = try Listener(path: options.socketPath)
        lot = try ParkingLot(listening: listener.descriptor)
    }

    /// Starts the threads and returns.
    public func start() throws(KinoraError) {
        for _ in 0..<options.threads { try addThread() }
    }

    private func addThread() throws(KinoraError) {
        let thread = try Thread(stackBytes: options.stackBytes) { [self] in loop() }
        threads.withLock { $0.append(thread) }
    }

    /// The last idle thread is about to be busy: the next request must find another one. A few too many may
    /// be added at once, which does no harm.
    private func keepOneIdle() {
        guard options.threadsMax > options.threads, idle.load(ordering: .relaxed) == 0,
            threads.withLock({ $0.count }) < options.threadsMax
        else { return }
        // Without another thread the request waits for one that is done.
        try? addThread()
    }

    /// glibc gives every thread an allocator arena of its own; with a hundred threads that is memory held for
    /// nothing. With a few they wait for each other at every turn (docs/decisions/0015-relay.md). Call before
    /// the first thread starts.
    public static func limitAllocatorArenas() { kn_limit_arenas(8) }

    /// Requests being answered right now.
    public var requestsInProgress: Int { busy.load(ordering: .relaxed) }

    /// Lets nobody connect any more. Who is connected may still send a request.
    public func close() {
        isDraining.store(true, ordering: .releasing)
        listener.refuse()
        lot.close()
    }

    /// Closes, lets accepted requests finish, and returns when all threads ended or the time is over. True
    /// when everything finished.
    public func drain(within limit: Duration) -> Bool {
        close()
        let deadline = ContinuousClock.now + limit
        return threads.withLock { $0 }.allSatisfy { $0.join(until: deadline) }
    }

    private func loop() {
        let slot = RequestSlot()
        while true {
            idle.add(1, ordering: .relaxed)
            let arrival = lot.next()
            idle.subtract(1, ordering: .relaxed)
            if case .closed = arrival { return serveStragglers(in: slot) }
            take(arrival, in: slot)
        }
    }

    /// How long peers may take to let go of the connections that they keep; nginx takes half a second
    /// (`keepalive_timeout` of its upstreams). One that is closed from this side may be given a request at
    /// that moment, which would be lost.
    private static let lastCall = Duration.seconds(2)

    /// Nobody new can connect and nobody served is kept, so this ends.
    private func serveStragglers(in slot: RequestSlot) {
        let end = ContinuousClock.now + Self.lastCall
        let pause = Signal()
        while true {
            if let arrival = lot.straggler() {
                take(arrival, in: slot)
            } else if connections.load(ordering: .acquiring) > 0, ContinuousClock.now < end {
                _ = pause.wait(for: .milliseconds(5))
            } else {
                return
            }
        }
    }

    private func take(_ arrival: ParkingLot.Arrival, in slot: RequestSlot) {
        switch arrival {
        case .newConnection: acceptOne()
        case .connection(let fd, let mayHaveHungUp): serve(fd, mayHaveHungUp, in: slot)
        case .closed: break
        }
    }

    private func acceptOne() {
        switch listener.accept() {
        case .connection(let fd):
            lot.rearmListening()
            admit(fd)
        case .nobody:
            // A closed socket counts as readable for ever: there is nothing more to come.
            if !isDraining.load(ordering: .acquiring) { lot.rearmListening() }
        case .noRoom:
            // Until somebody hangs up, looking again at once would only burn time.
            _ = Signal().wait(for: .milliseconds(20))
            lot.rearmListening()
        }
    }

    /// A new connection waits in the lot until its request arrives: connecting alone costs no thread.
    private func admit(_ fd: Int32) {
        var limit = timeval(tv_sec: options.peerSilenceSecondsMax, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        connections.add(1, ordering: .relaxed)
        if !lot.park(fd, isNew: true) { close(fd) }
    }

    private func close(_ fd: Int32) {
        Glibc.close(fd)
        noteClosed()
    }

    private func noteClosed() { connections.subtract(1, ordering: .releasing) }

    private func serve(_ fd: Int32, _ mayHaveHungUp: Bool, in slot: RequestSlot) {
        keepOneIdle()
        guard slot.begin(on: fd, mayHaveHungUp) else { return noteClosed() }
        busy.add(1, ordering: .relaxed)
        let connection = Connection(slot: slot, copiesAllHeaders: options.copiesAllHeaders)
        handler.handle(connection)
        let mayKeep = connection.finish() && !isDraining.load(ordering: .acquiring)
        busy.subtract(1, ordering: .relaxed)
        guard let kept = slot.end(keeping: mayKeep) else { return noteClosed() }
        if !lot.park(kept, isNew: false) { close(kept) }
    }
}
