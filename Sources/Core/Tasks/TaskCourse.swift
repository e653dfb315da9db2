/// A task as it goes on, for one client that is told of it. One thread reads it. The task does not depend on
/// that: it goes on when nobody reads any more.
public struct TaskCourse: Sendable {
    public enum News: Sendable {
        case begun(MediaTask)
        /// Its state or its progress has changed.
        case changed(MediaTask)
        /// Nothing has changed for so long that the client wants to hear something.
        case silence
        /// It has succeeded. Nothing follows.
        case made(MediaTask, [MadeMedia])
    }

    /// As it was accepted.
    public let task: MediaTask
    /// The family of its model.
    public let family: String
    /// Whether the client asked to hear what was used.
    public let wantsUsage: Bool
    /// What comes next; nil after the end. Blocks until there is something. Throws how the task has ended
    /// otherwise, or why no more is told of it.
    public let next: @Sendable () throws(KinoraError) -> News?

    public init(
        of task: MediaTask, family: String, wantsUsage: Bool,
        next: @escaping @Sendable () throws(KinoraError) -> News?
    ) {
        self.task = task
        self.family = family
        self.wantsUsage = wantsUsage
        self.next = next
    }
}
