import Testing

@testable import Core

/// Every event at each side of each boundary, and what it leads to.
@Suite struct TaskMachineTests {
    private static let pace = PollPace(usual: .seconds(40), shortest: .seconds(1), longest: .seconds(20))

    private func machine(
        attempt: Int = 1, accountsTried: Int = 1, running: Duration = .seconds(5),
        remaining: Duration = .seconds(100), hasTicket: Bool = true, isStoring: Bool = false,
        canLookUp: Bool = true
    ) -> TaskMachine {
        TaskMachine(
            attempt: attempt, accountsTried: accountsTried, running: running, remaining: remaining,
            pace: Self.pace, hasTicket: hasTicket, isStoring: isStoring, canLookUp: canLookUp)
    }

    private static func code(_ action: TaskAction) -> ErrorCode? {
        switch action {
        case .fail(let error), .requeue(_, let error), .elsewhere(let error): error.code
        case .accept, .wait, .lookUp: nil
        }
    }

    // A submit ----------------------------------------------------------------------------------------

    @Test func anAcceptedTaskIsPolledAtHalfOfItsUsualTime() {
        #expect(
            machine().action(on: .accepted(vendorTask: "v")) == .accept(vendorTask: "v", delay: .seconds(20)))
    }

    @Test(arguments: ErrorCode.allCases)
    func aRefusalIsTriedAgainUnlessItsCodeForbids(_ code: ErrorCode) {
        let error = KinoraError(code)
        let action = machine().action(on: .refused(error))
        // What only the account is to blame for is put back at once, for another one.
        let delay = Duration.seconds(code.accountFault == nil ? 1 : 0)
        let again = code == .upstreamModelClosed ? .elsewhere(error) : TaskAction.requeue(delay: delay, error)
        #expect(action == (code.facts.retry == .never ? .fail(error) : again))
    }

    /// Any number of accounts may lack the model: each is asked once.
    @Test func anAccountWithoutTheModelSendsTheTaskElsewhere() {
        let error = KinoraError(.upstreamModelClosed, retryAfterSeconds: 3600)
        let event = TaskEvent.refused(error)
        #expect(machine(accountsTried: Limits.accountsTriedMax).action(on: event) == .elsewhere(error))
        #expect(machine(attempt: Limits.taskAttemptsMax).action(on: event) == .elsewhere(error))
        #expect(machine(remaining: .zero).action(on: event) == .fail(error))
    }

    @Test(arguments: ErrorCode.allCases.filter { $0.accountFault != nil })
    func someAccountsMayRefuseATaskAndAnyNumberMayBeFull(_ code: ErrorCode) {
        let error = KinoraError(code, retryAfterSeconds: 3600)
        let more = machine(accountsTried: Limits.accountsTriedMax - 1).action(on: .refused(error))
        #expect(more == .requeue(delay: .zero, error))
        let last = machine(accountsTried: Limits.accountsTriedMax).action(on: .refused(error))
        #expect(last == (code.accountFault == .throttle ? .requeue(delay: .zero, error) : .fail(error)))
        let isFull = code.accountFault == .throttle
        let late = machine(attempt: Limits.taskAttemptsMax).action(on: .refused(error))
        #expect(late == (isFull ? .requeue(delay: .zero, error) : .fail(error)))
        #expect(machine(attempt: Limits.taskThrottlesMax).action(on: .refused(error)) == .fail(error))
    }

    @Test(arguments: [
        (1, 100, true), (Limits.taskAttemptsMax - 1, 100, true), (Limits.taskAttemptsMax, 100, false),
        (1, 2, true), (1, 1, false), (1, 0, false), (1, -1, false),
    ])
    func attemptsAndTimeAreBounded(_ attempt: Int, _ remaining: Int, _ isTriedAgain: Bool) {
        let action = machine(attempt: attempt, remaining: .seconds(remaining)).action(
            on: .refused(KinoraError(.internalFault)))
        if case .requeue = action { #expect(isTriedAgain) } else { #expect(!isTriedAgain) }
    }

    @Test(arguments: [(nil, 1, 1), (30, 1, 30), (1, 5, 16), (0, 3, 4), (600, 1, 600)] as [(Int?, Int, Int)])
    func aVendorsWishAndTheBackoffAreBothHonoured(_ wish: Int?, _ attempt: Int, _ delay: Int) {
        let error = KinoraError(.internalFault, retryAfterSeconds: wish)
        #expect(
            machine(attempt: attempt, remaining: .seconds(1000)).action(on: .refused(error))
                == .requeue(delay: .seconds(delay), error))
    }

    @Test func anUnansweredSubmitIsLookedUpWhereThatIsPossible() {
        let silence = TaskEvent.submitUnanswered(KinoraError(.upstreamUnreachable))
        #expect(machine(hasTicket: false).action(on: silence) == .lookUp)
        // Never sent again blindly.
        let blind = machine(hasTicket: false, canLookUp: false).action(on: silence)
        #expect(Self.code(blind) == .submitUnknown)
        if case .requeue = blind { Issue.record("it would be sent twice") }
        #expect(Self.code(machine(remaining: .zero, hasTicket: false).action(on: silence)) == .submitUnknown)
    }

    @Test(arguments: [(0, false), (74, false), (75, true), (500, true)])
    func absenceProvesNothingUntilTheVendorHadTimeToListIt(_ running: Int, _ isSentAgain: Bool) {
        let action = machine(running: .seconds(running), hasTicket: false).action(on: .notFoundAtVendor)
        if isSentAgain {
            #expect(Self.code(action) == .upstreamUnreachable)
            if case .fail = action { Issue.record("it is tried again") }
        } else {
            #expect(action == .wait(delay: .seconds(2), phase: .submitting, progress: nil))
        }
    }

    /// A list that leaves open whether the task is on it never leads to a second submit.
    @Test(arguments: [0, 74, 75, 500])
    func anUnclearListIsAskedAgainAndThenBelieved(_ running: Int) {
        let action = machine(running: .seconds(running), hasTicket: false).action(on: .lookUpUnclear)
        if .seconds(running) < TaskMachine.arrivalMax {
            #expect(action == .wait(delay: .seconds(2), phase: .submitting, progress: nil))
        } else {
            #expect(Self.code(action) == .submitUnknown)
            if case .requeue = action { Issue.record("it may be sent twice") }
        }
    }

    @Test func anOldUnansweredSubmitThatNobodyKnowsFailsWhenTriesAreUsedUp() {
        let action = machine(attempt: Limits.taskAttemptsMax, running: .seconds(90), hasTicket: false)
            .action(on: .notFoundAtVendor)
        #expect(
            action
                == .fail(
                    KinoraError(.upstreamUnreachable, detail: "the vendor does not know the submitted task")))
    }

    // A running task ----------------------------------------------------------------------------------

    @Test(arguments: [(nil, nil), (0, 0), (55, 55), (99, 99), (100, 99)] as [(Int?, Int?)])
    func progressIsCompleteOnlyWhenTheBytesAreStored(_ told: Int?, _ kept: Int?) {
        let action = machine().action(on: .pending(progress: told, isPostprocessing: false))
        #expect(action == .wait(delay: .seconds(4), phase: .waiting, progress: kept))
    }

    @Test func aPendingTaskHasItsPhaseAndItsDeadline() {
        #expect(
            machine().action(on: .pending(progress: nil, isPostprocessing: true))
                == .wait(delay: .seconds(4), phase: .postprocessing, progress: nil))
        for remaining in [Duration.zero, .seconds(-1)] {
            let action = machine(remaining: remaining).action(
                on: .pending(progress: 50, isPostprocessing: false))
            #expect(Self.code(action) == .taskDeadline)
        }
    }

    @Test(arguments: [ErrorCode.contentRefused, .generationFailed, .upstreamServer])
    func whatTheVendorCallsFailedHasFailed(_ code: ErrorCode) {
        #expect(machine().action(on: .failed(KinoraError(code))) == .fail(KinoraError(code)))
    }

    @Test(arguments: [ErrorCode.upstreamMoney, .upstreamRate, .upstreamConcurrency, .upstreamCredential])
    func whatTheAccountLackedAtLastAnotherMayHave(_ code: ErrorCode) {
        let error = KinoraError(code)
        #expect(machine().action(on: .failed(error)) == .requeue(delay: .zero, error))
        let last = machine(accountsTried: Limits.accountsTriedMax, remaining: .zero)
        #expect(last.action(on: .failed(error)) == .fail(error))
    }

    @Test(arguments: ErrorCode.allCases)
    func aPollThatFailsSaysNothingAboutTheTask(_ code: ErrorCode) {
        let action = machine().action(on: .pollFailed(KinoraError(code)))
        // That the task is gone, or that nobody may have what it made, is for good.
        if [.upstreamExpired, .contentRefused].contains(code) {
            #expect(action == .fail(KinoraError(code)))
        } else {
            #expect(action == .wait(delay: .seconds(4), phase: .waiting, progress: nil))
        }
    }

    @Test func pollsThatFailEndWithTheDeadline() {
        let lost = TaskEvent.pollFailed(KinoraError(.upstreamUnreachable))
        #expect(Self.code(machine(remaining: .zero).action(on: lost)) == .taskDeadline)
        // Without a vendor's id nobody knows whether it runs there.
        #expect(Self.code(machine(remaining: .zero, hasTicket: false).action(on: lost)) == .submitUnknown)
        #expect(
            machine(hasTicket: false).action(on: lost)
                == .wait(delay: .seconds(4), phase: .submitting, progress: nil))
    }

    @Test(arguments: [(0, true), (-3599, true), (-3600, false)])
    func pollsOfATaskWhoseResultIsDueMayFailLonger(_ remaining: Int, _ isPolledAgain: Bool) {
        let action = machine(remaining: .seconds(remaining), isStoring: true)
            .action(on: .pollFailed(KinoraError(.upstreamServer)))
        if case .wait = action { #expect(isPolledAgain) } else { #expect(!isPolledAgain) }
    }

    @Test(arguments: [(nil, 4), (1, 4), (9, 9), (20, 20), (3600, 20)] as [(Int?, Int)])
    func aPollWaitsAsTheVendorAsksWithinItsOwnLongestInterval(_ wish: Int?, _ delay: Int) {
        let error = KinoraError(.upstreamRate, retryAfterSeconds: wish)
        #expect(
            machine().action(on: .pollFailed(error))
                == .wait(delay: .seconds(delay), phase: .waiting, progress: nil))
    }

    @Test(arguments: ErrorCode.allCases)
    func aResultThatCouldNotBeFetchedIsFetchedAgainUnlessItIsGone(_ code: ErrorCode) {
        let action = machine().action(on: .storeFailed(KinoraError(code)))
        #expect(
            action
                == (code.facts.retry == .never
                    ? .fail(KinoraError(code)) : .wait(delay: .seconds(5), phase: .waiting, progress: nil)))
    }

    /// A store that is away for an hour is not given every result anew every few seconds.
    @Test(arguments: [(0, 5), (50, 5), (60, 6), (200, 20), (600, 60), (9999, 60)])
    func aStoreThatStaysAwayIsTriedEverMoreSeldom(_ running: Int, _ delay: Double) {
        let action = machine(running: .seconds(running)).action(
            on: .storeFailed(KinoraError(.storageFailed)))
        #expect(action == .wait(delay: .seconds(delay), phase: .waiting, progress: nil))
    }

    /// Nothing was submitted, and no account has anything to do with it.
    @Test(arguments: [ErrorCode.storageFailed, .queueFull]) func whatIsOursCostsNoTries(_ code: ErrorCode) {
        let away = TaskEvent.refused(KinoraError(code))
        for attempt in [1, Limits.taskAttemptsMax, 500] {
            guard case .requeue(let delay, _) = machine(attempt: attempt, hasTicket: false).action(on: away)
            else {
                Issue.record("it failed at try \(attempt)")
                continue
            }
            #expect(delay == Backoff.delay(afterAttempt: attempt))
        }
        let late = machine(remaining: .seconds(1), hasTicket: false).action(on: away)
        #expect(Self.code(late) == code)
        if case .requeue = late { Issue.record("it could start only after its deadline") }
    }

    /// What the vendor has made is worth more patience than what it has not.
    @Test(arguments: [(0, true), (-3599, true), (-3600, false)])
    func aFinishedResultHasTimeBeyondTheDeadline(_ remaining: Int, _ isTriedAgain: Bool) {
        let action = machine(remaining: .seconds(remaining)).action(
            on: .storeFailed(KinoraError(.storageFailed)))
        if case .wait = action { #expect(isTriedAgain) } else { #expect(!isTriedAgain) }
    }
}

@Suite struct PollPaceTests {
    @Test(
        arguments: [
            (nil, 1, 1, 20), (nil, 3, 3, 20), (10, 5, 1, 20), (2, 1, 1, 20), (100, 20, 1, 20), (1, 3, 3, 20),
        ] as [(Int?, Int, Int, Int)])
    func theFirstPollComesAtHalfOfTheUsualTime(_ usual: Int?, _ first: Int, _ shortest: Int, _ longest: Int) {
        let pace = PollPace(
            usual: usual.map { .seconds($0) }, shortest: .seconds(shortest), longest: .seconds(longest))
        #expect(pace.first == .seconds(first))
    }

    @Test(
        arguments: [
            (nil, 0, 1), (nil, 4, 1), (nil, 40, 10), (nil, 400, 20), (30, 1, 3), (30, 29, 3), (30, 60, 6),
            (30, 999, 20),
            (5, 1, 1),
        ] as [(Int?, Int, Int)])
    func laterPollsFollowTheUsualTimeAndThenGrow(_ usual: Int?, _ running: Int, _ next: Int) {
        let pace = PollPace(usual: usual.map { .seconds($0) }, shortest: .seconds(1), longest: .seconds(20))
        #expect(pace.next(after: .seconds(running)) == .seconds(next))
    }
}

@Suite struct BackoffTests {
    @Test(arguments: [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (1000, 60), (-5, 1)])
    func delaysDoubleUpToAMinute(_ attempt: Int, _ seconds: Int) {
        #expect(Backoff.delay(afterAttempt: attempt) == .seconds(seconds))
    }
}

@Suite struct TaskStateTests {
    @Test func aFinalStateLeadsNowhereAndAnOpenOneSomewhere() {
        for state in TaskState.allCases {
            #expect(state.isFinal == state.successors.isEmpty)
            #expect(!state.successors.contains(state))
        }
    }
}
