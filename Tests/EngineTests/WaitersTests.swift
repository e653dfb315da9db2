import Core
import Store
import Synchronization
import TestSupport
import Testing

@testable import Engine

@Suite(.freshDatabase) struct WaitersTests {
    let database = TestDatabase.current

    /// Waits on a thread of its own; notes when the wait is over.
    private func waiting(
        _ waiters: Waiters, row: Int64, of user: Int64 = 1, seconds: Int64 = 60,
        while isWanted: @escaping @Sendable () -> Bool = { true }
    ) throws -> Happening<Bool> {
        let over = Happening<Bool>()
        _ = try Thread {
            waiters.wait(forTask: row, of: user, until: .now + .seconds(seconds), while: isWanted)
            over.note(true)
        }
        return over
    }

    private func started() throws -> Waiters {
        let waiters = Waiters(database.store(connectionsMax: 1), limit: 32)
        try waiters.start()
        return waiters
    }

    private func submit() throws -> (row: Int64, id: TaskID) {
        let task = NewTask.sample(try database.caller())
        return (try #require(try database.store(connectionsMax: 1).submit(task)).row, task.id)
    }

    @Test func aWorkerOfThisProcessWakesExactlyThoseWhoWaitForItsTask() throws {
        let waiters = Waiters(database.store(connectionsMax: 1), limit: 32)
        let mine = try waiting(waiters, row: 1), twin = try waiting(waiters, row: 1)
        let other = try waiting(waiters, row: 2)
        // The thread that asks the database was never started: only the note can wake anybody.
        #expect(
            eventually {
                waiters.note(1)
                return mine.all.count + twin.all.count == 2
            })
        #expect(other.all.isEmpty)
        waiters.stop()
        #expect(other.wait { !$0.isEmpty })
    }

    @Test func theEndOfATaskInAnotherProcessIsFoundByPolling() throws {
        let waiters = try started()
        defer { waiters.stop() }
        let ends = try submit(), goesOn = try submit()
        let mine = try waiting(waiters, row: ends.row), other = try waiting(waiters, row: goesOn.row)
        #expect(try database.store(connectionsMax: 1).cancel(TaskReference(ends.id)) != nil)
        #expect(mine.wait { !$0.isEmpty })
        #expect(other.all.isEmpty)
    }

    @Test func whoWaitsForAnEndHearsOfItAsSoonAsAnotherProcessSaysSo() throws {
        let waiters = Waiters(database.store(connectionsMax: 1), limit: 32, interval: .seconds(3600))
        try waiters.start()
        defer { waiters.stop() }
        let ends = try submit(), goesOn = try submit()
        let mine = try waiting(waiters, row: ends.row), other = try waiting(waiters, row: goesOn.row)
        #expect(!mine.wait(within: .milliseconds(200)) { !$0.isEmpty })
        #expect(try database.store(connectionsMax: 1).cancel(TaskReference(ends.id)) != nil)
        waiters.noteChanges([ends.row, goesOn.row])
        #expect(mine.wait { !$0.isEmpty })
        #expect(other.all.isEmpty)
    }

    @Test func whoeverAsksForAnEndedTaskDoesNotWait() throws {
        let waiters = try started()
        defer { waiters.stop() }
        let task = try submit()
        #expect(try database.store(connectionsMax: 1).cancel(TaskReference(task.id)) != nil)
        #expect(try waiting(waiters, row: task.row).wait { !$0.isEmpty })
    }

    @Test func aClientThatLeftIsNotWaitedFor() throws {
        let waiters = try started()
        defer { waiters.stop() }
        let isThere = Shared(true)
        let over = try waiting(waiters, row: try submit().row, while: { isThere.value })
        #expect(!over.wait(within: .milliseconds(300)) { !$0.isEmpty })
        isThere.value = false
        #expect(over.wait { !$0.isEmpty })
    }

    @Test func aWaitEndsWithItsTime() throws {
        let waiters = try started()
        defer { waiters.stop() }
        let over = try waiting(waiters, row: try submit().row, seconds: 1)
        #expect(over.wait { !$0.isEmpty })
    }

    @Test func aStopSendsEverybodyHome() throws {
        let waiters = try started()
        let row = try submit().row
        let all = try (0..<20).map { _ in try waiting(waiters, row: row) }
        #expect(!all[0].wait(within: .milliseconds(100)) { !$0.isEmpty })
        waiters.stop()
        for over in all { #expect(over.wait { !$0.isEmpty }) }
    }

    /// Each who waits holds a thread; the one too many gets its answer at once.
    @Test func onlySoManyMayWait() throws {
        let waiters = Waiters(database.store(connectionsMax: 1), limit: 2)
        let admitted = [try waiting(waiters, row: 1), try waiting(waiters, row: 2)]
        #expect(!admitted[0].wait(within: .milliseconds(200)) { !$0.isEmpty })
        #expect(!admitted[1].wait(within: .milliseconds(200)) { !$0.isEmpty })
        #expect(eventually { !waiters.hasRoom(for: 1) })
        #expect(try waiting(waiters, row: 3).wait { !$0.isEmpty })
        waiters.stop()
        for over in admitted { #expect(over.wait { !$0.isEmpty }) }
    }

    @Test func theLastPlacesAreForOthers() throws {
        let waiters = Waiters(database.store(connectionsMax: 1), limit: 4)
        let admitted = try (1...3).map { try waiting(waiters, row: $0) }
        #expect(eventually { !waiters.hasRoom(for: 1) })
        #expect(try waiting(waiters, row: 4).wait { !$0.isEmpty })
        #expect(waiters.hasRoom(for: 2))
        let other = try waiting(waiters, row: 5, of: 2)
        #expect(eventually { !waiters.hasRoom(for: 2) && !waiters.hasRoom(for: 3) })
        #expect(other.all.isEmpty)
        waiters.stop()
        for over in admitted + [other] { #expect(over.wait { !$0.isEmpty }) }
    }

    @Test func aDatabaseThatIsAwayWakesNobodyAndPollingGoesOnAfterwards() throws {
        let waiters = try started()
        defer { waiters.stop() }
        let task = try submit()
        let over = try waiting(waiters, row: task.row)
        try database.goAway()
        #expect(!over.wait(within: .seconds(1)) { !$0.isEmpty })
        try database.comeBack()
        #expect(try database.store(connectionsMax: 1).cancel(TaskReference(task.id)) != nil)
        #expect(over.wait { !$0.isEmpty })
    }
}

/// A value that two threads share.
final class Shared<Value: Sendable>: Sendable {
    private let kept: Mutex<Value>
    init(_ value: Value) { kept = Mutex(value) }
    var value: Value {
        get { kept.withLock { $0 } }
        set { kept.withLock { $0 = newValue } }
    }
}
