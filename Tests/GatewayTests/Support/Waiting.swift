import TestSupport

/// A condition did not come true in time.
struct TimeIsUp: Error, CustomStringConvertible {
    let description: String
}

/// Something that the test itself needs has failed.
struct Failed: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Waits for what other processes do, which no signal in this one could tell. Throws when it takes too long.
func waitUntil(_ what: String, within limit: Duration = patience, _ condition: () throws -> Bool) throws {
    guard try eventually(within: limit, condition) else {
        throw TimeIsUp(description: "not within \(limit): \(what)")
    }
}
