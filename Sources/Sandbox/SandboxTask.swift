internal import Core

/// An accepted task. It stores no status: that follows from the time that passed and from its film.
struct SandboxTask: Sendable {
    let id: String
    let owner: Owner
    /// Counts accepted tasks; orders lists, where many tasks share a second.
    let sequence: Int
    /// Without the reference's bytes, which lie on disk.
    let draft: Draft
    let createdAt: Timestamp
    /// The least time it takes.
    let duration: Duration
    /// The file of the finished film; nil when the task is to fail.
    let film: String?
    let markers: [FaultMarker]
    var spentMarkers: Set<Int> = []
    var cancelledAt: Timestamp?
}

/// Whose tasks: one key at one vendor sees its own only.
struct Owner: Sendable, Hashable {
    let vendor: String
    let key: String
}

/// How far the rendering of a film is.
enum Film: Sendable, Equatable {
    case waiting
    case ready(Timestamp)
    case failed(reason: String, Timestamp)
}

/// A task as it looks at one moment.
struct TaskView: Sendable {
    enum Status: Sendable { case queued, inProgress, completed, failed, cancelled }

    let id: String
    let draft: Draft
    let status: Status
    /// 0 to 100; 100 only when completed.
    let progress: Int
    let createdAt: Timestamp
    /// Since then.
    let age: Duration
    let completedAt: Timestamp?
    let failure: (code: String, message: String)?
    /// Nil unless completed.
    let film: String?
    /// Whether the vendor should call the status by a word that nobody knows.
    var hasUnknownStatus = false
    /// Whether it is the answer to its submit.
    var isNew = false

    /// A task rests in the queue for the first tenth of its time.
    private static let queuedShare = 0.1

    init(_ task: SandboxTask, film: Film?, now: Timestamp) {
        let elapsed = max(0, (now - task.createdAt).inSeconds)
        let share = task.duration > .zero ? elapsed / task.duration.inSeconds : 1
        let due = task.createdAt + task.duration
        id = task.id
        draft = task.draft
        createdAt = task.createdAt
        age = now - task.createdAt
        switch film {
        case _ where task.cancelledAt != nil:
            status = .cancelled
            progress = 0
            completedAt = nil
            failure = nil
            self.film = nil
        case .failed(let reason, let at) where at <= now:
            status = .failed
            progress = min(99, Int(share * 100))
            completedAt = nil
            failure = ("render_failed", reason)
            self.film = nil
        case .ready(let at) where share >= 1 && at <= now:
            status = .completed
            progress = 100
            completedAt = max(due, at)
            failure = nil
            self.film = task.film
        case nil where share >= 1:
            status = .failed
            progress = 99
            completedAt = nil
            failure = ("generation_failed", "The generation failed, as the request asked it to.")
            self.film = nil
        default:
            status = share < Self.queuedShare ? .queued : .inProgress
            progress = status == .queued ? 0 : min(99, Int(share * 100))
            completedAt = nil
            failure = nil
            self.film = nil
        }
    }

    var isFinal: Bool { [.completed, .failed, .cancelled].contains(status) }
}
