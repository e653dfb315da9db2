import Core

/// Follows a task for a client that is told of every change. Used by one thread at a time: the request's.
final class TaskWatch: @unchecked Sendable {
    /// What the client is there for.
    enum Aim {
        /// What the task makes; that it ends without is an error.
        case result
        /// How the task stands, whatever becomes of it; at the end perhaps with links.
        case status(withLinks: Bool)
    }

    private enum Stage { case before, during, after }

    private let gateway: Gateway
    private let caller: Caller
    private let patience: Gateway.Patience
    private let aim: Aim
    private let seconds: Int
    private let deadline: ContinuousClock.Instant
    /// Longest time without a word.
    private let silence: Duration
    /// As the client knows it.
    private var task: MediaTask
    private var stage = Stage.before
    /// When the client heard something.
    private var toldAt = ContinuousClock.now

    /// Proxies give up on a connection that is silent for a minute or so.
    init(
        _ task: MediaTask, of caller: Caller, seconds: Int, for aim: Aim, _ gateway: Gateway,
        _ patience: Gateway.Patience, silence: Duration = .seconds(15)
    ) {
        self.silence = silence
        self.task = task
        self.caller = caller
        self.aim = aim
        self.seconds = seconds
        self.gateway = gateway
        self.patience = patience
        deadline = .now + .seconds(seconds)
    }

    /// Throws how the task has ended, other than well, to a client that wants its result; `waitTimedOut`;
    /// `shuttingDown`; `clientGone`; `queueFull` when its thread is missed too much; `taskNotFound` when the
    /// task was deleted.
    func next() throws(KinoraError) -> TaskCourse.News? {
        guard stage != .after else { return nil }
        let news = stage == .before ? try news(of: task) ?? .begun(task) : try wait()
        toldAt = .now
        if case .ended = news { stage = .after } else { stage = .during }
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
            let hasWaited = gateway.waiters.wait(
                forTask: task.row, of: caller.userID, since: task.standing,
                until: min(deadline, toldAt + silence),
                isCounted: patience.isThreadScarce, while: patience.isWanted)
            guard hasWaited else { throw KinoraError(.queueFull, taskID: Gateway.clientID(of: task)) }
        }
    }

    /// What has changed. Nil: nothing, or the database is away, which a client need not hear of.
    private func look() throws(KinoraError) -> TaskCourse.News? {
        do throws(KinoraError) {
            let now = try gateway.task(TaskReference(task.id), of: caller, asOfNow: true)
            guard now.standing != task.standing else { return nil }
            if let end = try news(of: now) { return end }
            task = now
            return .changed(now)
        } catch {
            guard error.code == .databaseAway else { throw error }
            return nil
        }
    }

    /// The end of a task; nil: it goes on.
    private func news(of task: MediaTask) throws(KinoraError) -> TaskCourse.News? {
        guard task.state.isFinal else { return nil }
        var wantsLinks = true
        switch aim {
        case .status(let withLinks): wantsLinks = withLinks && task.state == .succeeded
        case .result where task.state != .succeeded: throw Gateway.failure(of: task, isToldWhy: true)
        case .result: break
        }
        return .ended(TaskReport(task, links: wantsLinks ? try gateway.links(of: task, caller) : []))
    }
}
