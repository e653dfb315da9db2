import Core

/// Follows a task for a client that is told of every change. Used by one thread at a time: the request's.
final class TaskWatch: @unchecked Sendable {
    private enum Stage { case before, during, after }

    private let gateway: Gateway
    private let caller: Caller
    private let patience: Gateway.Patience
    private let seconds: Int
    private let deadline: ContinuousClock.Instant
    /// As the client knows it.
    private var task: MediaTask
    private var stage = Stage.before
    /// When the client heard something.
    private var toldAt = ContinuousClock.now

    /// Longest time without a word.
    private let silence: Duration

    /// Proxies give up on a connection that is silent for a minute or so.
    init(
        _ task: MediaTask, of caller: Caller, seconds: Int, _ gateway: Gateway,
        _ patience: Gateway.Patience, silence: Duration = .seconds(15)
    ) {
        self.silence = silence
        self.task = task
        self.caller = caller
        self.seconds = seconds
        self.gateway = gateway
        self.patience = patience
        deadline = .now + .seconds(seconds)
    }

    /// Throws how the task has ended, other than well; `waitTimedOut`; `shuttingDown`; `clientGone`.
    func next() throws(KinoraError) -> TaskCourse.News? {
        guard stage != .after else { return nil }
        let news = stage == .before ? .begun(task) : try wait()
        toldAt = .now
        if case .made = news { stage = .after } else { stage = .during }
        return news
    }

    private func wait() throws(KinoraError) -> TaskCourse.News {
        while true {
            guard patience.isWanted() else {
                throw KinoraError(.clientGone, detail: "while its task was followed")
            }
            if let news = try look() { return news }
            guard ContinuousClock.now < deadline else { throw Gateway.overdue(task, seconds: seconds) }
            guard ContinuousClock.now < toldAt + silence else { return .silence }
            guard !gateway.waiters.hasStopped else {
                throw KinoraError(.shuttingDown, taskID: Gateway.clientID(of: task))
            }
            gateway.waiters.wait(
                forTask: task.row, since: task.standing, until: min(deadline, toldAt + silence),
                isCounted: patience.isThreadScarce, while: patience.isWanted)
        }
    }

    /// What has changed. Nil: nothing, or the database is away, which a client need not hear of.
    private func look() throws(KinoraError) -> TaskCourse.News? {
        do throws(KinoraError) {
            let now = try gateway.task(TaskReference(task.id), of: caller, asOfNow: true)
            guard now.standing != task.standing else { return nil }
            switch now.state {
            case .failed, .expired, .cancelled: throw Gateway.failure(of: now, isToldWhy: true)
            case .succeeded: return .made(now, try gateway.links(of: now, caller))
            case .queued, .running, .storing:
                task = now
                return .changed(now)
            }
        } catch {
            guard error.code == .databaseAway else { throw error }
            return nil
        }
    }
}
