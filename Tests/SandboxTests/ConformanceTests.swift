import Core
import TestSupport
import Testing
import Upstream

@testable import Sandbox

/// Every vendor's adapter in conversation with that vendor as the sandbox plays it. The two were written
/// apart, from the vendor's documents: what they agree on, neither has made up.
@Suite struct ConformanceTests {
    private static let names = Party.all.keys.sorted()
    private static let namesWithTasks = names.filter { Party.all[$0]?.hasTasks == true }

    /// The classes of what a submit is refused with.
    private static let refusals: [Fault: ErrorCode] = [
        .wrongKey: .upstreamCredential, .rateLimit: .upstreamRate, .concurrency: .upstreamConcurrency,
        .insufficientQuota: .upstreamMoney, .modelClosed: .upstreamModelClosed,
        .contentRefusal: .contentRefused, .serverError: .upstreamServer,
        .unavailable: .upstreamServer, .badGateway: .upstreamServer, .html: .upstreamProtocol,
        .truncatedJSON: .upstreamProtocol, .wrongJSON: .upstreamProtocol,
    ]

    private static let submits = names.flatMap { name in
        refusals.keys.map { (name, $0) }.sorted { $0.1.rawValue < $1.1.rawValue }
    }

    @Test(arguments: namesWithTasks)
    func aTaskGoesFromItsSubmitToItsFilm(_ name: String) throws {
        try withConversation(with: name) { talk in
            let ticket = try talk.submitted()
            guard case .pending = try talk.polled(ticket) else {
                Issue.record("a new task is not finished")
                return
            }
            let film = try talk.send(try talk.film(of: ticket))
            #expect(talk.vendor.contentError(film) == nil)
            #expect(film.headers["x-accel-redirect"]?.hasSuffix(".mp4") == true)
            #expect(try talk.sandbox.stats()["by_vendor"]?[talk.vendor.name] == 1)
        }
    }

    /// Vendors without tasks have just the submit.
    @Test(arguments: names.filter { !namesWithTasks.contains($0) })
    func aFilmComesWithTheAnswer(_ name: String) throws {
        try withConversation(with: name) { talk in
            talk.edit { $0.withMore }
            let film = try talk.send(HTTPCall(.get, try talk.submitted()))
            #expect(talk.vendor.contentError(film) == nil)
            #expect(film.headers["x-accel-redirect"]?.hasSuffix(".mp4") == true)
            talk.edit { $0.withoutAddresses }
            let none = #expect(throws: KinoraError.self) { try talk.submitted() }
            #expect(none?.code == .upstreamEmptyResult)
            talk.edit { $0 }
            let failure = #expect(throws: KinoraError.self) { try talk.submitted("[sandbox:fail] a cat") }
            #expect(failure?.code == .generationFailed)
            let link = try talk.submitted()
            talk.sandbox.clock.advance(by: .seconds(25 * 3600))
            let ended = talk.vendor.contentError(try talk.send(HTTPCall(.get, link)))
            #expect(ended?.code == .upstreamEmptyResult)
        }
    }

    @Test(arguments: submits)
    func aRefusalIsUnderstood(_ name: String, _ fault: Fault) throws {
        try withConversation(with: name) { talk in
            try talk.arm(fault, at: "submit")
            let error = #expect(throws: KinoraError.self) { try talk.submitted() }
            #expect(error?.code == talk.party.exceptions[fault] ?? Self.refusals[fault])
            // It has passed: the next one is taken.
            _ = try talk.submitted()
        }
    }

    @Test(arguments: names)
    func whatTheVendorAsksToWaitIsHeard(_ name: String) throws {
        try withConversation(with: name) { talk in
            try talk.arm(.rateLimit, at: "submit", ["retry_after": 7])
            let error = #expect(throws: KinoraError.self) { try talk.submitted() }
            #expect(error?.retryAfterSeconds == 7)
        }
    }

    @Test(arguments: names)
    func aKeyThatIsNotGoodIsRefused(_ name: String) throws {
        try withConversation(with: name, key: "somebody-else") { talk in
            let error = #expect(throws: KinoraError.self) { try talk.submitted() }
            #expect(error?.code == .upstreamCredential)
            let refusal = try talk.probed()
            #expect(refusal?.code == .upstreamCredential)
        }
        try withConversation(with: name) { talk in
            let refusal = try talk.probed()
            #expect(refusal == nil)
        }
    }

    @Test(
        arguments: namesWithTasks,
        [
            (Fault.wrongKey, ErrorCode.upstreamCredential), (.serverError, .upstreamServer),
            (.badGateway, .upstreamServer), (.html, .upstreamProtocol), (.truncatedJSON, .upstreamProtocol),
            (.wrongJSON, .upstreamProtocol), (.unknownStatus, .upstreamProtocol),
            (.notFound, .upstreamExpired),
        ])
    func aPollThatFailsSaysNothingOfTheTask(_ name: String, _ trouble: (Fault, ErrorCode)) throws {
        try withConversation(with: name) { talk in
            let ticket = try talk.submitted()
            try talk.arm(trouble.0, at: "poll")
            // A task that is not known is a state of tasks to some.
            let code: ErrorCode?
            do {
                if case .failed(let error) = try talk.polled(ticket) { code = error.code } else { code = nil }
            } catch { code = (error as? KinoraError)?.code }
            #expect(code == trouble.1)
            _ = try talk.polled(ticket)
        }
    }

    @Test(arguments: namesWithTasks)
    func aTaskThatFailedHasFailed(_ name: String) throws {
        try withConversation(with: name) { talk in
            let ticket = try talk.submitted("[sandbox:fail] a cat")
            talk.sandbox.clock.advance(by: .seconds(60))
            guard case .failed(let error) = try talk.polled(ticket) else {
                Issue.record("it did not fail")
                return
            }
            #expect(error.code == .generationFailed)
        }
    }

    /// Vendors add members without notice.
    @Test(arguments: namesWithTasks)
    func unknownMembersAreOverlooked(_ name: String) throws {
        try withConversation(with: name) { talk in
            talk.edit { $0.withMore }
            let ticket = try talk.submitted()
            _ = try talk.polled(ticket)
            _ = try talk.film(of: ticket)
            let refusal = try talk.probed()
            #expect(refusal == nil)
        }
    }

    @Test(arguments: namesWithTasks)
    func aSlowAnswerIsAnAnswer(_ name: String) throws {
        try withConversation(with: name) { talk in
            try talk.arm(.slowBody, at: "submit", ["delay_seconds": .decimal("0.1")])
            try talk.arm(.slowBody, at: "poll", ["delay_seconds": .decimal("0.1")])
            _ = try talk.polled(try talk.submitted())
        }
    }

    @Test(arguments: namesWithTasks)
    func aTaskWithoutAResultHasNone(_ name: String) throws {
        try withConversation(with: name) { talk in
            let ticket = try talk.submitted()
            _ = try talk.film(of: ticket)
            talk.edit { $0.withoutAddresses }
            let code: ErrorCode?
            do {
                switch try talk.polled(ticket) {
                case .failed(let error): code = error.code
                // Its result is asked for at the vendor itself.
                case .completed: code = talk.vendor.contentError(HTTPReply(status: 404))?.code
                case .pending, .told: code = nil
                }
            } catch { code = (error as? KinoraError)?.code }
            #expect(code == .upstreamEmptyResult)
        }
    }

    @Test(arguments: namesWithTasks)
    func aResultThatHasEndedIsNotThere(_ name: String) throws {
        try withConversation(with: name) { talk in
            guard talk.party.linksEnd else { return }
            let call = try talk.film(of: try talk.submitted())
            talk.sandbox.clock.advance(by: .seconds(25 * 3600))
            let refusal = talk.vendor.contentError(try talk.send(call))
            #expect(refusal?.code == .upstreamEmptyResult)
        }
    }

    /// Whoever reads an error at the client's side, or the text of a call, learns no key; and the log has it
    /// blotted out.
    @Test(arguments: names)
    func theKeyIsToldToNobody(_ name: String) throws {
        try withConversation(with: name) { talk in
            let key = talk.account.credential
            let call = try talk.vendor.submit(talk.job(), talk.account)
            for call in [call, talk.vendor.poll("t", talk.account), talk.vendor.probe(talk.account)] {
                #expect(!"\(call)".contains(key.revealed()))
            }
            let words = "the key \(key.revealed()) of org-1 is not good"
            let body: JSON = [
                "error": ["message": JSON(words), "code": "x"], "message": JSON(words), "code": "x",
                "detail": JSON(words),
            ]
            for status in [200, 302, 400, 401, 402, 403, 404, 408, 409, 422, 429, 500, 503] {
                let reply = HTTPReply(status: status, body: body.serialized())
                let errors = talk.refusals(in: reply)
                #expect(!errors.isEmpty, "\(status)")
                for error in errors {
                    #expect(!error.description.contains(key.revealed()) && !error.message.contains("org-1"))
                    #expect(!error.replacing(key).debugDescription.contains(key.revealed()))
                }
            }
        }
    }

    @Test func everyVendorTakesPart() {
        let names = Set(Vendors.all.map(\.name))
        #expect(Set(Party.all.map { $0.value.vendor ?? $0.key }) == names)
        #expect(Set(SandboxVendors.all.map(\.name)) == names.union(["bridge"]))
    }
}
