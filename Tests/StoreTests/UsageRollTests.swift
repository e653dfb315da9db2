import Core
import Store
import TestSupport
import Testing

/// Usage is exact at every moment, and counted once whoever adds it up.
@Suite(.freshDatabase) struct UsageRollTests {
    let database = TestDatabase.current
    let store = TestDatabase.current.store()

    private static let media = StoredMedia(sha256: String(repeating: "0d", count: 32), bytes: 9, type: .mp4)

    /// A task that has ended.
    private func end(
        _ caller: Caller, succeeds: Bool = true, price: Int64 = 0, identifier: String? = nil,
        parameters: Parameters = ["seconds": 4]
    ) throws {
        var task = NewTask.sample(caller, price: Amount(micros: price))
        task.userIdentifier = identifier
        task.parameters = parameters
        let row = try #require(try store.submit(task)).row
        let claimed = try #require(try store.claim(worker: 1).first { $0.row == row })
        #expect(try store.storing(claimed))
        if succeeds {
            #expect(try store.succeeded(claimed, results: [TaskResult(Self.media)]))
        } else {
            #expect(try store.failed(claimed, KinoraError(.upstreamEmptyResult)))
        }
    }

    /// What tasks have used; tokens are for text models.
    private func usage(
        _ group: UsageGroup, since: String? = nil, until: String? = nil, user: String? = nil
    ) throws -> [String] {
        let question = UsageQuestion(group: group, since: since, until: until, user: user)
        return try store.listUsage(question).map { row in
            #expect(row["input_tokens"] == 0 && row["output_tokens"] == 0)
            return row.members.dropLast(2).map { $0.value.stringValue ?? $0.value.text }.joined(
                separator: " ")
        }
    }

    private func roll() throws -> Int { try store.rollUsage(limit: 1000) }

    @Test func itIsTheSameBeforeAndAfterItWasAddedUp() throws {
        let mai = try database.caller("麻衣"), owner = try database.caller()
        try database.account("one", slots: 100)
        try database.grant(1_000_000, to: "麻衣")
        try end(mai, price: 250_000, identifier: "kunde ✓")
        try end(mai, succeeds: false, price: 250_000, identifier: "kunde ✓")
        try end(owner, parameters: ["seconds": 8])
        _ = try store.submit(.sample(owner))
        func everything() throws -> [[String]] {
            try UsageGroup.allCases.filter { $0 != .day && $0 != .key }.map { try usage($0) }
        }
        let expected = [
            ["owner 2 1 0 0 8 0", "麻衣 2 1 1 0.25 4 0"], ["sora-2 4 2 1 0.25 12 0"],
            ["openai/one 3 2 1 0.25 12 0", "null 1 0 0 0 0 0"],
            ["kunde ✓ 2 1 1 0.25 4 0", "null 2 1 0 0 8 0"],
        ]
        #expect(try everything() == expected)
        #expect(try database.count("usage_day") == 0)
        #expect(try roll() == 3)
        #expect(try everything() == expected)
        #expect(try database.count("usage_pending") == 0)
        #expect(try roll() == 0)
        #expect(try everything() == expected)
        #expect(try usage(.key).count == 2)
        #expect(try usage(.model, user: "麻衣") == ["sora-2 2 1 1 0.25 4 0"])
        #expect(try usage(.model, user: "nobody") == [])
        #expect(
            try database.sql("SELECT user_name, captured_micros FROM v_spend_by_day ORDER BY 1")
                == [["owner", "0"], ["麻衣", "250000"]])
    }

    @Test(arguments: [false, true])
    func whatADeletedTaskMadeIsCounted(_ isAddedUp: Bool) throws {
        let owner = try database.caller()
        try database.account("one")
        var task = NewTask.sample(owner)
        task.kind = .image
        task.category = .t2i
        _ = try store.submit(task)
        let claimed = try #require(try store.claim(worker: 1).first)
        #expect(try store.storing(claimed))
        let other = StoredMedia(sha256: String(repeating: "0e", count: 32), bytes: 9, type: .png)
        #expect(try store.succeeded(claimed, results: [TaskResult(Self.media), TaskResult(other)]))
        let before = try usage(.model)
        #expect(before == ["sora-2 1 1 0 0 0 2"])
        if isAddedUp { #expect(try roll() == 1) }
        let made = try #require(try store.task(TaskReference(task.id), of: owner))
        #expect(try store.delete(made, of: owner))
        #expect(try usage(.model) == before)
        #expect(try database.count("usage_pending") == 0)
        _ = try roll()
        #expect(try usage(.model) == before)
    }

    @Test func aTaskIsAcceptedOnOneDayAndEndsOnAnother() throws {
        let owner = try database.caller()
        try database.account("one")
        _ = try store.submit(.sample(owner))
        try database.sql("UPDATE task SET created_at = '2026-01-31T23:59:59Z'")
        let claimed = try #require(try store.claim(worker: 1).first)
        #expect(try store.storing(claimed) && store.succeeded(claimed, results: [TaskResult(Self.media)]))
        try database.sql(
            """
            ALTER TABLE task DISABLE TRIGGER USER; UPDATE task SET finished_at = '2026-02-01T00:00:00Z';
            ALTER TABLE task ENABLE TRIGGER USER
            """)
        for _ in 0..<2 {
            #expect(try usage(.day) == ["2026-01-31 1 0 0 0 0 0", "2026-02-01 0 1 0 0 4 0"])
            #expect(try usage(.day, since: "2026-02-01") == ["2026-02-01 0 1 0 0 4 0"])
            #expect(try usage(.day, until: "2026-01-31") == ["2026-01-31 1 0 0 0 0 0"])
            #expect(try usage(.day, since: "2026-02-02") == [])
            _ = try roll()
        }
    }

    @Test func whoDiesWhileAddingUpAddsNothing() throws {
        let owner = try database.caller()
        try database.account("one")
        try end(owner)
        let dying = try database.newSession()
        let statement = try #require(Statement.all.first { $0.name == "usage_roll" })
        try dying.rows("PREPARE roll AS \(statement.sql); BEGIN; EXECUTE roll(10)")
        // Meanwhile nobody else does it, and nobody waits.
        #expect(try roll() == 0)
        #expect(try usage(.model) == ["sora-2 1 1 0 0 4 0"])
        try dying.rows("ROLLBACK")
        #expect(try roll() == 1)
        #expect(try usage(.model) == ["sora-2 1 1 0 0 4 0"])
    }

    @Test func manyWhoEndTasksAndAddThemUpAtOnceCountEachOnce() throws {
        let callers = try (0..<4).map { try database.caller("user \($0)") }
        try database.account("one", slots: 1000)
        let processes = [database.store(), database.store()]
        let cancelled = Happening<Int>()
        try concurrently(12) { thread in
            let store = processes[thread % 2]
            for _ in 0..<10 {
                if thread < 8 {
                    let task = NewTask.sample(callers[thread % 4])
                    _ = try store.submit(task)
                    if try store.cancel(TaskReference(task.id)) != nil { cancelled.note(1) }
                } else {
                    _ = try store.rollUsage(limit: 3)
                }
            }
        }
        #expect(try usage(.model) == ["sora-2 80 0 \(cancelled.all.count) 0 0 0"])
        while try roll() > 0 {}
        #expect(try usage(.model) == ["sora-2 80 0 80 0 0 0"])
        #expect(try database.value("SELECT sum(accepted) FROM usage_day") == "80")
    }

    @Test func whatMakesNoSenseStopsNothing() throws {
        let owner = try database.caller()
        try database.account("one", slots: 100)
        for seconds: JSON in [.integer(.max), -5, "long", .decimal("1e300"), .null] {
            try end(owner, parameters: ["seconds": seconds])
        }
        #expect(try roll() == 5)
        #expect(try usage(.model) == ["sora-2 5 5 0 0 2000000 0"])
    }
}
