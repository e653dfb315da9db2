import Core

extension Gateway {
    /// A task of the caller, and every change of it. Throws what stands in the way of the first word.
    func follow(
        _ reference: TaskReference, withLinks: Bool, lastEvent: String, of caller: Caller,
        _ patience: Patience
    ) throws(KinoraError) -> Outcome {
        guard patience.mayWait else { return .needsPatience }
        let task = try task(reference, of: caller, asOfNow: true)
        if task.state.isFinal, task.standing.eventID == lastEvent { return .nothingNew }
        let place = try followers.place(of: caller.userID)
        guard !patience.isThreadScarce || waiters.hasRoom(for: caller.userID) else { throw Followers.noRoom }
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

/// Clients that follow tasks. Each holds a thread from beginning to end, and chats need threads too. No user
/// holds more places than are left: one alone gets half of them, and whoever comes next finds some.
final class Followers: Sendable {
    /// Places taken, by user.
    private let taken = Guarded<[Int64: Int]>([:])
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Taken until nobody holds it any more.
    final class Place: Sendable {
        private let followers: Followers
        private let user: Int64

        fileprivate init(of user: Int64, among followers: Followers) {
            self.followers = followers
            self.user = user
        }

        deinit {
            followers.taken.withLock { taken in
                let rest = taken[user, default: 1] - 1
                taken[user] = rest > 0 ? rest : nil
            }
        }
    }

    static let noRoom = KinoraError(
        .queueFull, "Too many tasks are followed here. Try again shortly, or ask now and then.",
        retryAfterSeconds: 2)

    /// Throws `queueFull`: all are taken, or the user has its share.
    func place(of user: Int64) throws(KinoraError) -> Place {
        let (own, left) = taken.withLock { taken in
            let own = taken[user, default: 0]
            let left = limit - taken.values.reduce(0, +)
            if own < left { taken[user] = own + 1 }
            return (own, left)
        }
        guard left > 0 else { throw Self.noRoom }
        guard own < left else {
            throw KinoraError(
                .queueFull,
                "You follow \(own) tasks already, and \(left) more can be followed here by anybody. "
                    + "Try again shortly, or ask now and then.",
                retryAfterSeconds: 2)
        }
        return Place(of: user, among: self)
    }
}
