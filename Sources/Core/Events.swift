/// Everything Kinora reports. The code says what happened; the edge decides how to write it down.
public enum Event: Sendable {
    case started(verb: String)
    case stopping(reason: String)
    case stopped(clean: Bool)
    case configurationLoaded(keys: Int, models: Int)
    case requestFailed(KinoraError, requestID: String, method: String, path: String)
    case taskAccepted(TaskID, model: String, key: Int64)
    case taskSubmitted(TaskID, vendor: String, on: AttemptPoint)
    /// `on` is nil where the task ended without an attempt under way.
    case taskFinished(TaskID, state: TaskState, seconds: Double, code: String?, on: AttemptPoint?)
    case taskRequeued(TaskID, delaySeconds: Double, KinoraError, on: AttemptPoint)
    case pollFailed(TaskID, KinoraError, on: AttemptPoint)
    /// The vendor is done, and its result could not be fetched or kept.
    case storeFailed(TaskID, KinoraError, on: AttemptPoint)
    case accountFell(account: Int64, AccountFall, KinoraError)
    case cancellationFailed(TaskID, KinoraError, on: AttemptPoint)
    case removalFailed(attempt: Int64, tries: Int, KinoraError)
    /// Bytes that nobody needs any more could not be removed from the store.
    case mediaRemovalFailed(_ sha256: String, tries: Int, KinoraError)
    case webhookFailed(delivery: Int64, endpoint: Int64, tries: Int, status: Int?, KinoraError)
    case webhookDisabled(endpoint: Int64, reason: String)
    /// Once until it has more again.
    case creditLow(account: Int64, creditsMicros: Int64)
    case leaseLost(TaskID, on: AttemptPoint)
    case tasksTakenOver(Int)
    case fault(String, KinoraError)
    case databaseLost(KinoraError)
    /// Rows of the logs that were never written: the database was away for long, or too slow.
    case logRowsLost(Int)
    /// Failures without a caller that became no rows of the request log: they came too fast.
    case refusalsLeftOut(Int)
}

/// Which try of a task, on which account.
public struct AttemptPoint: Sendable, Equatable {
    public let number: Int
    public let account: Int64

    public init(number: Int, account: Int64) {
        self.number = number
        self.account = account
    }
}

/// Where events go.
public protocol EventSink: Sendable {
    func emit(_ event: Event)
}
