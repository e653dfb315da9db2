/// The ways in which a vendor can misbehave. Two roads lead to a fault:
///
/// - `POST /_sandbox/faults` arms it for the next requests of any task;
/// - a marker in a prompt, `[sandbox:NAME]` or `[sandbox:NAME OPERATION]`, chooses it for one task. Without
///
/// Faults strike well-formed requests with a good key only, so that a refused request never uses one up.
/// Where the sandbox refuses before it does anything, nothing is accepted and nothing counted; where it
/// spoils an answer, the work behind the answer has been done and an accepted task has been counted.
///
/// With `delay_seconds` every armed fault first holds its request that long; `hang` and `slow_body` say what
/// they make of it. A held request occupies a thread of the sandbox.
enum Fault: String, Sendable, CaseIterable {
    /// 429 `rate_limit_exceeded`, nothing done. `retry_after` adds a Retry-After header; without it there is
    /// none. Transient.
    case rateLimit = "rate_limit"
    /// 429: too many tasks at once, nothing done. Takes `retry_after`. Transient.
    case concurrency
    /// 429 `insufficient_quota`: the account has no money, nothing done. Transient, so that a marker strikes
    /// the first account which is tried and not the one after it.
    case insufficientQuota = "insufficient_quota"
    /// 500 with the vendor's error body, nothing done. Transient.
    case serverError = "server_error"
    /// 502 with an HTML page, as a proxy in front of the vendor sends it; nothing done. Transient.
    case badGateway = "bad_gateway"
    /// 503 with the vendor's error body, nothing done. Takes `retry_after`. Transient.
    case unavailable
    /// Holds the request until the client goes, and then does nothing. With `delay_seconds` it holds the
    /// request that long and then answers properly: a slow vendor. Transient.
    case hang
    /// Does the work, sends the head and half of the body, and then the connection dies. Transient.
    case halfClose = "half_close"
    /// Does the work and sends the first half of the body as if it were all of it. Transient.
    case truncatedJSON = "truncated_json"
    /// Does the work and answers 200 with valid JSON of another shape. Transient.
    case wrongJSON = "wrong_json"
    /// 200 with an HTML page, nothing done. Transient.
    case html
    /// Accepts the task, and counts it; then the connection dies without a byte of an answer. Transient.
    case lostAnswer = "lost_answer"
    /// 200 with the vendor's error body; a stream goes half the way and then sends that as an event. Text
    /// models only. Transient.
    case errorInside = "error_inside"
    /// Does the work and lets the body trickle for `delay_seconds` (default 5). Transient.
    case slowBody = "slow_body"
    /// 400 with the code `content_policy_violation` at submit, nothing done. Lasting.
    case contentRefusal = "content_refusal"
    /// Accepts the task, which ends as failed when its time is over. Lasting.
    case fail
    /// A poll answers with a status word that nobody knows. Transient.
    case unknownStatus = "unknown_status"
    /// The task completes, and its content is a 404 ever after. Lasting.
    case emptyResult = "empty_result"
    /// 404 for a task that was accepted, at poll and content. Lasting.
    case notFound = "not_found"
    /// 401 for a key that was good, nothing done. Transient.
    case wrongKey = "wrong_key"
    /// What the vendor says when an account has not opened the model that a submit names, nothing done.
    /// Transient, so that a marker strikes the first account which is tried and not the one after it.
    case modelClosed = "model_closed"
}

/// What a request is about, as far as faults are concerned; `talk` is a chat or an embedding. Everything else
/// (deleting, models) is `other` and is struck only by faults armed for any operation.
enum Operation: String, Sendable, CaseIterable {
    case submit, poll, content, list, talk, other
}

extension Fault {
    /// Whether a marker strikes once only.
    var isTransient: Bool {
        switch self {
        case .contentRefusal, .fail, .emptyResult, .notFound: false
        default: true
        }
    }

    func canStrike(_ operation: Operation) -> Bool {
        switch self {
        case .fail: operation == .submit
        case .lostAnswer, .contentRefusal, .modelClosed: operation == .submit || operation == .talk
        case .errorInside: operation == .talk
        case .unknownStatus: operation == .poll
        case .emptyResult: operation == .content
        case .notFound: operation == .poll || operation == .content
        default: true
        }
    }
}

/// One fault about to strike one request.
struct Strike: Sendable, Equatable {
    let fault: Fault
    var retryAfterSeconds: Int?
    var delaySeconds: Double?
}
