import Core
import TestSupport
import Testing

@testable import Store

@Suite(.freshDatabase) struct RestTests {
    let database = TestDatabase.current
    let signal = PollableSignal()

    private static let mine = "application_name = 'rest-test'"

    /// As a worker's: one session, which listens.
    private func queue() throws -> Store {
        var options = database.options
        options.applicationName = "rest-test"
        options.connectionsMax = 1
        options.channels = [Listener.workChannel]
        let queue = Store(options)
        try queue.ping()
        return queue
    }

    /// Whether somebody ends the rest before its time.
    private func isWoken(_ queue: Store, within time: Duration = .seconds(60)) throws -> Bool {
        let began = ContinuousClock.now
        try queue.rest(for: time, or: signal)
        return ContinuousClock.now - began < time
    }

    private func session() throws -> String? {
        try database.value(
            """
            SELECT string_agg(pid::text, ' ') FROM pg_stat_activity
            WHERE datname = current_database() AND \(Self.mine)
            """)
    }

    @Test func itEndsWithANotificationThatCameWhileNobodyWaited() throws {
        let queue = try queue()
        let session = try session()
        try database.sql("NOTIFY kinora_work")
        #expect(try isWoken(queue))
        #expect(try !isWoken(queue, within: .milliseconds(20)), "each is heard once")
        // This one comes with the reply to a statement.
        try database.sql("NOTIFY kinora_work")
        try queue.ping()
        #expect(try isWoken(queue))
        #expect(try self.session() == session)
    }

    @Test func itEndsWithANotificationThatComesMeanwhile() throws {
        let queue = try queue()
        let woken = Happening<Bool>()
        _ = try Thread { woken.note((try? isWoken(queue)) ?? false) }
        while !woken.wait(within: .milliseconds(20), until: { !$0.isEmpty }) {
            try database.sql("NOTIFY kinora_other; NOTIFY kinora_work")
        }
        #expect(woken.all == [true])
    }

    @Test func itEndsWithASignalOnce() throws {
        let queue = try queue()
        signal.raise()
        signal.raise()
        #expect(try isWoken(queue))
        #expect(try !isWoken(queue, within: .milliseconds(20)))
        signal.raise()
        #expect(signal.wait(for: .zero) && !signal.wait(for: .milliseconds(5)))
    }

    /// As every other session that ends while nobody uses it.
    @Test func aSessionThatEndsBetweenTwoStatementsIsReplaced() throws {
        let queue = try queue()
        try database.sql("NOTIFY kinora_work")
        #expect(try database.terminateSessions(where: Self.mine) == 1)
        try queue.ping()
        try database.sql("NOTIFY kinora_work")
        #expect(try isWoken(queue))
    }

    @Test func itEndsWithItsSession() throws {
        let queue = try queue()
        let codes = Happening<ErrorCode?>()
        _ = try Thread {
            do throws(KinoraError) { try queue.rest(for: .seconds(60), or: signal) } catch {
                codes.note(error.code)
            }
        }
        while codes.all.isEmpty { try database.terminateSessions(where: Self.mine) }
        #expect(codes.all == [.databaseAway])
        // The next one listens too.
        try queue.ping()
        try database.sql("NOTIFY kinora_work")
        #expect(try isWoken(queue))
    }
}
