import Foundation
public import Testing

/// Threads for tests that wait: for the database, for programs, for signals. Swift's own are as many as the
/// machine has cores, and each one that waits is one less for all the others.
final class TestThreads: TaskExecutor {
    /// Those of the running test.
    @TaskLocal static var current = TestThreads()

    private let queue = OperationQueue()

    init() { queue.maxConcurrentOperationCount = 2 * ProcessInfo.processInfo.activeProcessorCount }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.addOperation { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
}

/// Gives a suite threads of its own. Tests wait for a thread in the order in which they came, and a time
/// limit counts from there: one after the other, behind a thousand others, each would spend its time in line.
public struct OwnThreads: SuiteTrait, TestScoping {
    public func provideScope(
        for test: Test, testCase: Test.Case?,
        performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        let threads = TestThreads()
        try await TestThreads.$current.withValue(threads) {
            try await withTaskExecutorPreference(threads) { try await function() }
        }
    }
}

extension Trait where Self == OwnThreads {
    /// For a suite whose tests run one after the other, beside the other suites.
    public static var ownThreads: Self { OwnThreads() }
}
