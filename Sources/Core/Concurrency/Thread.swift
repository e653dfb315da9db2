import Glibc

/// A thread of our own with an explicit stack. Swift's cooperative pool must never run code that blocks.
public final class Thread: Sendable {
    private final class Start: Sendable {
        let finished: Signal
        let body: @Sendable () -> Void
        init(finished: Signal, body: @escaping @Sendable () -> Void) {
            self.finished = finished
            self.body = body
        }
    }

    private let finished = Signal()

    /// Starts at once. The thread inherits the caller's signal mask: the main thread blocks what it waits
    /// for.
    public init(stackBytes: Int = 512 << 10, _ body: @escaping @Sendable () -> Void) throws(KinoraError) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, stackBytes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        let start = Unmanaged.passRetained(Start(finished: finished, body: body))
        var id = pthread_t()
        let code = pthread_create(
            &id, &attributes,
            { context in
                let start = Unmanaged<Start>.fromOpaque(context!).takeRetainedValue()
                start.body()
                start.finished.raise()
                return nil
            }, start.toOpaque())
        guard code == 0 else {
            start.release()
            throw KinoraError(.internalFault, detail: "pthread_create: \(String(cString: strerror(code)))")
        }
    }

    /// Waits for the thread's end. False when `deadline` came first; the thread then goes on.
    public func join(until deadline: ContinuousClock.Instant) -> Bool {
        finished.wait(until: deadline, clearing: false)
    }
}
