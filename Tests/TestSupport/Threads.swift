import Core
import Synchronization

/// How long a test waits for what must happen. Over only where something is broken, however busy the machine.
public let patience = Duration.seconds(60)

/// Looks again and again until `condition` holds. False when it did not hold within the limit.
public func eventually(
    within limit: Duration = patience, _ condition: () throws -> Bool
) rethrows -> Bool {
    let deadline = ContinuousClock.now + limit
    let pause = Signal()
    while true {
        if try condition() { return true }
        guard ContinuousClock.now < deadline else { return false }
        _ = pause.wait(for: .milliseconds(5))
    }
}

/// Runs `body` on so many threads of their own at once. Throws what the first failing one threw, or
/// `ThreadsHang` when they do not end in time.
public func concurrently(
    _ threads: Int, within limit: Duration = patience, _ body: @escaping @Sendable (Int) throws -> Void
) throws {
    let failure = Failure()
    let started = try (0..<threads).map { index in
        try Thread {
            do { try body(index) } catch { failure.note(error) }
        }
    }
    let deadline = ContinuousClock.now + limit
    for thread in started where !thread.join(until: deadline) { throw ThreadsHang() }
    try failure.rethrow()
}

public struct ThreadsHang: Error {}

private final class Failure: Sendable {
    private let first = Mutex<(any Error)?>(nil)
    func note(_ error: any Error) { first.withLock { if $0 == nil { $0 = error } } }
    func rethrow() throws { if let error = first.withLock({ $0 }) { throw error } }
}

/// Something that happens on another thread and can be waited for.
public final class Happening<Value: Sendable>: Sendable {
    private let seen = Mutex<[Value]>([])
    private let signal = Signal()

    public init() {}

    public func note(_ value: Value) {
        seen.withLock { $0.append(value) }
        signal.raise()
    }

    public var all: [Value] { seen.withLock { $0 } }

    public func forget() { seen.withLock { $0 = [] } }

    /// True as soon as what was seen fulfils `condition`; false when it did not in time.
    public func wait(within limit: Duration = patience, until condition: ([Value]) -> Bool) -> Bool {
        let deadline = ContinuousClock.now + limit
        while true {
            if condition(all) { return true }
            // Several may wait; the flag wakes one for certain, the others look again soon.
            guard ContinuousClock.now < deadline else { return false }
            _ = signal.wait(until: min(deadline, .now + .milliseconds(50)))
        }
    }
}
