import Core
import Store
import Synchronization
import TestSupport
import Testing
import Upstream

@testable import Engine

/// What happens to a message until its receiver has it, or has had its chances.
@Suite(.freshDatabase) struct CourierTests {
    let mail: Mail

    init() throws { mail = try Mail() }

    private var ids: [String] { mail.receiver.received.all.compactMap { $0.headers["webhook-id"] } }

    private func endpoint() throws -> [String?] {
        try mail.database.sql(
            """
            SELECT enabled, disabled_reason, consecutive_failures, failing_since IS NOT NULL
            FROM webhook_endpoint
            """)[0]
    }

    // Again and again

    @Test func aFailureIsTriedAgainAtTheSpecificationsPaceAndThenGivenUp() throws {
        try mail.endpoint()
        mail.receiver.answers { _ in Receiver.reply(500, "out of order") }
        try mail.end()
        try mail.courier()
        let minutes: [Double] = [5.0 / 60, 5, 30, 120, 300, 600, 840, 1200, 1440]
        for (index, wanted) in minutes.enumerated() {
            #expect(mail.failures(index + 1), "try \(index + 1)")
            #expect(try mail.waitsUntil([["pending", String(index + 1), "500"]]))
            // A machine that is slow makes the one longer and the other shorter.
            let waits = try mail.database.sql(
                """
                SELECT extract(epoch FROM due_at - tried_at) / 60, extract(epoch FROM due_at - now()) / 60
                FROM webhook_delivery
                """)[0].map { Double($0 ?? "") ?? 0 }
            #expect(waits[0] >= wanted && waits[1] < wanted * 1.11, "after try \(index + 1): \(waits)")
            try mail.hurry()
        }
        #expect(try mail.waitsUntil([["failed", "10", "500"]]))
        #expect(try endpoint() == ["t", nil, "1", "t"])
        #expect(mail.receiver.received.all.count == 10)
        #expect(Set(ids).count == 1)
        #expect(
            try mail.database.value("SELECT last_error FROM webhook_delivery") == "HTTP 500 out of order")
    }

    @Test func aSuccessEndsItAndForgetsTheFailures() throws {
        try mail.endpoint()
        mail.receiver.answers { _ in Receiver.reply(503) }
        try mail.end()
        try mail.courier()
        #expect(try mail.waitsUntil([["pending", "1", "503"]]))
        #expect(try endpoint() == ["t", nil, "0", "t"])
        mail.receiver.answers { _ in Receiver.reply(202) }
        try mail.hurry()
        #expect(try mail.waitsUntil([["delivered", "2", "202"]]))
        #expect(try endpoint() == ["t", nil, "0", "f"])
        #expect(try mail.store.claimWebhooks(limit: 9, each: 9, except: [], lease: .seconds(60)).isEmpty)
    }

    @Test func aReceiverMayAskForMoreTime() throws {
        try mail.endpoint()
        mail.receiver.answers { _ in Receiver.reply(429, headers: "Retry-After: 3600\r\n") }
        try mail.end()
        try mail.courier()
        #expect(try mail.waitsUntil([["pending", "1", "429"]]))
        let wait = try mail.database.value(
            "SELECT extract(epoch FROM due_at - now())::int FROM webhook_delivery")
        #expect((3500...3600).contains(Int(wait ?? "") ?? 0))
    }

    @Test(arguments: [301, 302, 307, 308]) func aRedirectIsAFailure(_ status: Int) throws {
        try mail.endpoint()
        let place = mail.receiver.place
        mail.receiver.answers { _ in
            Receiver.reply(status, headers: "Location: http://\(place)/elsewhere\r\n")
        }
        try mail.end()
        try mail.courier()
        #expect(try mail.waitsUntil([["pending", "1", String(status)]]))
        #expect(mail.receiver.received.all.map(\.path) == ["/hook"])
    }

    @Test func aLongAnswerIsNotReadAndCountsAllTheSame() throws {
        try mail.endpoint()
        mail.receiver.answers { _ in Receiver.reply(200, String(repeating: "x", count: 8 << 20)) }
        try mail.end()
        try mail.courier()
        #expect(try mail.waitsUntil([["delivered", "1", "200"]]))
    }

    @Test func noAnswerAtAllIsAFailureWithoutAStatus() throws {
        try mail.endpoint("http://127.0.0.1:1/hook")
        try mail.end()
        try mail.courier(reaching: ["127.0.0.1:1"])
        #expect(try mail.waitsUntil([["pending", "1", nil]]))
        let error = try #require(try mail.database.value("SELECT last_error FROM webhook_delivery"))
        #expect(error.hasPrefix("POST http://127.0.0.1:1/hook: "))
    }

    // Switched off

    @Test func aReceiverThatIsGoneIsSwitchedOffAtOnce() throws {
        let row = try mail.endpoint().row
        mail.receiver.answers { _ in Receiver.reply(410) }
        try mail.end()
        try mail.courier()
        #expect(try mail.waitsUntil([["failed", "1", "410"]]))
        #expect(try endpoint() == ["f", "the receiver answered 410 Gone", "1", "t"])
        let isTold = mail.events.has { event in
            if case .webhookDisabled(row, _) = event { true } else { false }
        }
        #expect(isTold)
        try mail.end()
        #expect(try mail.deliveries().count == 1, "nothing is written for it any more")
    }

    @Test func fiftyGivenUpInARowSwitchOff() throws {
        let row = try mail.endpoint().row
        try mail.database.sql(
            """
            UPDATE webhook_endpoint SET consecutive_failures = 48, failing_since = now() - interval '4 days'
            """)
        mail.receiver.answers { _ in Receiver.reply(500) }
        try mail.end()
        try mail.end()
        try mail.end()
        try mail.database.sql("UPDATE webhook_delivery SET tries = 9 WHERE id <= 2")
        try mail.courier()
        #expect(
            try eventually {
                try endpoint() == ["f", "50 deliveries in a row were given up", "50", "t"]
            })
        let tried = [["failed", "10", "500"], ["failed", "10", "500"], ["pending", "1", "500"]]
        #expect(try mail.waitsUntil(tried))
        #expect(try mail.store.enableWebhook(row))
        #expect(try endpoint() == ["t", nil, "0", "f"])
        mail.receiver.answers { _ in Receiver.reply(204) }
        try mail.hurry()
        let ends = [["failed", "10", "500"], ["failed", "10", "500"], ["delivered", "2", "204"]]
        #expect(try mail.waitsUntil(ends))
    }

    @Test func fiveDaysWithoutASuccessSwitchOff() throws {
        try mail.endpoint()
        mail.receiver.answers { _ in Receiver.reply(500) }
        try mail.end()
        try mail.courier()
        #expect(try mail.waitsUntil([["pending", "1", "500"]]))
        try mail.database.sql("UPDATE webhook_endpoint SET failing_since = now() - interval '121 hours'")
        try mail.hurry()
        #expect(try mail.waitsUntil([["pending", "2", "500"]]))
        #expect(try endpoint() == ["f", "no delivery succeeded for 5 days", "0", "t"])
        try mail.hurry()
        #expect(try mail.store.nextWebhook(except: []).hasEndpoints == false)
        #expect(try mail.store.claimWebhooks(limit: 9, each: 9, except: [], lease: .seconds(60)).isEmpty)
    }

    // At least once

    @Test func aMessageOutlivesTheCourierThatSentIt() throws {
        try mail.endpoint()
        mail.receiver.answers { _ in nil }
        try mail.end()
        let first = try mail.courier()
        #expect(mail.receiver.waits(for: 1))
        mail.kill(first)
        #expect(try mail.deliveries() == [["under way", "1", nil]])
        mail.receiver.answers { _ in Receiver.reply(204) }
        try mail.hurry()
        try mail.courier()
        #expect(try mail.waitsUntil([["delivered", "2", "204"]]))
        #expect(ids.count == 2 && Set(ids).count == 1)
    }

    @Test func anAnswerThatCouldNotBeWrittenIsAskedForAgain() throws {
        try mail.endpoint()
        let database = mail.database
        mail.receiver.answers { _ in
            try? database.goAway()
            return Receiver.reply(204)
        }
        try mail.end()
        let courier = try mail.courier()
        #expect(mail.receiver.waits(for: 1))
        #expect(eventually { courier.underWay.withLock { $0.isEmpty } }, "the answer came")
        #expect(mail.events.has { if case .databaseLost = $0 { true } else { false } })
        try database.comeBack()
        mail.receiver.answers { _ in Receiver.reply(204) }
        #expect(try mail.deliveries() == [["under way", "1", nil]])
        try mail.hurry()
        #expect(try mail.waitsUntil([["delivered", "2", "204"]]))
        #expect(ids.count == 2 && Set(ids).count == 1)
    }

    @Test func whatIsClaimedIsGivenToNobodyElseForALongTime() throws {
        try mail.endpoint()
        try mail.end()
        let claim = { try mail.store.claimWebhooks(limit: 9, each: 9, except: [], lease: .seconds(60)) }
        let claimed = try claim()
        #expect(claimed.map(\.tries) == [1])
        #expect(try claim().isEmpty)
        try mail.hurry()
        let again = try claim()
        #expect(again.map(\.tries) == [2])
        // The first one's failure comes late, and is another try's business no more.
        let late = WebhookFailure(status: 500, error: "late", nextTry: nil)
        #expect(try mail.store.webhookFailed(try #require(claimed.first), late) == nil)
        #expect(try mail.deliveries() == [["under way", "2", nil]])
        // Its success would be one all the same.
        try mail.store.webhookDelivered(try #require(claimed.first), status: 200)
        #expect(try mail.deliveries() == [["delivered", "2", "200"]])
    }

    @Test func aReplayHasTheOldIdAndAllChancesAgain() throws {
        try mail.endpoint()
        try mail.end()
        try mail.courier()
        #expect(try mail.waitsUntil([["delivered", "1", "204"]]))
        let id = try mail.database.value("SELECT id FROM webhook_delivery")
        let row = try #require(id.flatMap { Int64($0) })
        #expect(try mail.store.replayDelivery(row) == true)
        #expect(mail.receiver.waits(for: 2))
        #expect(try mail.waitsUntil([["delivered", "1", "204"]]))
        #expect(Set(ids).count == 1)
        #expect(Set(mail.receiver.received.all.map(\.body)).count == 1)
        #expect(try mail.store.replayDelivery(row + 1) == nil)
    }

    // Apart from one another

    @Test func aSlowReceiverHoldsUpItselfOnly() throws {
        let slow = try Receiver()
        defer { slow.stop() }
        slow.answers { _ in nil }
        try mail.endpoint(slow.url)
        for _ in 0..<40 { try mail.end() }
        try mail.endpoint()
        for _ in 0..<20 { try mail.end() }
        try mail.courier(reaching: [slow.place, mail.receiver.place])
        #expect(mail.receiver.waits(for: 20))
        #expect(slow.waits(for: Limits.webhooksPerEndpointMax))
        #expect(slow.received.all.count == Limits.webhooksPerEndpointMax)
        #expect(
            try eventually {
                try mail.database.count("webhook_delivery WHERE state = 'delivered'") == 20
            })
    }

    /// As many as could have all places, and their messages are older.
    @Test func receiversThatHangLeavePlacesForTheOthers() throws {
        let count = Limits.webhooksMax / Limits.webhooksPerEndpointMax
        let place = mail.receiver.place
        for number in 0..<count { try mail.endpoint("http://\(place)/hangs/\(number)") }
        for _ in 0..<2 * Limits.webhooksPerEndpointMax { try mail.end() }
        try mail.endpoint()
        for _ in 0..<5 { try mail.end() }
        mail.receiver.answers { $0.path == "/hook" ? Receiver.reply(204) : nil }
        try mail.courier()
        #expect(
            try eventually {
                try mail.database.count("webhook_delivery WHERE state = 'delivered'") == 5
            })
        // None of the others had to give up first.
        #expect(mail.events.count { if case .webhookFailed = $0 { true } else { false } } == 0)
        #expect(mail.receiver.received.all.count { $0.path != "/hook" } < Limits.webhooksMax)
    }

    @Test func twoCouriersSendEachMessageOnce() throws {
        try mail.endpoint()
        for _ in 0..<60 { try mail.end() }
        try mail.courier()
        try mail.courier()
        #expect(
            try eventually(within: .seconds(30)) {
                try mail.database.count("webhook_delivery WHERE state = 'delivered'") == 60
            })
        #expect(ids.count == 60 && Set(ids).count == 60)
    }

    // What may be reached

    @Test(arguments: ["http://127.0.0.1:PORT/", "http://localhost:PORT/", "http://2130706433:PORT/"])
    func aPrivateAddressIsRefusedAtConnectAndSaidSo(_ url: String) throws {
        try mail.endpoint(url.replacing("PORT", with: String(mail.receiver.port)))
        try mail.end()
        try mail.courier(reaching: [])
        #expect(try mail.waitsUntil([["pending", "1", nil]]))
        #expect(mail.receiver.received.all.isEmpty)
        let isTold = mail.events.has { event in
            guard case .webhookFailed(_, _, 1, nil, let error) = event else { return false }
            return error.code == .addressRefused
        }
        #expect(isTold)
    }

    // Old ones

    @Test func oldMessagesAreForgottenUnlessTheyAreStillToBeSent() throws {
        try mail.endpoint()
        for _ in 0..<3 { try mail.end() }
        try mail.database.sql(
            """
            UPDATE webhook_delivery SET created_at = now() - interval '31 days';
            UPDATE webhook_delivery SET state = 'delivered', due_at = NULL, finished_at = now() WHERE id = 1;
            UPDATE webhook_delivery SET due_at = now() - interval '2 days' WHERE id = 2
            """)
        try mail.end()
        #expect(try mail.store.sweepWebhooks() == 2)
        #expect(try mail.database.sql("SELECT id FROM webhook_delivery ORDER BY id") == [["3"], ["4"]])
    }
}
