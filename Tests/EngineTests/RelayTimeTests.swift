import Core
import Store
import TestSupport
import Testing

@testable import Engine

/// Text models that take their time, clients that do, and what either is told.
@Suite(.freshDatabase) struct RelayTimeTests {
    let stage: RelayStage

    init() throws { stage = try RelayStage() }

    private func error(_ body: () throws -> Void) -> KinoraError? {
        #expect(throws: KinoraError.self, performing: body)
    }

    @Test func aWholeAnswerMayTakeAsLongAsItsTime() throws {
        try stage.set("relay_first_byte_seconds", to: 1)
        try stage.set("relay_total_seconds", to: 2)
        try stage.addSecond()
        stage.first.answers { _ in nil }
        stage.second.answers { _ in RelayStage.whole }
        #expect(error { _ = try stage.ask() }?.code == .taskDeadline)
        // Nobody else was asked, and the account is not to blame that a model thinks.
        #expect(stage.second.received.all.isEmpty)
        #expect(try stage.database.value("SELECT state FROM account WHERE name = 'one'") == "active")
    }

    /// A connection whose reader takes little is full, and its bytes wait for as long as it likes.
    @Test func whoReadsSlowlyHasNoMoreTimeThanOthersAndPaysForWhatCame() throws {
        try stage.setPrice(Price(input: Amount(micros: 1_000_000), output: Amount(micros: 10_000_000)))
        try stage.database.grant(1_000_000)
        try stage.set("relay_total_seconds", to: 3)
        let much = String(repeating: RelayStage.begun, count: 100_000)
        stage.first.answers { _ in RelayStage.stream(much, cut: 500) }
        guard case .relaying(let stream) = try stage.relay(RelayStage.streamed) else {
            throw Unexpected("whole")
        }
        _ = try stream.next()
        let end = ContinuousClock.now + .milliseconds(3100)
        let error = error {
            while try stream.next() != nil {
                // The reader's own slowness, which is what is tested.
                while ContinuousClock.now < end { _ = Signal().wait(until: end) }
            }
        }
        #expect(error?.code == .taskDeadline)
        #expect(try stage.quota()[2] > 0)
        #expect(try stage.database.value("SELECT state FROM account") == "active")
    }

    @Test func noWordOfAnUpstreamTellsTheAccountsKey() throws {
        let key = Stage.credential("one")
        let fault = #"{"error":{"message":"bad request of \#(key)","type":"invalid_request_error"}}"#
        stage.first.answers { _ in Receiver.reply(400, fault) }
        #expect(error { _ = try stage.ask() }?.message.contains(key) == false)
        stage.first.answers { _ in RelayStage.stream(RelayStage.begun + "data: \(fault)\n\n") }
        let (_, broken) = try stage.broken()
        #expect(broken?.debugDescription.contains(key) == false)
        #expect(broken?.code == .upstreamRequest)
        #expect(try stage.database.value("SELECT state FROM account") == "active")
    }
}
