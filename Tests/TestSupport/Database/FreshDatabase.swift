public import Testing

/// Gives every test (and every case of one with arguments) a database of its own, and drops it afterwards.
public struct FreshDatabase: TestTrait, SuiteTrait, TestScoping {
    let isMigrated: Bool

    public var isRecursive: Bool { true }

    public func provideScope(
        for test: Test, testCase: Test.Case?,
        performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        // Made where the test runs and not before its turn: as many databases as threads.
        try await withTaskExecutorPreference(TestThreads.current) {
            let database = try TestDatabase(isMigrated: isMigrated)
            do {
                try await TestDatabase.$bound.withValue(database) { try await function() }
            } catch {
                try? database.drop()
                throw error
            }
            try database.drop()
        }
    }
}

extension Trait where Self == FreshDatabase {
    /// A migrated database in `TestDatabase.current`.
    public static var freshDatabase: Self { FreshDatabase(isMigrated: true) }
    /// A database without anything in it.
    public static var emptyDatabase: Self { FreshDatabase(isMigrated: false) }
}

extension TestDatabase {
    @TaskLocal static var bound: TestDatabase?

    /// The database of the running test. On threads that a test starts it must be handed over.
    public static var current: TestDatabase {
        guard let bound else { preconditionFailure("Mark the test or its suite with .freshDatabase.") }
        return bound
    }
}
