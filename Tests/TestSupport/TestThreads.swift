import Foundation

/// Threads for tests that wait: for the database, for programs, for signals. Swift's own are as many as the
/// machine has cores, and each one that waits is one less for all the others.
final class TestThreads: TaskExecutor {
    static let shared = TestThreads()

    private let queue = OperationQueue()

    private init() { queue.maxConcurrentOperationCount = 2 * ProcessInfo.processInfo.activeProcessorCount }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.addOperation { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
}
