import Core
import Store
import Synchronization
import TestSupport
import Testing
import Upstream

@testable import Engine

/// Requests to text models, through a gateway, before upstreams that a test writes the answers of.
@Suite(.freshDatabase) struct RelayTests {
    let stage: RelayStage

    init() throws { stage = try RelayStage() }

    private func refusal(_ status: Int, _ code: String = "", headers: String = "") -> String {
        Receiver.reply(status, #"{"error":{"message":"no","code":"\#(code)"}}"#, headers: headers)
    }

    private func error(_ body: () throws -> Void) -> KinoraError? {
        #expect(throws: KinoraError.self, performing: body)
    }

    // The answer ---------------------------------------------------------------------------------------

    @Test func anAnswerComesBackByteForByte() throws {
        stage.first.answers { _ in RelayStage.whole }
        #expect(try RelayStage.whole.hasSuffix(stage.ask()))
        let message = try #require(stage.first.received.all.first)
        #expect(message.path == "/v1/chat/completions")
        #expect(message.headers["authorization"] == "Bearer \(Stage.credential("one"))")
        #expect(message.body == RelayStage.chat)
    }

    @Test func theRoutesNameOfTheModelGoesUpstream() throws {
        try stage.database.sql("UPDATE route SET vendor_model = 'gpt-4-turbo'")
        stage.first.answers { _ in RelayStage.whole }
        _ = try stage.ask()
        #expect(stage.first.received.all.first?.body.contains(#""model":"gpt-4-turbo""#) == true)
    }

    @Test func aStreamComesBackWithoutWhatWasNotAskedFor() throws {
        stage.first.answers { _ in RelayStage.stream(RelayStage.events) }
        let text = try stage.stream()
        #expect(text.hasSuffix("data: [DONE]\n\n") && text.contains("two"))
        #expect(!text.contains("prompt_tokens"))
        #expect(stage.first.received.all.first?.body.contains(#""include_usage":true"#) == true)
        try stage.settle()
        #expect(try stage.usage() == ["gpt-4 1 1 0 30 12"])
    }

    @Test func usageIsCountedByUserKeyModelAndAccount() throws {
        stage.first.answers { _ in RelayStage.whole }
        for _ in 0..<3 { _ = try stage.ask() }
        try stage.settle()
        #expect(try stage.usage() == ["gpt-4 3 3 0 90 36"])
        #expect(try stage.usage(.account) == ["openai/one 3 3 0 90 36"])
        #expect(try stage.usage(.user) == ["owner 3 3 0 90 36"])
        #expect(try stage.usage(.key).count == 1)
    }

    @Test func whatTheUpstreamDoesNotCountIsEstimated() throws {
        let bare = #"{"choices":[{"message":{"content":"hello"}}]}"#
        stage.first.answers { _ in Receiver.reply(200, bare) }
        _ = try stage.ask()
        try stage.settle()
        #expect(try stage.usage() == ["gpt-4 1 1 0 \(RelayStage.chat.utf8.count / 4) 2"])
    }

    // Fail-over ----------------------------------------------------------------------------------------

    enum Trouble: CaseIterable {
        case rate, money, key, server, html, wrongJSON, truncated, errorInside, silence, cut, otherModel
    }

    private func answer(_ trouble: Trouble) -> String? {
        switch trouble {
        case .rate: refusal(429, "rate_limit_exceeded", headers: "Retry-After: 30\r\n")
        case .money: refusal(429, "insufficient_quota")
        case .key: refusal(401, "invalid_api_key")
        case .server: refusal(500)
        case .html: Receiver.reply(200, "<html>We will be back soon</html>")
        case .wrongJSON: Receiver.reply(200, #"{"ok":true}"#)
        case .truncated: Receiver.reply(200, #"{"choices":[{"mess"#)
        case .errorInside: refusal(200)
        case .silence: nil
        case .cut: "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"choices\":"
        case .otherModel: refusal(404, "model_not_found")
        }
    }

    private static let states: [Trouble: String] = [
        .rate: "cooling", .money: "active", .key: "invalid", .otherModel: "active",
    ]

    /// What is answered whole may be silent for as long as it takes.
    private static let troubles = Trouble.allCases.flatMap { trouble in
        (trouble == .silence ? [true] : [false, true]).map { (trouble, $0) }
    }

    @Test(arguments: troubles)
    func anotherAccountAnswersAndTheClientNoticesNothing(_ trouble: Trouble, _ isStreamed: Bool) throws {
        if trouble == .silence { try stage.set("relay_first_byte_seconds", to: 1) }
        try stage.addSecond()
        let bad = answer(trouble), stage = stage
        stage.first.answers { _ in
            // The second account has its time.
            if trouble == .silence { try? stage.set("relay_first_byte_seconds", to: 60) }
            return bad
        }
        stage.second.answers { _ in isStreamed ? RelayStage.stream(RelayStage.events) : RelayStage.whole }
        let text = isStreamed ? try stage.stream() : try stage.ask()
        #expect(text.contains("choices"))
        #expect(stage.first.received.all.count == 1 && stage.second.received.all.count == 1)
        let row = try stage.database.sql(
            "SELECT state, exhausted_at IS NOT NULL FROM account WHERE name = 'one'")[0]
        #expect(row == [Self.states[trouble] ?? "cooling", trouble == .money ? "t" : "f"])
        try stage.database.sql(
            "UPDATE account SET cooling_until = now() + interval '1 hour' WHERE state = 'cooling'")
        // The next one does not even try it, unless it was no fault of the account.
        _ = isStreamed ? try stage.stream() : try stage.ask()
        #expect(stage.first.received.all.count == (trouble == .otherModel ? 2 : 1))
    }

    @Test(arguments: [false, true])
    func whatIsTheClientsOwnDoingIsNotTriedAgain(_ isStreamed: Bool) throws {
        try stage.addSecond()
        stage.first.answers { _ in
            Receiver.reply(
                400,
                #"{"error":{"message":"This model's maximum context length is 8192.","param":"messages"}}"#)
        }
        let error = error { _ = isStreamed ? try stage.stream() : try stage.ask() }
        #expect(error?.code == .upstreamRequest)
        #expect(error?.message == "This model's maximum context length is 8192.")
        #expect(error?.field == "messages")
        #expect(stage.second.received.all.isEmpty)
        #expect(try stage.database.value("SELECT state FROM account WHERE name = 'one'") == "active")
    }

    @Test func whenEveryAccountRefusesTheClientHearsWhyAndWhenToComeBack() throws {
        stage.first.answers { [refusal = refusal(429, headers: "Retry-After: 30\r\n")] _ in refusal }
        let first = error { _ = try stage.ask() }
        #expect(first?.code == .upstreamRate && first?.retryAfterSeconds == 30)
        let second = error { _ = try stage.ask() }
        #expect(second?.code == .noAccount)
        #expect((25...30).contains(second?.retryAfterSeconds ?? 0))
        #expect(stage.first.received.all.count == 1)
    }

    @Test func noErrorTellsTheAccountsKey() throws {
        stage.first.answers { _ in Receiver.reply(500, "you sent \(Stage.credential("one")) to me") }
        let error = error { _ = try stage.ask() }
        #expect(error?.debugDescription.contains(Stage.credential("one")) == false)
        let reason = try stage.database.value("SELECT state_reason FROM account") ?? ""
        #expect(reason.contains("upstream_server") && !reason.contains("key-of"))
    }

    @Test func routesOfALowerPositionAreTriedFirst() throws {
        try stage.addSecond(vendor: "other")
        stage.first.answers { _ in RelayStage.whole }
        for _ in 0..<10 { _ = try stage.ask() }
        #expect(stage.second.received.all.isEmpty)
    }

    @Test func requestsGoWhereFewestAreForTheWeight() throws {
        try stage.addSecond()
        try stage.database.sql("UPDATE account SET weight = 1")
        stage.first.answers { _ in nil }
        stage.second.answers { _ in RelayStage.whole }
        // One that hangs at the first leaves the rest to the second.
        let waiting = try Thread { [stage] in
            while stage.first.received.all.isEmpty { _ = try? stage.ask() }
        }
        #expect(stage.first.waits(for: 1))
        for _ in 0..<10 { _ = try stage.ask() }
        #expect(stage.first.received.all.count == 1)
        stage.first.cut()
        #expect(waiting.join(until: .now + patience))
    }

    @Test func anAccountThatAnswersAgainIsClear() throws {
        try stage.database.sql("UPDATE account SET consecutive_errors = 4")
        stage.first.answers { _ in RelayStage.whole }
        _ = try stage.ask()
        #expect(try stage.database.value("SELECT consecutive_errors FROM account") == "0")
    }

    // In the middle ------------------------------------------------------------------------------------

    @Test(arguments: [false, true])
    func anAnswerThatBreaksOffEndsInAnError(_ saysSo: Bool) throws {
        try stage.addSecond()
        let begun = RelayStage.begun
        let half = begun + "data: {\"choices\":[{\"del"
        let fault = "data: {\"error\":{\"message\":\"secret of org-1\",\"type\":\"server_error\"}}\n\n"
        stage.first.answers { _ in
            saysSo ? RelayStage.stream(begun + fault) : RelayStage.stream(half, cut: 500)
        }
        let (text, error) = try stage.broken()
        #expect(text == begun)
        #expect(error?.code == (saysSo ? .upstreamServer : .upstreamUnreachable))
        #expect(error?.message.contains("org-1") == false)
        // Half an answer cannot be taken back.
        #expect(stage.second.received.all.isEmpty)
        #expect(try stage.database.value("SELECT state FROM account WHERE name = 'one'") == "cooling")
        try stage.settle()
        #expect(try stage.usage() == ["gpt-4 1 0 1 0 0"])
    }

    // Money --------------------------------------------------------------------------------------------

    private func setPrice() throws {
        // 30 tokens read and 12 written cost 30 * 1 + 12 * 10 = 150.
        try stage.setPrice(Price(input: Amount(micros: 1_000_000), output: Amount(micros: 10_000_000)))
        try stage.database.grant(1_000_000)
    }

    @Test(arguments: [false, true]) func whatWasUsedIsPaid(_ isStreamed: Bool) throws {
        try setPrice()
        stage.first.answers { _ in isStreamed ? RelayStage.stream(RelayStage.events) : RelayStage.whole }
        _ = isStreamed ? try stage.stream() : try stage.ask()
        #expect(try stage.quota() == [999_850, 0, 150])
        #expect(try stage.usage() == ["gpt-4 1 1 0 30 12"])
        #expect(try stage.store.ledgerFaults(limit: 1).isEmpty)
    }

    @Test func theMostThatItMayCostIsHeldMeanwhile() throws {
        try setPrice()
        stage.first.answers { [stage] _ in
            // The model's own bound of the answer, and a token for each byte of the request.
            let most = Int64(RelayStage.chat.utf8.count + 10 * 8192)
            #expect((try? stage.quota()) == [1_000_000 - most, most, 0])
            return RelayStage.whole
        }
        _ = try stage.ask()
        #expect(stage.first.received.all.count == 1)
    }

    @Test func theClientsOwnBoundHoldsLess() throws {
        try setPrice()
        let body = #"{"model":"gpt-4","messages":[{"role":"user","content":"hi"}],"max_tokens":5,"n":2}"#
        stage.first.answers { [stage] _ in
            #expect((try? stage.quota().last) == 0)
            #expect((try? stage.quota()[1]) == Int64(body.utf8.count + 100))
            return RelayStage.whole
        }
        _ = try stage.ask(body)
    }

    @Test func aFailureCostsNothing() throws {
        try setPrice()
        stage.first.answers { [refusal = refusal(500)] _ in refusal }
        #expect(error { _ = try stage.ask() }?.code == .upstreamServer)
        #expect(try stage.quota() == [1_000_000, 0, 0])
        #expect(try stage.store.ledgerFaults(limit: 1).isEmpty)
    }

    @Test func anAnswerThatBreaksOffCostsNothing() throws {
        try setPrice()
        stage.first.answers { _ in RelayStage.stream(String(RelayStage.events.prefix(200)), cut: 500) }
        #expect(try stage.broken().1?.code == .upstreamUnreachable)
        #expect(try stage.quota() == [1_000_000, 0, 0])
    }

    @Test func whoCannotPayAsksNobody() throws {
        try setPrice()
        try stage.database.sql("UPDATE model_category SET parameters = '[]'")
        let body = #"{"model":"gpt-4","messages":[],"max_tokens":1000000}"#
        #expect(error { _ = try stage.ask(body) }?.code == .insufficientQuota)
        #expect(stage.first.received.all.isEmpty)
    }

    @Test func whoLeavesInTheMiddlePaysForWhatCame() throws {
        try setPrice()
        stage.first.answers { _ in RelayStage.stream(RelayStage.begun, cut: 500) }
        guard case .relaying(let stream) = try stage.relay(RelayStage.streamed) else {
            throw Unexpected("whole")
        }
        _ = try stream.next()
        stream.abandon()
        // A quarter of the bytes is what was probably read; one piece came.
        let cost = Int64(RelayStage.streamed.utf8.count / 4 + 10)
        #expect(try stage.quota() == [1_000_000 - cost, 0, cost])
        #expect(try stage.usage() == ["gpt-4 1 0 1 \(RelayStage.streamed.utf8.count / 4) 1"])
        #expect(try stage.store.ledgerFaults(limit: 1).isEmpty)
        // Whose fault it was not.
        #expect(try stage.database.value("SELECT state FROM account") == "active")
    }

    /// Some services tell with every piece what they have counted, some of them before they have counted.
    @Test func whatIsToldBeforeTheEndIsNotAll() throws {
        let usage = #""usage":{"prompt_tokens":9,"completion_tokens":0}"#
        let piece = #"data: {"choices":[{"delta":{"content":"one"}}],"# + usage + "}\n\n"
        stage.first.answers { _ in RelayStage.stream(piece, cut: 500) }
        guard case .relaying(let stream) = try stage.relay(RelayStage.streamed) else {
            throw Unexpected("whole")
        }
        _ = try stream.next()
        stream.abandon()
        try stage.settle()
        #expect(try stage.usage() == ["gpt-4 1 0 1 9 1"])
    }

    @Test func aStreamThatNobodyReadsIsSettled() throws {
        try setPrice()
        stage.first.answers { _ in RelayStage.stream(RelayStage.events) }
        _ = try stage.relay(RelayStage.streamed)
        #expect(try stage.quota() == [1_000_000, 0, 0])
        #expect(try stage.database.count("relay") == 0)
    }

    @Test func aClientThatIsGoneEndsTheCall() throws {
        stage.first.answers { _ in nil }
        let isWanted = Guarded(true)
        let thread = try Thread { [stage] in
            _ = stage.first.waits(for: 1)
            isWanted.withLock { $0 = false }
        }
        let error = error { _ = try stage.relay(RelayStage.chat) { isWanted.withLock { $0 } } }
        #expect(error?.code == .clientGone)
        #expect(thread.join(until: .now + patience))
        #expect(try stage.database.value("SELECT state FROM account") == "active")
        try stage.settle()
        #expect(try stage.usage() == ["gpt-4 1 0 1 \(RelayStage.chat.utf8.count / 4) 0"])
    }

    // Limits and models --------------------------------------------------------------------------------

    @Test func limitsAreThoseOfSubmits() throws {
        try stage.database.sql("UPDATE api_key SET requests_per_minute = 1")
        let caller = Caller(userID: stage.caller.userID, keyID: stage.caller.keyID, isLimited: true)
        stage.first.answers { _ in RelayStage.whole }
        guard case .limited(.relayed, let allowance) = try stage.relay(RelayStage.chat, as: caller) else {
            throw Unexpected("no allowance")
        }
        #expect(allowance.remaining == 0)
        let error = error { _ = try stage.relay(RelayStage.chat, as: caller) }
        #expect(error?.code == .rateLimitExceeded && error?.allowance?.requestsMax == 1)
        #expect(stage.first.received.all.count == 1)
        #expect(try stage.database.count("relay") == 0)
    }

    @Test func onlyModelsOfItsKindAnswer() throws {
        func code(_ model: String, _ caller: Caller? = nil) -> ErrorCode? {
            error { _ = try stage.relay(#"{"model":"\#(model)","messages":[]}"#, as: caller) }?.code
        }
        #expect(code("no-such") == .modelNotFound)
        #expect(code("sora-2") == .invalidValue)
        #expect(code("text-embedding-3-small") == .invalidValue)
        let narrow = Caller(
            userID: stage.caller.userID, keyID: stage.caller.keyID, options: KeyOptions(models: ["sora-2"]))
        #expect(code("gpt-4", narrow) == .modelNotFound)
        #expect(stage.first.received.all.isEmpty)
    }

    @Test func aCountIsNotLostWhileTheDatabaseIsAway() throws {
        try setPrice()
        stage.first.answers { [stage] _ in
            _ = try? stage.database.sql("ALTER TABLE relay_usage RENAME TO away")
            return RelayStage.whole
        }
        // The end cannot be written, and says so; the hold stays until its deadline.
        #expect(try RelayStage.whole.hasSuffix(stage.ask()))
        #expect(try stage.database.count("relay") == 1)
        try stage.database.sql("ALTER TABLE away RENAME TO relay_usage")
        #expect(stage.events.all.contains { if case .fault("relay end", _) = $0 { true } else { false } })
        try stage.database.sql("UPDATE relay SET deadline_at = now()")
        #expect(try stage.store.sweepRelay())
        #expect(try stage.quota() == [1_000_000, 0, 0])
    }
}
