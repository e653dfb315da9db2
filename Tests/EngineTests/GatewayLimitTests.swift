import Core
import Store
import TestSupport
import Testing

@testable import Engine

/// Limits, from the gateway's side: who pays for them, and what they do to an answer.
@Suite(.freshDatabase) struct GatewayLimitTests {
    let stage: Stage

    init() throws { stage = try Stage(slots: [2]) }

    private var limited: Caller {
        Caller(userID: stage.caller.userID, keyID: stage.caller.keyID, isLimited: true)
    }

    private func submission(
        _ prompt: String = "a prompt", _ change: (inout Submission) -> Void = { _ in }
    ) -> Command {
        var submission = Submission(dialect: "test", model: "sora-2", kind: .video, prompt: prompt)
        change(&submission)
        return .submit(submission)
    }

    private func set(_ setting: String, _ value: Int) throws {
        try stage.database.sql(
            """
            INSERT INTO setting VALUES ('\(setting)', '\(value)', '')
            ON CONFLICT (name) DO UPDATE SET value = excluded.value
            """)
        try stage.refresh { $0.settings[setting] == .integer(Int64(value)) }
    }

    private func refusal(_ body: () throws -> Void) -> ErrorCode? {
        #expect(throws: KinoraError.self, performing: body)?.code
    }

    /// As `\(count)` submits leave them, without any.
    private func fillLine(_ count: Int) throws {
        try stage.database.sql(
            """
            INSERT INTO task (user_id, model_id, kind, category)
            SELECT \(stage.caller.userID), 'sora-2', 'video', 't2v'
            FROM generate_series(1, \(count))
            """)
    }

    @Test func theSnapshotKnowsWhoHasALimit() throws {
        func isLimited() throws -> Bool {
            try SnapshotCache(stage.database.store(), events: stage.events).snapshot.keys.values
                .contains(where: \.caller.isLimited)
        }
        #expect(try !isLimited())
        for table in ["api_key", "app_user"] {
            for column in ["requests_per_minute", "concurrent_tasks_max"] {
                try stage.database.sql("UPDATE \(table) SET \(column) = 5")
                #expect(try isLimited(), "\(table).\(column)")
                try stage.database.sql("UPDATE \(table) SET \(column) = NULL")
            }
        }
        #expect(try !isLimited())
    }

    @Test func theAnswerOfALimitedCallerTellsWhatIsLeft() throws {
        try stage.database.sql("UPDATE api_key SET requests_per_minute = 2")
        for left in [1, 0] {
            guard
                case .limited(.accepted(let task), let allowance) = try stage.perform(
                    submission(), as: limited)
            else { throw Unexpected("not limited") }
            #expect(allowance == Allowance(requestsMax: 2, remaining: left, resetSeconds: 60))
            #expect(stage.events.has { if case .taskAccepted(task.id, _, _) = $0 { true } else { false } })
        }
        let error = #expect(throws: KinoraError.self) {
            _ = try stage.perform(submission(), as: limited)
        }
        #expect(error?.code == .rateLimitExceeded)
        #expect(error?.allowance?.remaining == 0)
        #expect((50...60).contains(error?.retryAfterSeconds ?? 0))
        #expect(try stage.database.count("task") == 2)
    }

    @Test func aRepetitionCountsNothingAndIsAnsweredEvenWhenNothingIsLeft() throws {
        try stage.database.sql("UPDATE api_key SET requests_per_minute = 1")
        let once = submission {
            $0.idempotencyKey = "once"
            $0.fingerprint = String(repeating: "0a", count: 32)
        }
        guard case .limited(.accepted(let first), _) = try stage.perform(once, as: limited) else {
            throw Unexpected("not limited")
        }
        for _ in 0..<3 {
            guard case .accepted(let again) = try stage.perform(once, as: limited) else {
                throw Unexpected("not a repetition")
            }
            #expect(again.id == first.id)
        }
        #expect(try stage.database.count("request_permit") == 1)
    }

    /// The tables of limits are locked by somebody else: whoever needs them waits.
    @Test func whoeverHasNoLimitNeverTouchesThem() throws {
        let other = try stage.database.newSession()
        try other.rows("BEGIN; LOCK TABLE request_permit, open_task IN ACCESS EXCLUSIVE MODE")
        for _ in 0..<3 { _ = try stage.submit() }
        try other.rows("COMMIT")
        #expect(try stage.database.count("task") == 3)
    }

    @Test func aRefusedSubmitLeavesNoReferenceBehind() throws {
        try stage.database.sql("UPDATE api_key SET concurrent_tasks_max = 1")
        func picture(_ byte: UInt8) -> Command {
            let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, byte]
            return submission { $0.references = [Reference(.bytes(png), field: "input_reference")] }
        }
        _ = try stage.perform(picture(1), as: limited)
        #expect(stage.folder.files("media").count == 1)
        for byte in UInt8(2)...4 {
            let error = #expect(throws: KinoraError.self) {
                _ = try stage.perform(picture(byte), as: limited)
            }
            #expect(error?.code == .concurrencyLimitExceeded)
        }
        #expect(stage.folder.files("media").count == 1)
        #expect(try stage.database.count("asset") == 1)
    }

    @Test func aShortLineIsRefusedAtTheTaskThatIsTooMany() throws {
        try set("max_waiting_tasks_sora", 1)
        for _ in 0..<3 { _ = try stage.submit() }
        let error = #expect(throws: KinoraError.self) { _ = try stage.submit() }
        #expect(error?.code == .queueFull)
        #expect(error?.retryAfterSeconds == 45, "three tasks of 30 s on two slots")
        #expect(try stage.database.count("task") == 3)
    }

    /// Three may wait, as its clients know it, until an operator says otherwise.
    @Test func theLineOfOpenArtIsShort() throws {
        try stage.database.model("art-1", vendor: "openai")
        try stage.database.sql("UPDATE model SET family = 'openart' WHERE id = 'art-1'")
        func submit(_ count: Int) throws {
            for _ in 0..<count { _ = try stage.submit { $0.model = "art-1" } }
        }
        try set("max_waiting_tasks", 500)
        try submit(5)
        #expect(refusal { try submit(1) } == .queueFull)
        try set("max_waiting_tasks_openart", 4)
        try submit(1)
        #expect(refusal { try submit(1) } == .queueFull)
        _ = try stage.submit()
    }

    @Test func withoutALineATaskNeedsAFreeSlot() throws {
        try set("max_waiting_tasks", 0)
        for _ in 0..<2 { _ = try stage.submit() }
        let error = #expect(throws: KinoraError.self) { _ = try stage.submit() }
        #expect(error?.code == .queueFull)
        _ = try stage.worker()
        #expect(stage.events.has(2) { if case .taskFinished = $0 { true } else { false } })
        _ = try stage.submit()
    }

    @Test func aLongLineIsRefusedOnceItIsKnownToBeFull() throws {
        try set("max_waiting_tasks", 1000)
        try fillLine(1001)
        var refusal: KinoraError?
        let isRefused = eventually {
            do { _ = try stage.submit() } catch { refusal = error as? KinoraError }
            return refusal != nil
        }
        #expect(isRefused)
        #expect(refusal?.code == .queueFull)
        #expect(refusal?.retryAfterSeconds == 3600)
        try stage.database.sql("UPDATE task SET state = 'cancelled', due_at = NULL, finished_at = now()")
        let isOpen = eventually { (try? stage.submit()) != nil }
        #expect(isOpen)
    }

    @Test func aCountThatHungDoesNotRefuseForMinutes() {
        #expect(LongLines.pause(after: .milliseconds(3)) == .seconds(1))
        #expect(LongLines.pause(after: .milliseconds(100)) == .seconds(5))
        #expect(LongLines.pause(after: .seconds(5)) == .seconds(10))
    }

    /// While nobody submits nobody counts, and the first who comes back must not hear of what was.
    @Test func aLineThatWasFullLongAgoIsCountedBeforeAnybodyIsRefused() throws {
        try set("max_waiting_tasks", 1000)
        try fillLine(1001)
        #expect(eventually { (try? stage.submit()) == nil })
        stage.gateway.longLines.stop()
        try stage.database.sql("UPDATE task SET state = 'cancelled', due_at = NULL, finished_at = now()")
        #expect(eventually { (try? stage.submit()) != nil })
    }

    @Test func theOwnBoundOfAFamilyComesBeforeThatOfAll() throws {
        func snapshot(_ settings: [String: JSON]) -> Snapshot {
            Snapshot(version: 1, keys: [:], models: [:], settings: settings, vendorsServed: [])
        }
        #expect(snapshot([:]).waitingMax(of: "sora") == 10_000)
        #expect(snapshot(["max_waiting_tasks": 7]).waitingMax(of: "sora") == 7)
        let both = snapshot(["max_waiting_tasks": 7, "max_waiting_tasks_a_b": 0])
        #expect(both.waitingMax(of: "a-b") == 0 && both.waitingMax(of: "ab") == 7)
        for senseless: JSON in ["many", .null, -5] {
            let settings = snapshot(["max_waiting_tasks": senseless])
            #expect((0...10_000).contains(settings.waitingMax(of: "sora")))
        }
    }
}
