/// The one error type. `message` is public, stable and safe to show to a client; `detail` goes to the log
/// only, so that a vendor's or a database's words can never reach a caller by accident.
public struct KinoraError: Error, Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible {
    public let code: ErrorCode
    public let message: String
    /// The request field at fault, in the caller's spelling; nil when none is.
    public let field: String?
    /// What the client gave there, where client APIs repeat it; nil elsewhere.
    public let value: String?
    /// Seconds after which a retry may succeed; nil when the code's own default holds.
    public let retryAfterSeconds: Int?
    public let detail: String
    /// The task that the error is about, in its client-side spelling, where the client may want to look
    /// later.
    public let taskID: String?
    /// The state of the task that stands in the way.
    public let state: TaskState?
    /// What is left of the caller's requests per minute, where a submit of a limited key was refused.
    public let allowance: Allowance?
    /// Of `databaseAway`: the database is there, but somebody kept what was asked for locked for too long.
    /// Other rows may be free.
    public let isLocked: Bool

    public init(
        _ code: ErrorCode, _ message: String? = nil, field: String? = nil, value: String? = nil,
        retryAfterSeconds: Int? = nil, detail: String = "", taskID: String? = nil, state: TaskState? = nil,
        allowance: Allowance? = nil, isLocked: Bool = false
    ) {
        self.code = code
        self.message = message ?? code.facts.message
        self.field = field
        self.value = value
        self.retryAfterSeconds = retryAfterSeconds
        // Bytes of a stranger: line breaks would forge log lines, and PostgreSQL keeps no NUL.
        self.detail = String(detail.unicodeScalars.map { $0.value < 0x20 ? " " : Character($0) })
        self.taskID = taskID
        self.state = state
        self.allowance = allowance
        self.isLocked = isLocked
    }

    /// The same error with a secret blotted out, and whatever else in its detail looks like one.
    public func replacing(_ secret: Secret) -> KinoraError {
        KinoraError(
            code, secret.blotted(outOf: message), field: field, value: value,
            retryAfterSeconds: retryAfterSeconds, detail: secret.blotted(outOf: detail).redacted,
            taskID: taskID, state: state, allowance: allowance, isLocked: isLocked)
    }

    /// No model of that name, for whoever asks and for what it is asked.
    public static func modelNotFound(_ model: String) -> KinoraError {
        let name = model.unicodeScalars.count > 128 ? "\(String(model.unicodeScalars.prefix(128)))…" : model
        return KinoraError(.modelNotFound, "Model '\(name)' not found", field: "model", value: name)
    }

    public var description: String { "\(code.facts.number) \(message)" }
    public var debugDescription: String { detail.isEmpty ? description : "\(description) -- \(detail)" }
}
