import Core
import Testing

@testable import Sandbox

@Suite struct FaultTests {
    @Test func markersNameAFaultAndPerhapsAnOperation() {
        let known = "a [sandbox:fail] b [sandbox:hang poll] [sandbox:html any]"
        let unknown = "[sandbox:nonsense] [sandbox:] [sandbox:fail x] [sandbox:html"
        let markers = FaultMarker.all(in: known + unknown)
        #expect(
            markers == [
                FaultMarker(fault: .fail, operation: nil), FaultMarker(fault: .hang, operation: .poll),
                FaultMarker(fault: .html, operation: nil),
            ])
    }

    @Test func anArmedFaultStrikesAsOftenAsItWasTold() {
        var book = FaultBook()
        book.arm(ArmedFault(strike: Strike(fault: .rateLimit), times: 2, operation: .submit))
        #expect(book.takeArmed(.poll, of: .first) == nil)
        #expect(book.takeArmed(.submit, of: .first)?.fault == .rateLimit)
        #expect(book.takeArmed(.submit, of: .first)?.fault == .rateLimit)
        #expect(book.takeArmed(.submit, of: .first) == nil)
        #expect(book.armed.isEmpty)
    }

    @Test func anArmedFaultOfAnotherVendorDoesNotStrike() {
        var book = FaultBook()
        book.arm(ArmedFault(strike: Strike(fault: .rateLimit), times: 1, vendor: "other"))
        #expect(book.takeArmed(.submit, of: .first) == nil)
    }

    @Test func aFaultForAKeyStrikesNoOther() {
        var book = FaultBook()
        book.arm(ArmedFault(strike: Strike(fault: .modelClosed), times: 9, keyEnd: "one1"))
        #expect(book.takeArmed(.submit, of: .second) == nil)
        #expect(book.takeArmed(.submit, of: .first)?.fault == .modelClosed)
    }

    @Test func aFaultForAnyOperationWaitsForOneThatItCanStrike() {
        var book = FaultBook()
        book.arm(ArmedFault(strike: Strike(fault: .unknownStatus), times: 1))
        #expect(book.takeArmed(.submit, of: .first) == nil)
        #expect(book.takeArmed(.poll, of: .first)?.fault == .unknownStatus)
    }

    @Test func aTransientMarkerRefusesOnceAndTheNextTaskMeetsItAgain() {
        var book = FaultBook()
        let prompt = "[sandbox:rate_limit] [sandbox:server_error submit] x"
        for _ in 0..<2 {
            #expect(book.takeMarker(ofPrompt: prompt)?.fault == .rateLimit)
            #expect(book.takeMarker(ofPrompt: prompt)?.fault == .serverError)
            #expect(book.takeMarker(ofPrompt: prompt) == nil)
        }
    }

    @Test func aLastingMarkerStrikesAlwaysAndAfterTheTransientOnes() {
        var book = FaultBook()
        let prompt = "[sandbox:content_refusal] [sandbox:rate_limit]"
        #expect(book.takeMarker(ofPrompt: prompt)?.fault == .rateLimit)
        #expect(book.takeMarker(ofPrompt: prompt)?.fault == .contentRefusal)
    }

    @Test func markersForPollAndContentAreSpentByTheTask() throws {
        var state = SandboxState(settings: SandboxSettings(taskSeconds: 0, render: .none))
        let draft = Draft.sample("[sandbox:server_error poll] [sandbox:not_found content] [sandbox:html]")
        let now = Timestamp(seconds: 10)
        _ = try state.accept(draft, id: "t", for: .first, mustFail: false, now: now)
        #expect(state.strike(for: .poll("t"), of: .second) == nil)
        #expect(state.strike(for: .poll("t"), of: .first)?.fault == .serverError)
        #expect(state.strike(for: .poll("t"), of: .first) == nil)
        #expect(state.strike(for: .content("t", .video), of: .first)?.fault == .notFound)
        #expect(state.strike(for: .content("t", .video), of: .first)?.fault == .notFound)
    }

    @Test(arguments: Fault.allCases)
    func everyFaultCanStrikeSomething(_ fault: Fault) {
        #expect(Operation.allCases.contains(where: fault.canStrike))
    }
}
