/// What happened to a task that a worker holds.
public enum TaskEvent: Sendable {
    /// The vendor took the task and calls it so.
    case accepted(vendorTask: String)
    /// The vendor definitely did not take it: nothing was sent, or it said no.
    case refused(KinoraError)
    /// The request left and no usable answer came: the vendor may have taken it.
    case submitUnanswered(KinoraError)
    /// The vendor was asked about an unanswered submit and does not know it.
    case notFoundAtVendor
    /// The vendor's list does not tell whether it knows it.
    case lookUpUnclear
    case pending(progress: Int?, isPostprocessing: Bool)
    /// The vendor says the task failed.
    case failed(KinoraError)
    /// The poll or the look-up itself failed; the task may be well.
    case pollFailed(KinoraError)
    /// The result could not be fetched or kept.
    case storeFailed(KinoraError)
}

/// What to do next. Worker+perform.swift carries it out.
public enum TaskAction: Sendable, Equatable {
    /// Remember the vendor's id; first poll after `delay`.
    case accept(vendorTask: String, delay: Duration)
    /// Look again after `delay`. `progress` is nil when nothing new is known.
    case wait(delay: Duration, phase: TaskPhase, progress: Int?)
    /// Ask the vendor whether it knows the unanswered submit.
    case lookUp
    /// Back into the queue for a new attempt, not before `delay` has passed.
    case requeue(delay: Duration, KinoraError)
    /// The same at once, if any other account could make it; failed if none could.
    case elsewhere(KinoraError)
    case fail(KinoraError)
}

/// The task's rules of motion, as a pure function: no clock, no store, no vendor.
public struct TaskMachine: Sendable {
    public let attempt: Int
    /// On how many accounts the task was tried, this one included.
    public let accountsTried: Int
    /// Time since the attempt began.
    public let running: Duration
    /// Time left until the task's deadline; negative when it has passed.
    public let remaining: Duration
    public let pace: PollPace
    /// Whether the vendor's id of the task is known.
    public let hasTicket: Bool
    /// Whether the vendor is done and only the result is missing: it may then come a while after the
    /// deadline.
    public let isStoring: Bool
    /// Whether the vendor can list its recent tasks.
    public let canLookUp: Bool

    public init(
        attempt: Int, accountsTried: Int, running: Duration, remaining: Duration, pace: PollPace,
        hasTicket: Bool, isStoring: Bool = false, canLookUp: Bool
    ) {
        self.attempt = attempt
        self.accountsTried = accountsTried
        self.running = running
        self.remaining = remaining
        self.pace = pace
        self.hasTicket = hasTicket
        self.isStoring = isStoring
        self.canLookUp = canLookUp
    }

    /// How long after a submit its absence from the vendor's list proves that it never arrived.
    public static let arrivalMax = Duration.seconds(Limits.submitSecondsMax + 15)
    private static let retryPause = Duration.seconds(2)
    /// The longer it has lasted, the less a few seconds matter: a store that is away for long is not given
    /// every result anew every few seconds.
    private var storePause: Duration { min(max(running / 10, .seconds(5)), .seconds(60)) }

    public func action(on event: TaskEvent) -> TaskAction {
        switch event {
        case .accepted(let vendorTask):
            return .accept(vendorTask: vendorTask, delay: pace.first)
        case .refused(let error):
            return again(error)
        case .submitUnanswered(let error):
            return canLookUp && remaining > .zero
                ? .lookUp : .fail(KinoraError(.submitUnknown, detail: error.debugDescription))
        case .notFoundAtVendor:
            // A slow vendor may list it a moment later; sending it again too early would make it twice.
            guard running >= Self.arrivalMax else {
                return .wait(delay: Self.retryPause, phase: .submitting, progress: nil)
            }
            return again(
                KinoraError(.upstreamUnreachable, detail: "the vendor does not know the submitted task"))
        case .lookUpUnclear:
            guard running >= Self.arrivalMax else {
                return .wait(delay: Self.retryPause, phase: .submitting, progress: nil)
            }
            return .fail(KinoraError(.submitUnknown, detail: "the vendor's list does not tell"))
        case .pending(let progress, let isPostprocessing):
            guard remaining > .zero else { return .fail(KinoraError(.taskDeadline)) }
            return .wait(
                delay: pace.next(after: running), phase: isPostprocessing ? .postprocessing : .waiting,
                progress: progress.map { min($0, 99) })
        case .failed(let error):
            // What the account lacked at last, another one may have.
            let isOfAccount = [.money, .throttle, .credential].contains(error.code.accountFault)
            return isOfAccount ? again(error) : .fail(error)
        case .pollFailed(let error):
            return pollFailed(error)
        case .storeFailed(let error):
            let mayRetry = error.code.facts.retry != .never && remaining > .zero - Limits.storingGrace
            return mayRetry ? .wait(delay: storePause, phase: .waiting, progress: nil) : .fail(error)
        }
    }

    /// A new attempt, unless the error forbids it or there have been enough. What speaks against the account
    /// alone needs no delay: that one rests, and another one takes the task, or it waits for the first to
    /// come back.
    private func again(_ error: KinoraError) -> TaskAction {
        let fault = error.code.accountFault
        let wanted = error.retryAfterSeconds.map { Duration.seconds($0) } ?? .zero
        // The account is well and asked no more for this task.
        let isClosed = error.code == .upstreamModelClosed
        let delay = fault == nil && !isClosed ? max(wanted, Backoff.delay(afterAttempt: attempt)) : .zero
        let isTriedWidely = fault != nil && fault != .throttle && accountsTried >= Limits.accountsTriedMax
        // That our own store is away, or our own connections are all taken, is nobody's fault: nothing was
        // submitted, and it passes. And an account that has not opened the model is asked once: that ends
        // with the accounts. To be full is no refusal.
        let attemptsMax = fault == .throttle ? Limits.taskThrottlesMax : Limits.taskAttemptsMax
        let isOurs = [.storageFailed, .queueFull].contains(error.code)
        let isTriedOften = attempt >= attemptsMax && !isClosed && !isOurs
        // What could start only after its deadline would be paid for and thrown away.
        let mayRetry =
            error.code.facts.retry != .never && !isTriedOften && !isTriedWidely
            && delay < remaining
        guard mayRetry else { return .fail(error) }
        return isClosed ? .elsewhere(error) : .requeue(delay: delay, error)
    }

    private func pollFailed(_ error: KinoraError) -> TaskAction {
        if [.upstreamExpired, .contentRefused].contains(error.code) { return .fail(error) }
        guard remaining > (isStoring ? .zero - Limits.storingGrace : .zero) else {
            let code: ErrorCode = hasTicket ? .taskDeadline : .submitUnknown
            return .fail(KinoraError(code, detail: error.debugDescription))
        }
        let delay = max(
            error.retryAfterSeconds.map { .seconds($0) } ?? .zero, pace.next(after: running), Self.retryPause)
        return .wait(
            delay: min(delay, pace.longest), phase: hasTicket ? .waiting : .submitting, progress: nil)
    }
}

/// How often to poll a task: seldom at first, at its usual length often, then ever more seldom.
public struct PollPace: Sendable, Equatable {
    /// How long such a task usually takes; nil while that is unknown.
    public let usual: Duration?
    /// The vendor's shortest and longest sensible interval.
    public let shortest: Duration
    public let longest: Duration

    public init(usual: Duration?, shortest: Duration, longest: Duration) {
        self.usual = usual
        self.shortest = shortest
        self.longest = longest
    }

    private func bounded(_ delay: Duration) -> Duration { min(max(delay, shortest), longest) }

    /// Before half of the usual time has passed there is little to learn.
    public var first: Duration { bounded(usual.map { $0 / 2 } ?? .zero) }

    public func next(after running: Duration) -> Duration {
        guard let usual else { return bounded(running / 4) }
        return bounded(max(usual, running) / 10)
    }
}

/// Growing delays between attempts.
public enum Backoff {
    /// 1 s, 2 s, 4 s ... at most 60 s. Attempts count from 1.
    public static func delay(afterAttempt attempt: Int) -> Duration {
        .seconds(min(60, 1 << max(0, min(attempt - 1, 6))))
    }
}
