import Core
import Store
import TestSupport
import Testing

/// What an account learns from the ends of its attempts.
@Suite(.freshDatabase) struct HealthTests {
    let database = TestDatabase.current
    let store = TestDatabase.current.store()

    /// A task of its own, claimed on the only account: its rest is over, or there was none.
    private func claim() throws -> ClaimedTask {
        try database.sql("UPDATE account SET cooling_until = now() WHERE cooling_until > now()")
        let worker = try database.worker()
        _ = try store.submit(.sample(try database.caller()))
        return try #require(try store.claim(worker: worker, limit: 1).first)
    }

    /// What the account became by that.
    @discardableResult
    private func refuse(
        _ code: ErrorCode, retryAfter: Int? = nil, errorsMax: Int64 = 5
    ) throws -> [AccountFall] {
        let error = KinoraError(code, retryAfterSeconds: retryAfter, detail: "their words")
        let task = try claim()
        var falls: [AccountFall] = []
        let isWritten = try store.requeue(
            task, delay: .zero, error, blame: Blame(error, errorsMax: errorsMax)
        ) { falls.append($0) }
        #expect(isWritten)
        try database.sql(
            "UPDATE task SET state = 'cancelled', due_at = NULL, finished_at = now() WHERE state = 'queued'")
        return falls
    }

    private func succeed(_ task: ClaimedTask) throws {
        _ = try store.accepted(task, vendorTask: "v\(task.row)")
        _ = try store.storing(task)
        let film = StoredMedia(sha256: String(repeating: "0d", count: 32), bytes: 9, type: .mp4)
        #expect(try store.succeeded(task, results: [TaskResult(film)]))
    }

    private var state: String? {
        get throws { try database.value("SELECT state FROM account") }
    }
    private var reason: String? {
        get throws { try database.value("SELECT state_reason FROM account") }
    }
    private var counts: [String?]? {
        get throws {
            try database.sql("SELECT consecutive_errors, consecutive_throttles FROM account").first
        }
    }
    /// From the last attempt's end, which is that of its account's fall too.
    private var restSeconds: Double {
        get throws {
            let text = try database.value(
                """
                SELECT coalesce(extract(epoch FROM cooling_until
                    - (SELECT max(finished_at) FROM attempt)), 0)::float8 FROM account
                """)
            return Double(text ?? "") ?? -1
        }
    }

    @Test func failuresInARowCoolForLongerAndLongerAndThenDisable() throws {
        try database.account("one")
        for (count, seconds) in [2.0, 6, 18, 54].enumerated() {
            try refuse(.upstreamUnreachable)
            #expect(try state == "cooling")
            #expect(try reason == "upstream_unreachable: their words")
            #expect(try counts == ["\(count + 1)", "0"])
            #expect(try restSeconds > seconds * 0.7 && restSeconds <= seconds * 1.25)
        }
        try refuse(.upstreamServer)
        #expect(try state == "disabled")
        #expect(try reason == "upstream_server: their words")
        #expect(try database.value("SELECT config_version.version > 1 FROM config_version") == "t")
    }

    @Test func aThresholdOfZeroNeverDisablesAndRestsAreCapped() throws {
        try database.account("one")
        try database.sql("UPDATE account SET consecutive_errors = 1000000")
        try refuse(.upstreamProtocol, errorsMax: 0)
        #expect(try state == "cooling")
        let longest = Double(Limits.coolingSecondsMax)
        #expect(try restSeconds > longest * 0.7 && restSeconds <= longest * 1.25)
    }

    @Test(arguments: [ErrorCode.upstreamRate, .upstreamConcurrency])
    func aFullVendorCoolsAndNeverDisables(_ code: ErrorCode) throws {
        try database.account("one")
        for count in 1...12 {
            try refuse(code, errorsMax: 1)
            #expect(try state == "cooling")
            #expect(try counts == ["0", "\(count)"])
        }
        #expect(try restSeconds > 400)
        try refuse(code, retryAfter: 33)
        #expect(try restSeconds > 32 && restSeconds <= 33)
    }

    @Test(arguments: [(0, 1.0), (1, 1.0), (90_000_000, 86_400.0)])
    func anAbsurdWishForARestIsBounded(_ wish: Int, _ seconds: Double) throws {
        try database.account("one")
        try refuse(.upstreamRate, retryAfter: wish)
        #expect(try restSeconds > seconds - 1 && restSeconds <= seconds)
    }

    @Test func aRefusedCredentialMakesItInvalidUntilAnOperatorHelps() throws {
        let account = try database.account("one")
        try refuse(.upstreamCredential)
        #expect(try state == "invalid")
        #expect(try reason == "upstream_credential: their words")
        #expect(try store.vendorsServed().isEmpty)
        try store.changeAccount(account, AccountChange(baseURL: "https://other.example/v1"))
        #expect(try state == "invalid")
        try store.changeAccount(account, AccountChange(sealedCredential: [2]))
        #expect(try state == "active")
        #expect(try reason == "")
        #expect(try store.vendorsServed() == ["openai"])
    }

    @Test(arguments: ["credits", "operator"])
    func whoCannotPayIsLeftOutUntilItIsRefilled(_ by: String) throws {
        try database.account("one")
        try database.sql("UPDATE account SET credits_micros = 50")
        try refuse(.upstreamMoney)
        #expect(try state == "active")
        #expect(try store.listAccounts().first?["state"] == "exhausted")
        _ = try store.submit(.sample(try database.caller()))
        let worker = try database.worker()
        #expect(try store.claim(worker: worker).isEmpty)
        if by == "credits" {
            // A reading of nothing refills nothing.
            try database.sql("UPDATE account SET credits_micros = 0")
            #expect(try store.claim(worker: worker).isEmpty)
            // It may be less than at the last reading before it ran dry.
            try database.sql("UPDATE account SET credits_micros = 40")
        } else {
            #expect(try store.setAccountState("one", to: "active", reason: "") == 1)
        }
        #expect(try store.claim(worker: worker).count == 1)
        #expect(try store.listAccounts().first?["reason"] == "")
    }

    @Test(arguments: ErrorCode.allCases.filter { $0.accountFault == nil })
    func errorsOfTheRequestLeaveTheAccountAlone(_ code: ErrorCode) throws {
        try database.account("one")
        let error = KinoraError(code)
        #expect(Blame(error, errorsMax: 1) == nil)
        let before = try database.sql("SELECT * FROM account")
        #expect(try store.failed(try claim(), error, blame: Blame(error, errorsMax: 1)))
        #expect(try database.sql("SELECT * FROM account") == before)
    }

    @Test func aFailedTaskCountsLikeARefusedOne() throws {
        try database.account("one")
        let error = KinoraError(.upstreamServer)
        #expect(try store.failed(try claim(), error, blame: Blame(error, errorsMax: 1)))
        #expect(try state == "disabled")
    }

    /// Else a breath of bad air would disable an account that has a hundred slots.
    @Test func whatAnAccountBecameIsToldOnce() throws {
        try database.account("one")
        #expect(try refuse(.upstreamRate) == [.cooling])
        #expect(try refuse(.upstreamServer) == [.cooling])
        #expect(try refuse(.upstreamRequest) == [])
        #expect(try refuse(.upstreamMoney) == [.exhausted])
        #expect(try database.sql("UPDATE account SET exhausted_at = NULL").isEmpty)
        #expect(try refuse(.upstreamServer, errorsMax: 2) == [.disabled])
        #expect(try store.setAccountState("one", to: "active", reason: "") == 1)
        #expect(try refuse(.upstreamCredential) == [.invalid])
    }

    @Test func whatAnAccountIsAlreadyIsNoNews() throws {
        try database.account("one")
        let worker = try database.worker()
        for _ in 0..<8 { _ = try store.submit(.sample(try database.caller())) }
        let tasks = try store.claim(worker: worker)
        #expect(tasks.count == 4)
        let codes: [(ErrorCode, [AccountFall])] = [
            (.upstreamMoney, [.exhausted]), (.upstreamMoney, []), (.upstreamCredential, [.invalid]),
            (.upstreamCredential, []),
        ]
        for (task, (code, expected)) in zip(tasks, codes) {
            let error = KinoraError(code)
            var falls: [AccountFall] = []
            _ = try store.failed(task, error, blame: Blame(error, errorsMax: 5)) { falls.append($0) }
            #expect(falls == expected)
        }
        // Nobody's task any more: its worker has nothing to tell.
        let error = KinoraError(.upstreamServer)
        _ = try store.failed(tasks[0], error, blame: Blame(error, errorsMax: 1)) { _ in
            Issue.record("a fall without a claim")
        }
    }

    @Test func errorsOfOneMomentCountOnce() throws {
        try database.account("one", slots: 20)
        let worker = try database.worker()
        for _ in 0..<20 { _ = try store.submit(.sample(try database.caller())) }
        let tasks = try store.claim(worker: worker)
        #expect(tasks.count == 20)
        // The rest is longer than all of them take.
        try database.sql("UPDATE account SET consecutive_errors = 3")
        let store = store
        let falls = Happening<AccountFall>()
        try concurrently(8) { thread in
            for task in tasks.enumerated() where task.offset % 8 == thread {
                let error = KinoraError(.upstreamServer)
                let blame = Blame(error, errorsMax: 5)
                let isWritten = try store.requeue(
                    task.element, delay: .zero, error, blame: blame, onFall: falls.note)
                #expect(isWritten)
            }
        }
        #expect(falls.all == [.cooling])
        #expect(try counts == ["4", "0"])
        #expect(try state == "cooling")
        // A longer rest that the vendor asks for is heeded all the same.
        try database.sql("UPDATE account SET cooling_until = now() WHERE cooling_until > now()")
        let late = try #require(try store.claim(worker: worker, limit: 1).first)
        try database.sql("UPDATE account SET cooling_until = now() + interval '1 min'")
        let error = KinoraError(.upstreamRate, retryAfterSeconds: 600)
        _ = try store.requeue(late, delay: .zero, error, blame: Blame(error, errorsMax: 5))
        #expect(try restSeconds > 500)
        #expect(try counts == ["4", "0"])
    }

    @Test func aSuccessForgetsWhatWasBefore() throws {
        try database.account("one")
        try refuse(.upstreamServer)
        try refuse(.upstreamRate)
        #expect(try counts == ["1", "1"])
        let task = try claim()
        try succeed(task)
        #expect(try counts == ["0", "0"])
        #expect(try state == "active")
        #expect(try reason == "")
    }

    @Test func aSuccessDoesNotEndARest() throws {
        try database.account("one")
        let old = try claim()
        try refuse(.upstreamRate, retryAfter: 60)
        try succeed(old)
        #expect(try counts == ["0", "0"])
        #expect(try state == "cooling")
        #expect(try restSeconds > 50)
    }

    @Test func anAcceptedTaskEndsTheCountOfThrottlesAlone() throws {
        try database.account("one")
        try refuse(.upstreamServer)
        try refuse(.upstreamConcurrency)
        #expect(try store.accepted(try claim(), vendorTask: "v"))
        #expect(try counts == ["1", "0"])
    }

    @Test func whatAnOperatorHasSwitchedOffStaysOff() throws {
        try database.account("one")
        let tasks = [try claim(), try claim()]
        #expect(try store.setAccountState("one", to: "disabled", reason: "for the night") == 1)
        let error = KinoraError(.upstreamServer)
        _ = try store.requeue(tasks[0], delay: .zero, error, blame: Blame(error, errorsMax: 1))
        #expect(try state == "disabled")
        #expect(try reason == "for the night")
        try succeed(tasks[1])
        #expect(try state == "disabled")
    }

    @Test func whoLostTheClaimBlamesNobody() throws {
        try database.account("one")
        let task = try claim()
        try database.sql("UPDATE task SET claim = claim + 1")
        let error = KinoraError(.upstreamCredential), blame = Blame(error, errorsMax: 1)
        #expect(try !store.requeue(task, delay: .zero, error, blame: blame))
        #expect(try !store.failed(task, error, blame: blame))
        #expect(try state == "active")
    }

    /// Each change of config_version makes every process read all keys again.
    @Test func restsAreNoMatterOfConfiguration() throws {
        try database.account("one")
        let tasks = try (0..<4).map { _ in try claim() }
        let version = try database.value("SELECT version FROM config_version")
        for (task, code) in zip(tasks, [ErrorCode.upstreamServer, .upstreamRate]) {
            let error = KinoraError(code)
            #expect(try store.requeue(task, delay: .zero, error, blame: Blame(error, errorsMax: 5)))
        }
        #expect(try state == "cooling")
        try database.sql("UPDATE account SET cooling_until = now()")
        try succeed(tasks[2])
        #expect(try state == "active")
        #expect(try database.value("SELECT version FROM config_version") == version)
        let error = KinoraError(.upstreamCredential)
        #expect(try store.requeue(tasks[3], delay: .zero, error, blame: Blame(error, errorsMax: 5)))
        #expect(try database.value("SELECT version FROM config_version") != version)
    }
}
