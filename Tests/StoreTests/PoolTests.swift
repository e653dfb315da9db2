import Core
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Store

@Suite(.freshDatabase) struct PoolTests {
    let database = TestDatabase.current

    private func options(sessions: Int, patienceSeconds: Int = 60) -> DatabaseOptions {
        var options = database.options
        options.connectionsMax = sessions
        options.acquireTimeoutSeconds = patienceSeconds
        options.applicationName = "pool-test"
        return options
    }

    private static let mine = "application_name = 'pool-test'"
    private static let one = Statement("one", "SELECT 1")

    private func sessions() throws -> Int {
        try database.count("pg_stat_activity WHERE datname = current_database() AND \(Self.mine)")
    }

    @Test func manyThreadsShareFewSessions() throws {
        let pool = Pool(options(sessions: 4))
        let held = Atomic<Int>(0), most = Atomic<Int>(0), done = Atomic<Int>(0)
        try concurrently(32) { _ in
            for _ in 0..<50 {
                try pool.withConnection { connection throws(KinoraError) in
                    _ = most.max(held.add(1, ordering: .relaxed).newValue, ordering: .relaxed)
                    defer { held.subtract(1, ordering: .relaxed) }
                    _ = try connection.run(Self.one)
                }
                done.add(1, ordering: .relaxed)
            }
        }
        #expect(done.load(ordering: .relaxed) == 32 * 50)
        #expect(most.load(ordering: .relaxed) <= 4)
        #expect(try sessions() <= 4)
    }

    @Test func aQuietPoolUsesOneSession() throws {
        let pool = Pool(options(sessions: 4))
        for _ in 0..<20 {
            try pool.withConnection { connection throws(KinoraError) in _ = try connection.run(Self.one) }
        }
        #expect(try sessions() == 1)
        pool.closeIdle()
        #expect(try eventually { try sessions() == 0 })
    }

    @Test func whoeverFindsEverySessionTakenWaitsForOne() throws {
        let pool = Pool(options(sessions: 1))
        let taken = Signal(), release = Signal()
        let answered = Happening<Bool>()
        let holder = try Thread {
            try? pool.withConnection { _ in
                taken.raise()
                _ = release.wait(for: patience)
            }
        }
        #expect(taken.wait(for: patience))
        let waiter = try Thread {
            answered.note(
                (try? pool.withConnection { c throws(KinoraError) in try c.run(Self.one).count }) == 1)
        }
        #expect(!answered.wait(within: .milliseconds(300)) { !$0.isEmpty })
        release.raise()
        #expect(answered.wait { $0 == [true] })
        #expect(holder.join(until: .now + patience) && waiter.join(until: .now + patience))
    }

    @Test func whoeverWaitsTooLongIsToldThatTheDatabaseIsAway() throws {
        let pool = Pool(options(sessions: 1, patienceSeconds: 1))
        try pool.withConnection { _ in
            let error = #expect(throws: KinoraError.self) { try pool.withConnection { _ in } }
            #expect(error?.code == .databaseAway)
        }
        // Nothing is lost by that: the session is back.
        try pool.withConnection { connection throws(KinoraError) in _ = try connection.run(Self.one) }
    }

    @Test func idleSessionsThatTheServerEndedAreReplacedUnseen() throws {
        let pool = Pool(options(sessions: 4))
        for round in 0..<5 {
            try concurrently(4) { _ in
                try pool.withConnection { connection throws(KinoraError) in _ = try connection.run(Self.one) }
            }
            let ended = try database.terminateSessions(where: Self.mine)
            #expect(ended > 0, "round \(round)")
        }
        try pool.withConnection { connection throws(KinoraError) in _ = try connection.run(Self.one) }
    }

    @Test func aSessionThatDiesInUseCostsOneErrorAndNoSession() throws {
        let pool = Pool(options(sessions: 1))
        for _ in 0..<3 {
            let error = #expect(throws: KinoraError.self) {
                try pool.withConnection { connection throws(KinoraError) in
                    _ = try connection.run(Self.one)
                    do { try database.terminateSessions(where: Self.mine) } catch {
                        throw KinoraError(.internalFault, detail: "\(error)")
                    }
                    _ = try connection.run(Self.one)
                }
            }
            #expect(error?.code == .databaseAway)
            try pool.withConnection { connection throws(KinoraError) in _ = try connection.run(Self.one) }
        }
    }

    /// A server that takes the connection and says nothing.
    @Test func aURLThatNamesItsOwnTimeHasItsWay() throws {
        let silent = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(silent) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(silent, $0, length) == 0 && listen(silent, 1) == 0
                    && getsockname(silent, $0, &length) == 0
            }
        }
        try #require(isBound)
        let place = "127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
        var options = DatabaseOptions(url: Secret("postgresql://nobody@\(place)/none?connect_timeout=2"))
        options.connectTimeoutSeconds = 600
        let ended = Happening<ErrorCode?>()
        let asked = options
        let thread = try Core.Thread {
            do throws(KinoraError) { _ = try Connection(asked) } catch { ended.note(error.code) }
        }
        #expect(ended.wait { $0 == [.databaseAway] })
        #expect(thread.join(until: .now + patience))
    }

    @Test func aRefusedStatementLeavesTheSessionUsable() throws {
        let pool = Pool(options(sessions: 1))
        let error = #expect(throws: KinoraError.self) {
            try pool.withConnection { c throws(KinoraError) in _ = try c.run(Statement("bad", "SELECT 1 / 0"))
            }
        }
        #expect(error?.code == .internalFault)
        try pool.withConnection { connection throws(KinoraError) in _ = try connection.run(Self.one) }
        #expect(try sessions() == 1)
    }

    @Test func aTransactionThatThrowsLeavesNothing() throws {
        let connection = try Connection(database.ownerOptions)
        #expect(throws: KinoraError.self) {
            try connection.transaction { connection throws(KinoraError) in
                try connection.script("INSERT INTO setting VALUES ('half', '1', '')")
                try connection.script("SELECT 1 / 0")
            }
        }
        #expect(try database.count("setting WHERE name = 'half'") == 0)
        #expect(connection.isUsable)
    }

    @Test func aServerThatIsAwaySaysSoAndKeepsThePasswordOut() throws {
        let url = Secret("postgresql://kinora:very-secret@/kinora?host=/nonexistent/socket/folder")
        let store = Store(DatabaseOptions(url: url))
        for _ in 0..<100 {
            let error = #expect(throws: KinoraError.self) { try store.ping() }
            #expect(error?.code == .databaseAway)
            #expect(error?.debugDescription.contains("very-secret") == false)
        }
    }

    @Test func aDatabaseThatComesBackIsUsedAgain() throws {
        let store = database.store()
        try store.ping()
        try database.goAway()
        let error = #expect(throws: KinoraError.self) { try store.ping() }
        #expect(error?.code == .databaseAway)
        try database.comeBack()
        #expect(throws: Never.self) { try store.ping() }
    }

    @Test func aDeadlockAndALockThatIsNotGivenAreWorthARetry() throws {
        let other = try database.newSession()
        try other.rows("BEGIN; LOCK TABLE setting")
        let connection = try Connection(database.ownerOptions)
        try connection.script("SET lock_timeout = '50ms'")
        let error = #expect(throws: KinoraError.self) {
            try connection.script("SELECT count(*) FROM setting")
        }
        #expect(error?.code == .databaseAway && error?.isLocked == true)
    }
}
