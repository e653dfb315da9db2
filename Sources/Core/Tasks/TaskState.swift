/// Where a task stands. The names are those of the SQL CHECK and of docs/task-states.md; a test compares the
/// three.
public enum TaskState: String, Sendable, CaseIterable {
    case queued, running, storing, succeeded, failed, cancelled, expired

    /// A final state never changes.
    public var isFinal: Bool {
        switch self {
        case .queued, .running, .storing: false
        case .succeeded, .failed, .cancelled, .expired: true
        }
    }

    /// The states this one may change to.
    public var successors: [TaskState] {
        switch self {
        case .queued: [.running, .cancelled, .failed, .expired]
        case .running: [.queued, .storing, .succeeded, .failed, .cancelled, .expired]
        case .storing: [.succeeded, .failed, .cancelled, .expired]
        case .succeeded, .failed, .cancelled, .expired: []
        }
    }
}

/// What a running task is doing.
public enum TaskPhase: String, Sendable, CaseIterable {
    /// The request is on its way to the vendor, or it is not known whether it arrived.
    case submitting
    /// The vendor works; its worker polls it from time to time.
    case waiting
    /// The vendor has the result and refines it.
    case postprocessing
}

/// What a task makes.
public enum MediaKind: String, Sendable, CaseIterable { case image, video }

/// How a model is used: what goes in, what comes out.
public enum Category: String, Sendable, CaseIterable {
    case t2i, i2i, t2v, i2v, ref2v, v2v, t2t, t2e

    /// Whether it makes pictures or films, and no media go in: neither references nor another task's result.
    public var isFromText: Bool { self == .t2i || self == .t2v }
}
