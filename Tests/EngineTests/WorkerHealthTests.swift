import Core
import Store
import TestSupport
import Testing
import Upstream

@testable import Engine

/// What workers make of the errors of an account.
@Suite(.freshDatabase) struct WorkerHealthTests {
    private static func error(_ status: Int, _ message: String, code: String = "x") -> ScriptedVendor.Answer {
        .json(status, ["error": ["message": .string(message), "code": .string(code)]])
    }

    private func account(_ stage: Stage) throws -> [String?]? {
        try stage.database.sql(
            "SELECT state, state_reason, consecutive_errors, consecutive_throttles FROM account"
        ).first
    }

    @Test func aRefusedKeyMakesTheAccountInvalidAndTheReasonDoesNotShowIt() throws {
        let stage = try Stage(slots: [4])
        let key = Stage.credential("account 1")
        stage.vendor.script { $0.step == .submit ? Self.error(401, "wrong key \(key)") : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.events.has { if case .taskRequeued(task.id, _, _, _) = $0 { true } else { false } })
        let row = try account(stage)
        #expect(row?[0] == "invalid")
        #expect(row?[1]?.hasPrefix("upstream_credential: ") == true)
        #expect(row?[1]?.contains(key) == false)
        #expect(
            stage.events.has {
                guard case .accountFell(_, .invalid, let error) = $0 else { return false }
                return error.detail.contains("wrong key") && !error.detail.contains(key)
            })
        // The operator mends it, and the task goes on as if nothing had been.
        stage.vendor.script { _ in nil }
        #expect(try stage.store.setAccountState("account 1", to: "active", reason: "") == 1)
        try stage.database.sql("UPDATE task SET due_at = now()")
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
    }

    @Test func refusedContentFailsTheTaskAndCostsTheAccountNothing() throws {
        let stage = try Stage(slots: [4])
        stage.vendor.script {
            $0.step == .submit
                ? Self.error(400, "not with us", code: "content_policy_violation") : nil
        }
        _ = try stage.worker()
        for _ in 0..<8 {
            #expect(stage.events.end(of: try stage.submit().id)?.code == "content_policy_violation")
        }
        #expect(try account(stage) == ["active", "", "0", "0"])
        #expect(try stage.database.count("attempt") == 8)
    }

    @Test func theThresholdIsASetting() throws {
        let database = TestDatabase.current
        try database.sql("UPDATE setting SET value = '1' WHERE name = 'error_ban_threshold'")
        let stage = try Stage(slots: [4])
        stage.vendor.script { $0.step == .submit ? Self.error(503, "overloaded") : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.events.has { if case .taskRequeued(task.id, _, _, _) = $0 { true } else { false } })
        #expect(try account(stage)?[0] == "disabled")
    }

    @Test func aVendorThatIsFullIsAskedAgainWhenItsRestIsOver() throws {
        let stage = try Stage(slots: [4])
        stage.vendor.script {
            $0.step == .submit && $0.nth == 1
                ? .json(429, ["error": ["message": "slow down"]], headers: ["retry-after": "2"]) : nil
        }
        _ = try stage.worker()
        let start = ContinuousClock.now
        let task = try stage.submit()
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(start.duration(to: .now) >= .seconds(2))
        #expect(try account(stage) == ["active", "", "0", "0"])
        #expect(try stage.attempts().map { $0[2] } == ["abandoned", "succeeded"])
    }

    /// The client notices nothing: neither an error nor a wait.
    @Test func anAccountsRefusalSendsTheTaskToAnotherAtOnce() throws {
        let stage = try Stage(slots: [4, 4, 4])
        let bad = Set([1, 2].map { Stage.credential("account \($0)") })
        stage.vendor.script {
            $0.step == .submit && bad.contains($0.account.credential.revealed())
                ? Self.error(401, "no") : nil
        }
        _ = try stage.worker()
        let tasks = try (0..<4).map { try stage.submit("\($0)") }
        for task in tasks { #expect(stage.events.end(of: task.id)?.state == .succeeded) }
        let pauses = stage.events.all.compactMap { event in
            if case .taskRequeued(_, let seconds, _, _) = event { seconds } else { nil }
        }
        #expect(pauses.count >= 2 && pauses.allSatisfy { $0 == 0 }, "\(pauses)")
        #expect(
            try stage.database.sql("SELECT state FROM account ORDER BY id") == [
                ["invalid"], ["invalid"], ["active"],
            ])
        #expect(try stage.database.count("task WHERE state = 'succeeded'") == 4)
    }

    @Test func aTaskThatFiveAccountsRefuseFailsWithTheLastError() throws {
        let stage = try Stage(slots: [4, 4, 4, 4, 4, 4, 4])
        stage.vendor.script { $0.step == .submit ? Self.error(503, "down") : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        let end = stage.events.end(of: task.id)
        #expect(end?.state == .failed)
        #expect(end?.code == "upstream_server")
        #expect(try stage.attempts().count == Limits.accountsTriedMax)
        #expect(Set(try stage.attempts().map { $0[1] }).count == Limits.accountsTriedMax)
        #expect(try stage.database.count("account WHERE state = 'cooling'") == Limits.accountsTriedMax)
    }

    @Test func aTaskWaitsWhileAllAccountsRestAndBurnsNoAttempt() throws {
        let stage = try Stage(slots: [4, 4])
        try stage.database.sql(
            "UPDATE account SET state = 'cooling', cooling_until = now() + id * interval '2 s'")
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(try stage.attempts() == [["1", "1", "succeeded"]])
        let hasWaited = try stage.database.value(
            """
            SELECT p.started_at >= a.cooling_until FROM attempt p JOIN account a ON a.id = p.account_id
            """)
        #expect(hasWaited == "t")
    }

    @Test func aRemixStaysWithItsAccountThroughARest() throws {
        let stage = try Stage(slots: [4, 4])
        _ = try stage.worker()
        let source = try stage.finished()
        let home = try stage.attempts()[0][1]
        stage.vendor.script {
            $0.step == .submit && $0.nth == 2
                ? .json(429, ["error": ["message": "slow down"]], headers: ["retry-after": "1"]) : nil
        }
        let remix = try stage.submit("again") {
            $0.model = nil; $0.remixOf = TaskReference(source.id)
        }
        #expect(stage.events.end(of: remix.id)?.state == .succeeded)
        #expect(try stage.attempts().map { $0[1] } == [home, home, home])
        #expect(try stage.attempts().map { $0[2] } == ["succeeded", "abandoned", "succeeded"])
    }

    @Test func aTaskWhoseAccountsAllFellAwayExpires() throws {
        let stage = try Stage(slots: [4])
        stage.vendor.script { $0.step == .submit ? Self.error(401, "no") : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.events.has { if case .taskRequeued(task.id, _, _, _) = $0 { true } else { false } })
        try stage.database.sql("UPDATE task SET deadline_at = now()")
        #expect(stage.events.end(of: task.id)?.state == .expired)
        #expect(try stage.task(task.id)?.failure?.code == "task_deadline")
    }
}
