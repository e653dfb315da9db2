import Core
import Store
import TestSupport
import Testing
import Upstream

@testable import Engine

/// Asking vendors about accounts.
@Suite(.freshDatabase) struct AccountInspectionTests {
    private func inspection(_ stage: Stage) -> AccountInspection {
        AccountInspection(
            store: stage.store, vault: stage.vault, transport: stage.vendor, events: stage.events)
    }

    private func account(_ stage: Stage, _ name: String = "account 1") throws -> NamedAccount {
        try #require(try stage.store.accounts(named: name).first)
    }

    private func row(_ stage: Stage) throws -> [String?] {
        try stage.database.sql("SELECT state, credits_micros, check_error FROM account ORDER BY id")[0]
    }

    @Test func aTestAsksOnceWithTheKeyAndTheProxyOfTheAccount() throws {
        let stage = try Stage(slots: [4])
        try stage.database.sql(
            "UPDATE account SET proxy_url = 'http://proxy.example:3128', state = 'disabled'")
        let finding = try inspection(stage).test(try account(stage))
        #expect(finding.error == nil)
        #expect(finding.latency > .zero)
        let call = try #require(stage.vendor.calls.first)
        #expect(stage.vendor.calls.count == 1)
        #expect((call.step, call.path, call.hasKey) == (.account, "/models", true))
        #expect(call.account.proxyURL == "http://proxy.example:3128")
        #expect(try row(stage) == ["disabled", nil, nil])
    }

    @Test func whatATestFindsChangesNothingOfTheAccountAndTellsNoKey() throws {
        let stage = try Stage(slots: [4])
        let key = Stage.credential("account 1")
        stage.vendor.script { _ in
            .json(401, ["error": ["message": .string("wrong key \(key)"), "code": "x"]])
        }
        let finding = try inspection(stage).test(try account(stage))
        #expect(finding.error?.code == .upstreamCredential)
        #expect(finding.error?.detail.contains(key) == false)
        let row = try row(stage)
        #expect(row[0] == "active")
        #expect(row[2]?.hasPrefix("upstream_credential: HTTP 401") == true)
        #expect(row[2]?.contains(key) == false)
    }

    @Test func aVendorThatCannotBeReachedIsFoundSo() throws {
        let stage = try Stage(slots: [4])
        stage.vendor.script { _ in .lost(mayHaveArrived: true) }
        #expect(try inspection(stage).test(try account(stage)).error?.code == .upstreamUnreachable)
        #expect(try row(stage)[2]?.hasPrefix("upstream_unreachable: ") == true)
    }

    @Test func aKeyThatDoesNotOpenIsFoundWithoutAsking() throws {
        let stage = try Stage(slots: [4])
        try stage.database.sql("UPDATE account SET credential_sealed = '\\x01'")
        #expect(try inspection(stage).test(try account(stage)).error?.code == .upstreamCredential)
        #expect(stage.vendor.calls.isEmpty)
    }

    @Test func aRefreshReadsTheCreditAndTakesAnExhaustedAccountBack() throws {
        let stage = try Stage(slots: [4])
        try stage.database.sql("UPDATE account SET exhausted_at = now()")
        let finding = try inspection(stage).refresh(try account(stage))
        #expect(finding.creditsMicros == 12_500_000)
        #expect(
            stage.vendor.calls.map(\.path) == ["/dashboard/billing/subscription", "/dashboard/billing/usage"])
        #expect(try row(stage) == ["active", "12500000", nil])
        #expect(try stage.database.count("account WHERE exhausted_at IS NULL") == 1)
    }

    @Test func aRefreshThatFailsKeepsTheCreditThatWasRead() throws {
        let stage = try Stage(slots: [4])
        try stage.database.sql("UPDATE account SET credits_micros = 7")
        stage.vendor.script { $0.nth == 2 ? .json(500, ["error": "broken"]) : nil }
        #expect(try inspection(stage).refresh(try account(stage)).error?.code == .upstreamServer)
        #expect(try row(stage)[1] == "7")
        stage.vendor.script { _ in .json(404, [:]) }
        #expect(try inspection(stage).refresh(try account(stage)).error?.code == .unsupportedByVendor)
        #expect(try row(stage)[1] == "7")
    }

    @Test func whoeverDoesNotTellHasNoFaultAndIsNotAskedAgain() throws {
        let stage = try Stage(slots: [4, 4])
        stage.vendor.script { _ in .json(404, [:]) }
        _ = try inspection(stage).refresh(try account(stage))
        // OpenAI's own address is not even asked.
        let calls = stage.vendor.calls.count
        try stage.database.sql("UPDATE account SET base_url = 'https://api.openai.com/v1' WHERE id = 2")
        let finding = try inspection(stage).refresh(try account(stage, "account 2"))
        #expect(finding.error?.code == .unsupportedByVendor)
        #expect(stage.vendor.calls.count == calls)
        #expect(
            try stage.database.sql("SELECT credits_asked_at, check_error FROM account")
                == [["infinity", nil], ["infinity", nil]])
    }

    @Test func aLackOfCreditIsReportedOnceAtTheThresholdThatHoldsNow() throws {
        let stage = try Stage(slots: [4])
        let account = try account(stage)
        func warnings() -> Int {
            stage.events.count {
                if case .creditLow(account.account.row, 12_500_000) = $0 { true } else { false }
            }
        }
        _ = try inspection(stage).refresh(account)
        #expect(warnings() == 0)
        try stage.store.putSetting(NumberSetting.lowCreditThreshold, 13)
        for _ in 0..<3 { _ = try inspection(stage).refresh(account) }
        #expect(warnings() == 1)
        stage.vendor.script { _ in .json(200, ["hard_limit_usd": 13, "total_usage": 0]) }
        _ = try inspection(stage).refresh(account)
        stage.vendor.script { _ in nil }
        _ = try inspection(stage).refresh(account)
        #expect(warnings() == 2)
    }

    @Test func aWalkAsksOneAfterTheOtherWithPausesBetween() throws {
        let stage = try Stage(slots: [1, 1, 1])
        stage.vendor.script { $0.account.row == 2 ? .json(401, [:]) : nil }
        var steps: [String] = [], pauses: [Duration] = []
        try inspection(stage).refreshAll { pause in
            pauses.append(pause)
            steps.append("pause")
        } report: { finding in
            steps.append(finding.error == nil ? finding.account.name : "failed")
        }
        #expect(steps.first != "pause" && steps.last != "pause")
        #expect(steps.filter { $0 != "pause" }.count == 3 && steps.contains("failed"))
        #expect(pauses.count == 2)
        #expect(pauses.allSatisfy { $0 >= .seconds(3) && $0 <= .seconds(8) })
    }
}
