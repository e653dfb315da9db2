/// Where the time comes from: the system, or a test.
public protocol WallClock: Sendable {
    var now: Timestamp { get }
}
