import Core
import Synchronization

extension Gateway {
    /// A task of the caller, and every change of it. Throws what stands in the way of the first word.
    func follow(
        _ reference: TaskReference, withLinks: Bool, lastEvent: String, of caller: Caller,
        _ patience: Patience
    ) throws(KinoraError) -> Outcome {
        guard patience.mayWait else { return .needsPatience }
        let task = try task(reference, of: caller, asOfNow: true)
        if task.state.isFinal, task.standing.eventID == lastEvent { return .nothingNew }
        let place = followers.place()
        guard let place, !patience.isThreadScarce || waiters.hasRoom else {
            throw KinoraError(
                .queueFull, "Too many tasks are followed here. Try again shortly, or ask now and then.",
                retryAfterSeconds: 2)
        }
        let watch = TaskWatch(
            task, of: caller, seconds: Limits.followSecondsMax, for: .status(withLinks: withLinks), self,
            patience)
        let first = Guarded(try watch.next())
        return .following(
            TaskCourse(of: task) { () throws(KinoraError) in
                // Whoever follows keeps its place as long as there is something to be read.
                try withExtendedLifetime(place) { () throws(KinoraError) in
                    if let news = first.withLock({ $0.take() }) { return news }
                    return try watch.next()
                }
            })
    }
}

/// Clients that follow tasks. Each holds a thread from beginning to end, and chats need threads too.
final class Followers: Sendable {
    private let taken = Atomic<Int>(0)
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Taken until nobody holds it any more.
    final class Place: Sendable {
        private let followers: Followers

        fileprivate init(_ followers: Followers) { self.followers = followers }

        deinit { followers.taken.subtract(1, ordering: .relaxed) }
    }

    /// Nil when all are taken.
    func place() -> Place? {
        let place = taken.add(1, ordering: .relaxed).newValue <= limit ? Place(self) : nil
        if place == nil { taken.subtract(1, ordering: .relaxed) }
        return place
    }
}
