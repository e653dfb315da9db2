import Core

/// A condition did not come true in time.
struct TimeIsUp: Error, CustomStringConvertible {
    let description: String
}

/// Looks again and again until `condition` holds. For what other processes do: nothing in this one could signal it.
func eventually(
    _ what: String, within limit: Duration = .seconds(10), _ condition: () throws -> Bool
) throws {
    let deadline = ContinuousClock.now + limit
    let pause = Signal()
    while try !condition() {
        guard ContinuousClock.now < deadline else { throw TimeIsUp(description: "not within \(limit): \(what)") }
        _ = pause.wait(for: .milliseconds(20))
    }
}

/// Runs `body` so many times at once, each on a thread of its own, and waits for all. The first error is thrown.
func concurrently(_ count: Int, within limit: Duration = .seconds(120), _ body: @escaping @Sendable (Int) throws -> Void)
    throws
{
    let fault = Box<(any Error)?>(nil)
    let threads = try (0..<count).map { index in
        try Core.Thread {
            do { try body(index) } catch { fault.change { $0 = $0 ?? error } }
        }
    }
    let deadline = ContinuousClock.now + limit
    guard threads.allSatisfy({ $0.join(until: deadline) }) else {
        throw TimeIsUp(description: "threads did not end within \(limit)")
    }
    if let error = fault.value { throw error }
}
