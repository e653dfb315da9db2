import Core
import Store
import TestSupport
import Testing
import Upstream

@testable import Engine

/// Workers that go round the accounts.
@Suite(.freshDatabase) struct CreditRoundTests {
    private func round(_ stage: Stage) -> CreditRound {
        CreditRound(
            store: stage.database.store(connectionsMax: 2), cache: stage.cache,
            inspection: AccountInspection(
                store: stage.store, vault: stage.vault, transport: stage.vendor, events: stage.events),
            events: stage.events, pollInterval: .milliseconds(10)
        ) { .zero }
    }

    private func started(_ stage: Stage) throws -> CreditRound {
        let round = round(stage)
        try round.start()
        return round
    }

    private func accounts(_ stage: Stage, _ condition: String) throws -> Int {
        try stage.database.count("account WHERE \(condition)")
    }

    @Test func theCreditOfEveryAccountIsReadAndAFaultEndsNothing() throws {
        let stage = try Stage(slots: [1, 1, 1])
        try stage.database.sql("UPDATE account SET exhausted_at = now() WHERE id = 3")
        stage.vendor.script { $0.account.row == 2 ? .json(500, ["error": "broken"]) : nil }
        let round = try started(stage)
        defer { round.stop() }
        try #require(try eventually { try accounts(stage, "checked_at IS NOT NULL") == 3 })
        #expect(try accounts(stage, "credits_micros = 12500000 AND check_error IS NULL") == 2)
        #expect(
            try accounts(stage, "id = 2 AND credits_micros IS NULL AND check_error LIKE 'upstream%'") == 1)
        #expect(try accounts(stage, "state = 'active' AND exhausted_at IS NULL") == 3)
        // First who cannot pay.
        #expect(stage.vendor.calls.first?.account.row == 3)
    }

    @Test func twoProcessesAskAboutOneAccountAtATime() throws {
        let stage = try Stage(slots: [1, 1])
        stage.vendor.script { $0.nth == 1 ? .held : nil }
        let rounds = [try started(stage), try started(stage)]
        defer { for round in rounds { round.stop() } }
        try #require(stage.vendor.waits(for: .account))
        // The turn is not free, however often they look.
        #expect(try stage.store.takeCreditsTurn(every: .seconds(1)) == nil)
        #expect(stage.vendor.calls(.account).count == 1)
        stage.vendor.release()
        try #require(try eventually { try accounts(stage, "credits_micros IS NOT NULL") == 2 })
        #expect(stage.vendor.calls(.account).count == 4)
    }

    @Test func theSettingSaysWhetherAndHowOften() throws {
        let stage = try Stage(slots: [1])
        func set(_ minutes: Int64) throws {
            let setting = NumberSetting.creditsRefreshMinutes
            try stage.store.putSetting(setting, .integer(minutes))
            try stage.refresh { setting.value(in: $0.settings) == minutes }
        }
        let round = round(stage)
        try set(0)
        try round.askOne()
        #expect(stage.vendor.calls.isEmpty)
        try set(60)
        for _ in 0..<2 { try round.askOne() }
        #expect(stage.vendor.calls(.account).count == 2)
        try stage.database.sql("UPDATE account SET credits_asked_at = now() - interval '2 min'")
        try round.askOne()
        #expect(stage.vendor.calls(.account).count == 2)
        try set(1)
        try round.askOne()
        #expect(stage.vendor.calls(.account).count == 4)
    }

    @Test func aStopWaitsForNobodysAnswerAndLeavesNoFault() throws {
        let stage = try Stage(slots: [1])
        stage.vendor.script { _ in .held }
        let round = try started(stage)
        try #require(stage.vendor.waits(for: .account))
        let start = ContinuousClock.now
        round.stop()
        #expect(start.duration(to: .now) < .seconds(10))
        #expect(try accounts(stage, "check_error IS NULL AND checked_at IS NULL") == 1)
    }
}
