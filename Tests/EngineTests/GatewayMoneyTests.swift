import Core
import Store
import TestSupport
import Testing

@testable import Engine

/// Prices and quota, from the gateway's side.
@Suite(.freshDatabase) struct GatewayMoneyTests {
    let stage: Stage

    init() throws { stage = try Stage(slots: [2]) }

    private var database: TestDatabase { stage.database }

    /// Sets a price and waits until the gateway knows it.
    private func setPrice(_ price: Price, _ category: Core.Category? = nil, resolution: String = "") throws {
        let place = PricePlace(model: "sora-2", category: category, resolution: resolution)
        #expect(try stage.store.setPrice(price, at: place) > 0)
        try stage.refresh { $0.models["sora-2"]?.prices[category ?? .t2v]?[resolution] == price }
    }

    private func quota() throws -> [Int64] {
        let quota = try stage.store.quota(of: stage.caller)
        return [quota.available.micros, quota.held.micros, quota.used.micros]
    }

    private func refusal(_ body: () throws -> Void) -> ErrorCode? {
        #expect(throws: KinoraError.self, performing: body)?.code
    }

    @Test func theCheckedParametersAndTheModelsPriceMakeTheTasks() throws {
        try database.grant(10_000)
        try setPrice(Price(task: Amount(micros: 50), second: Amount(micros: 10)))
        try setPrice(Price(second: Amount(micros: 100)), .t2v, resolution: "720x1280")
        // The default length is 15 s.
        let plain = try stage.submit()
        let short = try stage.submit { $0.parameters = [GivenParameter(name: "seconds", value: 4)] }
        let tall = try stage.submit {
            $0.parameters = [
                GivenParameter(name: "seconds", value: 4), GivenParameter(name: "size", value: "720x1280"),
            ]
        }
        let prices = try database.sql("SELECT id, price_micros FROM task ORDER BY id")
        #expect(prices == [["\(plain.row)", "200"], ["\(short.row)", "90"], ["\(tall.row)", "400"]])
        #expect(try quota() == [9310, 690, 0])
        let inRatio = try stage.submit {
            $0.parameters = [
                GivenParameter(name: "seconds", value: 4),
                GivenParameter(name: "ratio", field: "aspect_ratio", value: "9:16"),
            ]
        }
        #expect(inRatio.parameters["size"] == "720x1280")
        #expect(try quota() == [8910, 1090, 0])
    }

    @Test func aTaskKeepsThePriceItWasAcceptedAt() throws {
        try database.grant(1000)
        try setPrice(Price(task: Amount(micros: 100)))
        let task = try stage.submit()
        try setPrice(Price(task: Amount(micros: 901)))
        _ = try stage.worker()
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(try quota() == [900, 0, 100])
        #expect(try stage.store.ledgerFaults(limit: 1).isEmpty)
        #expect(refusal { try stage.submit() } == .insufficientQuota)
        #expect(try quota() == [900, 0, 100])
    }

    @Test func ofSeveralPicturesOnlyThoseThatCameArePaid() throws {
        try database.grant(1000)
        let price = Price(task: Amount(micros: 10), image: Amount(micros: 101), offPeakPercent: 50)
        let place = PricePlace(model: "gpt-image-2", category: .t2i, resolution: "")
        #expect(try stage.store.setPrice(price, at: place) > 0)
        try stage.refresh { $0.models["gpt-image-2"]?.prices[.t2i]?[""] == price }
        let pictures = ["1", "2"].map { name -> JSON in
            ["b64_json": .string(Base64.encode(ScriptedVendor.picture(name)))]
        }
        stage.vendor.script { _ in .json(200, ["created": 1, "data": .array(pictures)]) }
        _ = try stage.worker()
        func paid(_ count: Int, isOffPeak: Bool = false) throws -> Int64 {
            let task = try stage.finished {
                $0.kind = .image
                $0.model = "gpt-image-2"
                $0.parameters = [
                    GivenParameter(name: "n", value: JSON(count)),
                    GivenParameter(name: Parameters.offPeak, value: .bool(isOffPeak)),
                ]
            }
            return task.price.micros
        }
        #expect(try paid(4) == 212)
        #expect(try quota() == [788, 0, 212])
        // Half of the price, rounded up; less half of a missing picture's, rounded down.
        #expect(try paid(3, isOffPeak: true) == 157 - 50)
        #expect(try quota() == [681, 0, 319])
        #expect(try paid(2) == 212)
        #expect(try quota() == [469, 0, 531])
        #expect(try stage.store.ledgerFaults(limit: 1).isEmpty)
        #expect(try database.value("SELECT sum(captured_micros) FROM v_usage") == "531")
    }

    @Test func aRemixCostsWhatItsSourceIsLong() throws {
        try database.grant(1000)
        try setPrice(Price(second: Amount(micros: 7)), .v2v)
        _ = try stage.worker()
        let source = try stage.finished { $0.parameters = [GivenParameter(name: "seconds", value: 8)] }
        let remix = try stage.submit {
            $0.remixOf = TaskReference(source.id)
            $0.parameters = [GivenParameter(name: "seconds", value: 15)]
        }
        #expect(try database.value("SELECT price_micros FROM task WHERE id = \(remix.row)") == "56")
        #expect(try database.value("SELECT price_micros FROM task WHERE id = \(source.row)") == "0")
    }

    @Test func whoCannotPayIsRefusedAndLeavesNoReferenceBehind() throws {
        try database.grant(99)
        try setPrice(Price(task: Amount(micros: 100)))
        let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1]
        #expect(refusal { try stage.submit() } == .insufficientQuota)
        let code = refusal {
            try stage.submit { $0.references = [Reference(.bytes(png), field: "input_reference")] }
        }
        #expect(code == .insufficientQuota)
        #expect(stage.folder.files("media").isEmpty)
        #expect(try database.count("asset") == 0 && database.count("task") == 0)
        #expect(try quota() == [99, 0, 0])
    }

    @Test func aRepetitionIsAnsweredEvenWhenNothingIsLeft() throws {
        try database.grant(100)
        try setPrice(Price(task: Amount(micros: 100)))
        func once(_ submission: inout Submission) {
            submission.idempotencyKey = "once"
            submission.fingerprint = String(repeating: "0a", count: 32)
        }
        let first = try stage.submit("a prompt", once)
        #expect(try stage.submit("a prompt", once).id == first.id)
        #expect(try quota() == [0, 100, 0])
    }

    @Test func limitsAndQuotaHoldTogether() throws {
        try database.grant(150)
        try setPrice(Price(task: Amount(micros: 100)))
        try database.sql("UPDATE api_key SET requests_per_minute = 5, concurrent_tasks_max = 5")
        let caller = Caller(userID: stage.caller.userID, keyID: stage.caller.keyID, isLimited: true)
        let submission = Submission(dialect: "test", model: "sora-2", kind: .video, prompt: "p")
        _ = try stage.perform(.submit(submission), as: caller)
        #expect(refusal { _ = try stage.perform(.submit(submission), as: caller) } == .insufficientQuota)
        // A refusal for want of quota uses up no other limit.
        #expect(try database.count("request_permit") == 1 && database.count("open_task") == 1)
    }

    // Estimates and codes ------------------------------------------------------------------------------

    private func estimate(_ command: Command) throws -> Estimate {
        try #require(try stage.gateway.estimate(command, for: stage.caller))
    }

    @Test func anEstimateIsWhatTheSubmitThenCostsAndKeepsNothing() throws {
        try database.grant(10_000)
        try setPrice(Price(second: Amount(micros: 100)), .i2v)
        let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1]
        var submission = Submission(dialect: "test", model: "sora-2", kind: .video, prompt: "p")
        submission.parameters = [GivenParameter(name: "seconds", value: 8)]
        submission.references = [Reference(.bytes(png), field: "input_reference")]
        let estimate = try estimate(.submit(submission))
        #expect(estimate.cost.micros == 800 && estimate.model == "sora-2")
        #expect(estimate.quota.available.micros == 10_000)
        #expect(try database.count("task") == 0 && database.count("asset") == 0)
        #expect(stage.folder.files("media").isEmpty)
        let unknown = Submission(dialect: "test", model: "sora-9", kind: .video, prompt: "p")
        #expect(refusal { _ = try self.estimate(.submit(unknown)) } == .modelNotFound)
        submission.parameters = [GivenParameter(name: "seconds", value: 7)]
        #expect(refusal { _ = try self.estimate(.submit(submission)) } == .invalidValue)
    }

    @Test func whatHasNoPriceHasNoEstimate() throws {
        #expect(try stage.gateway.estimate(.quota, for: stage.caller) == nil)
    }

    @Test func theQuotaIsToldEvenWhenNothingCanBeSubmitted() throws {
        try database.grant(10_000)
        try setPrice(Price(task: Amount(micros: 300)))
        func credits(_ model: String) throws -> Credits {
            let submission = Submission(dialect: "test", model: model, kind: .video, prompt: "p")
            guard case .credits(let credits) = try stage.perform(.credits(of: submission)) else {
                throw Unexpected("no credits")
            }
            return credits
        }
        #expect(try credits("sora-2").cost?.micros == 300)
        let unknown = try credits("sora-9")
        #expect(unknown.cost == nil && unknown.quota.available.micros == 10_000)
        #expect(unknown.readAt == stage.clock.now)
        #expect(try database.count("task") == 0)
    }

    @Test func aCodeIsRedeemedHoweverItIsTyped() throws {
        let code = RedemptionCode.random()
        _ = try stage.store.addCodes(
            NewCodes(
                amount: Amount(micros: 700), note: "", expiresInDays: nil,
                hashes: [stage.vault.hash(of: code)]))
        let typed = " \(code.revealed().lowercased())\n"
        guard case .redeemed(let added, let quota) = try stage.perform(.redeem(typed)) else {
            throw Unexpected("not redeemed")
        }
        #expect(added.micros == 700 && quota.total.micros == 700 && quota.available.micros == 700)
        guard case .quota(quota) = try stage.perform(.quota) else { throw Unexpected("another quota") }
        #expect(refusal { _ = try stage.perform(.redeem(typed)) } == .codeUsed)
    }

    @Test func whatNoCodeLooksLikeIsNoTry() throws {
        for text in ["", "REDEEM", "REDEEM-0000-0000", String(repeating: "x", count: 100_000)] {
            for _ in 0..<4 { #expect(refusal { _ = try stage.perform(.redeem(text)) } == .codeNotFound) }
        }
        #expect(try database.count("redemption_miss") == 0)
    }

    @Test func theDatabaseKnowsNoCode() throws {
        let code = RedemptionCode.random()
        let hash = stage.vault.hash(of: code)
        #expect(hash == stage.vault.hash(of: code) && hash.count == 64)
        let other = try Vault(masterKey: [UInt8](repeating: 8, count: 32))
        #expect(other.hash(of: code) != hash)
        #expect(stage.vault.hash(of: .random()) != hash)
    }
}
