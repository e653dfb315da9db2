import Core
import Store
import TestSupport
import Testing
import Upstream

@testable import Engine

/// A model that some accounts of a vendor have not opened.
@Suite(.freshDatabase) struct ModelAccessTests {
    /// Refuses every submit on these accounts, and otherwise does as `script` says.
    private func close(
        _ stage: Stage, for names: String..., script: @escaping ScriptedVendor.Script = { _ in nil }
    ) {
        let keys = Set(names.map(Stage.credential))
        stage.vendor.script { call in
            guard call.step == .submit, keys.contains(call.account.credential.revealed()) else {
                return script(call)
            }
            return .json(404, ["error": ["message": "no access", "code": "model_not_found"]])
        }
    }

    /// That nothing is held against any account.
    private func areAllWell(_ stage: Stage) throws -> Bool {
        try stage.database.count(
            """
            account WHERE state <> 'active' OR state_reason <> '' OR consecutive_errors > 0
                OR consecutive_throttles > 0 OR cooling_until IS NOT NULL OR exhausted_at IS NOT NULL
            """) == 0
    }

    @Test func anotherAccountMakesItAndTheFirstIsNotBlamed() throws {
        let stage = try Stage(slots: [4, 4])
        close(stage, for: "account 1")
        _ = try stage.worker()
        // Each tries the first account: that it lacks the model is nothing that is known of it.
        for _ in 0..<2 { _ = try stage.finished() }
        let course = [["1", "1", "abandoned"], ["2", "2", "succeeded"]]
        #expect(try stage.attempts() == course + course)
        #expect(try areAllWell(stage))
        #expect(stage.events.count { if case .accountFell = $0 { true } else { false } } == 0)
    }

    @Test func aTaskThatNobodyHasTheModelForFailsAndIsPaidBack() throws {
        let stage = try Stage(slots: [4, 4, 4])
        close(stage, for: "account 1", "account 2", "account 3")
        try stage.database.sql("UPDATE account SET state = 'disabled' WHERE name = 'account 3'")
        try stage.database.grant(1000)
        let price = Price(task: Amount(micros: 100))
        let place = PricePlace(model: "sora-2", category: nil, resolution: "")
        #expect(try stage.store.setPrice(price, at: place) > 0)
        try stage.refresh { $0.models["sora-2"]?.prices[.t2v]?[""] == price }
        _ = try stage.worker()
        let task = try stage.submit()
        let end = stage.events.end(of: task.id)
        #expect(end?.state == .failed && end?.code == "upstream_model_closed")
        #expect(try stage.attempts() == [["1", "1", "abandoned"], ["2", "2", "failed"]])
        #expect(try stage.store.quota(of: stage.caller).available.micros == 1000)
        #expect(try stage.task(task.id)?.failure?.message.contains("no access to this model") == true)
        #expect(try stage.database.count("account WHERE state = 'active' AND consecutive_errors = 0") == 2)
    }

    /// It would be refused again, as often as it may be tried.
    @Test func whileTheOtherIsFullTheTaskWaitsForIt() throws {
        let stage = try Stage(slots: [4, 1])
        close(stage, for: "account 1") { call in
            call.step == .poll ? .json(200, ["id": "x", "status": "in_progress"]) : nil
        }
        _ = try stage.worker()
        let first = try stage.submit("1")
        try #require(eventually { try stage.resting() == 1 })
        let second = try stage.submit("2")
        #expect(
            stage.events.has { if case .taskRequeued(second.id, _, _, _) = $0 { true } else { false } })
        close(stage, for: "account 1")
        try stage.hurry(until: first.id)
        try stage.hurry(until: second.id)
        let course = [["1", "1", "abandoned"], ["2", "2", "succeeded"]]
        #expect(try stage.attempts() == course + course)
    }
}
