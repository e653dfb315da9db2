/// Everything Kinora reports. The code says what happened; the edge decides how to write it down.
public enum Event: Sendable {
    case started(verb: String)
    case stopping(reason: String)
    case stopped(clean: Bool)
    case configurationLoaded(keys: Int, models: Int)
    case requestFailed(KinoraError, requestID: String, method: String, path: String)
    case taskAccepted(TaskID, model: String)
    case taskSubmitted(TaskID, vendor: String, account: Int64)
    case taskFinished(TaskID, state: TaskState, seconds: Double, code: String?)
    case taskRequeued(TaskID, delaySeconds: Double, KinoraError)
    case pollFailed(TaskID, KinoraError)
    case removalFailed(attempt: Int64, tries: Int, KinoraError)
    case webhookFailed(delivery: Int64, endpoint: Int64, tries: Int, status: Int?, KinoraError)
    case webhookDisabled(endpoint: Int64, reason: String)
    case leaseLost(TaskID)
    case tasksTakenOver(Int)
    case fault(String, KinoraError)
    case databaseLost(KinoraError)
}

/// Where events go.
public protocol EventSink: Sendable {
    func emit(_ event: Event)
}
