/// A task as it goes on, for one client that is told of it. One thread reads it. The task does not depend on
/// that: it goes on when nobody reads any more.
public struct TaskCourse: Sendable {
    public enum News: Sendable {
        case begun(MediaTask)
        /// Its state or its progress has changed.
        case changed(MediaTask)
        /// Nothing has changed for so long that the client wants to hear something.
        case silence
        /// It has ended. Nothing follows.
        case ended(TaskReport)
    }

    /// As it was when the client began to listen.
    public let task: MediaTask
    /// What comes next; nil after the end. Blocks until there is something. Throws why no more is told of it;
    /// to a client that wants the result, also how the task has ended without one.
    public let next: @Sendable () throws(KinoraError) -> News?

    public init(of task: MediaTask, next: @escaping @Sendable () throws(KinoraError) -> News?) {
        self.task = task
        self.next = next
    }
}
