import Core
import Store
import TestSupport
import Testing
import Upstream

@testable import Engine

/// Tasks whose vendor answers a submit with the result.
@Suite(.freshDatabase) struct ImageTests {
    let stage: Stage

    init() throws { stage = try Stage(slots: [8]) }

    private func draw(
        _ prompt: String = "a quiet harbour", n: Int = 1,
        _ change: @escaping (inout Submission) -> Void = { _ in }
    ) throws -> MediaTask {
        try stage.submit(prompt) { submission in
            submission.kind = .image
            submission.model = "gpt-image-2"
            submission.parameters = [GivenParameter(name: "n", value: JSON(n))]
            change(&submission)
        }
    }

    private func end(of task: MediaTask) throws -> MediaTask {
        #expect(stage.events.end(of: task.id) != nil)
        return try #require(try stage.task(task.id))
    }

    private func pictures(_ task: MediaTask) throws -> [[UInt8]?] {
        try stage.store.results(ofTask: task.row).map {
            stage.folder.bytes("\(stage.folder.path)/media/\($0.media.relativePath)")
        }
    }

    /// What a vendor answers: pictures by base64, or links to them.
    private static func reply(_ items: [JSON]) -> ScriptedVendor.Answer {
        .json(200, ["created": 1, "data": .array(items)])
    }

    private static func inline(_ name: String) -> JSON {
        ["b64_json": .string(Base64.encode(ScriptedVendor.picture(name)))]
    }

    @Test func theAnswerOfASubmitIsTheResult() throws {
        _ = try stage.worker()
        let task = try end(of: try draw(n: 3))
        #expect((task.state, task.progress, task.kind) == (.succeeded, 100, .image))
        #expect(
            try pictures(task) == (1...3).map { ScriptedVendor.picture("video_1 \($0)") })
        #expect(stage.vendor.calls.map(\.step) == [.submit])
        #expect(eventually { stage.folder.files("spool").isEmpty })
        #expect(
            try stage.database.count("attempt WHERE outcome = 'succeeded' AND vendor_task_id IS NULL") == 1)
        #expect(try stage.database.count("attempt WHERE finished_at IS NULL") == 0)
    }

    @Test func neverMoreIsDeliveredThanWasAskedFor() throws {
        stage.vendor.script { _ in Self.reply((1...4).map { Self.inline("\($0)") }) }
        _ = try stage.worker()
        let task = try end(of: try draw(n: 2))
        #expect(try pictures(task) == ["1", "2"].map(ScriptedVendor.picture))
    }

    @Test func lessThanWasAskedForIsDeliveredAsItIs() throws {
        stage.vendor.script { _ in
            Self.reply([["error": ["code": "x"]], Self.inline("1"), ["b64_json": .null]])
        }
        _ = try stage.worker()
        let task = try end(of: try draw(n: 3))
        #expect(task.state == .succeeded)
        #expect(try pictures(task) == [ScriptedVendor.picture("1")])
    }

    @Test func twoEqualPicturesAreTwoResults() throws {
        stage.vendor.script { _ in Self.reply([Self.inline("same"), Self.inline("same")]) }
        _ = try stage.worker()
        let task = try end(of: try draw(n: 2))
        #expect(try pictures(task).count == 2)
        #expect(try stage.database.count("asset") == 1)
    }

    @Test func linksAreFetchedWithoutTheKey() throws {
        stage.vendor.script { call in
            switch call.step {
            case .submit:
                Self.reply([
                    ["url": "https://media.example/a/1", "revised_prompt": "a harbour, quiet"],
                    ["url": "/v1/pictures/b/2"],
                ])
            case .content, .poll: .bytes(ScriptedVendor.picture(call.path))
            default: nil
            }
        }
        _ = try stage.worker()
        let task = try end(of: try draw(n: 2))
        #expect(task.state == .succeeded)
        let fetched = stage.vendor.calls.dropFirst()
        #expect(fetched.map(\.path) == ["https://media.example/a/1", "/pictures/b/2"])
        #expect(fetched.allSatisfy { !$0.hasKey })
        let results = try stage.store.results(ofTask: task.row)
        #expect(results.map(\.revisedPrompt) == ["a harbour, quiet", nil])
    }

    @Test(arguments: ["http://media.example/1", "file:///etc/passwd", "https://", "gopher://x/1", "nothing"])
    func aLinkThatLeadsElsewhereIsNotFollowed(_ link: String) throws {
        stage.vendor.script { call in
            call.step == .submit ? Self.reply([["url": .string(link)]]) : .bytes(Array("<html>".utf8))
        }
        _ = try stage.worker()
        let task = try end(of: try draw())
        #expect(task.state == .failed)
        #expect(!stage.vendor.calls.contains { $0.path == link })
    }

    @Test func oneLinkOfSeveralThatIsAwayForNowComesAfterTheOthers() throws {
        let hasFailed = Guarded(false)
        stage.vendor.script { call in
            switch call.step {
            case .submit: return Self.reply((1...3).map { ["url": .string("https://m.example/p/\($0)")] })
            case .content where call.path.hasSuffix("2"):
                let isSecond = hasFailed.withLock { failed in
                    defer { failed = true }
                    return failed
                }
                return isSecond ? .bytes(ScriptedVendor.picture(call.path)) : .bytes([], status: 500)
            case .content: return .bytes(ScriptedVendor.picture(call.path))
            default: return nil
            }
        }
        _ = try stage.worker()
        let task = try end(of: try draw(n: 3))
        let order = [1, 3, 2].map { ScriptedVendor.picture("https://m.example/p/\($0)") }
        #expect(try pictures(task) == order)
        #expect(stage.vendor.calls.dropFirst().map { $0.path.last } == ["1", "2", "3", "2"])
    }

    @Test func oneLinkOfSeveralThatIsDeadIsLeftOut() throws {
        stage.vendor.script { call in
            switch call.step {
            case .submit: Self.reply((1...3).map { ["url": .string("https://m.example/p/\($0)")] })
            case .content where call.path.hasSuffix("2"): .bytes([], status: 404)
            case .content where call.path.hasSuffix("1"): .bytes(Array("<html>".utf8))
            case .content: .bytes(ScriptedVendor.picture(call.path))
            default: nil
            }
        }
        _ = try stage.worker()
        let task = try end(of: try draw(n: 3))
        #expect(try pictures(task) == [ScriptedVendor.picture("https://m.example/p/3")])
        let lost = stage.events.count { if case .storeFailed = $0 { true } else { false } }
        #expect(lost == 2)
    }

    @Test(
        arguments: [
            (.json(200, ["data": []]), .failed, "upstream_empty_result"),
            (.json(200, ["data": [["b64_json": "PGh0bWw+"]]]), .failed, "upstream_empty_result"),
            (.json(200, ["data": [["b64_json": "***"]]]), .failed, "submit_unknown"),
            (.bytes(Array("{\"data\": [{\"b64_json\": \"iVBO".utf8)), .failed, "submit_unknown"),
            (.bytes(Array("<html>".utf8)), .failed, "submit_unknown"),
            (.json(500, ["error": ["message": "oops"]]), .failed, "submit_unknown"),
            (.json(400, ["error": ["code": "moderation_blocked"]]), .failed, "content_policy_violation"),
            (.json(400, ["error": ["code": "invalid_value"]]), .failed, "upstream_request"),
            (.lost(mayHaveArrived: true), .failed, "submit_unknown"),
        ] as [(ScriptedVendor.Answer, TaskState, String)])
    func anAnswerWithoutAResultEndsIt(
        _ answer: ScriptedVendor.Answer, _ state: TaskState, _ code: String
    ) throws {
        stage.vendor.script { _ in answer }
        _ = try stage.worker()
        let task = try end(of: try draw())
        #expect(task.state == state && task.failure?.code == code)
        #expect(stage.vendor.calls(.submit).count == 1, "a paid request is never sent again")
        // What came goes with the last who knows of it.
        #expect(eventually { stage.folder.files("spool").isEmpty })
    }

    @Test func whatWasSurelyNotTakenIsTriedElsewhere() throws {
        _ = try Stage.addAccount("other", slots: 1, stage.store, stage.vault)
        stage.vendor.script { call in
            call.nth == 1 ? .json(429, ["error": ["code": "rate_limit_exceeded"]]) : nil
        }
        _ = try stage.worker()
        #expect(try end(of: try draw()).state == .succeeded)
        #expect(stage.vendor.calls(.submit).count == 2)
    }

    @Test func aPictureWaitsForADiskThatIsFull() throws {
        let unblock = try stage.folder.block("media")
        _ = try stage.worker()
        let task = try draw(n: 2)
        #expect(stage.events.has { if case .storeFailed(task.id, _, _) = $0 { true } else { false } })
        #expect(try #require(try stage.task(task.id)).state == .storing)
        #expect(try eventually { try stage.resting("state = 'storing'") == 1 })
        try unblock()
        try stage.hurry()
        #expect(try end(of: task).state == .succeeded)
        #expect(try pictures(task).count == 2)
        #expect(stage.vendor.calls(.submit).count == 1)
        #expect(eventually { stage.folder.files("spool").isEmpty })
    }

    @Test func aResultThatDiedWithItsWorkerIsNotAskedForAgain() throws {
        stage.vendor.script { _ in .held }
        let first = try stage.worker()
        let task = try draw()
        #expect(stage.vendor.waits(for: .submit))
        try stage.kill(first)
        _ = try stage.worker()
        let ended = try end(of: task)
        #expect((ended.state, ended.failure?.code) == (.failed, "submit_unknown"))
        #expect(stage.vendor.calls(.submit).count == 1)
    }

    @Test func aCancelledPictureFreesItsSlotWhenItsVendorAnswers() throws {
        stage.vendor.script { _ in .held }
        _ = try stage.worker()
        let task = try draw()
        #expect(stage.vendor.waits(for: .submit))
        guard case .task(let cancelled) = try stage.perform(.cancel(TaskReference(task.id))) else {
            throw Unexpected("no task")
        }
        #expect(cancelled.state == .cancelled)
        #expect(try stage.database.count("attempt WHERE finished_at IS NULL") == 1)
        stage.vendor.release()
        #expect(try eventually { try stage.database.count("attempt WHERE finished_at IS NULL") == 0 })
        #expect(try stage.database.count("asset") == 0)
        #expect(eventually { stage.folder.files("spool").isEmpty })
    }

    @Test func referencesGoAlongInTheirOrder() throws {
        _ = try stage.worker()
        let task = try draw { submission in
            submission.references = ["a", "b"].map {
                Reference(.bytes(ScriptedVendor.picture($0)), field: "image")
            }
        }
        #expect(try end(of: task).state == .succeeded)
        let call = try #require(stage.vendor.calls(.submit).first)
        #expect(call.path == "/images/edits")
        guard case .multipart(let parts) = call.body else { throw Unexpected("no form") }
        let names = parts.compactMap { part in
            if case .file(let name, let path, _, _) = part { (name, stage.folder.bytes(path)) } else { nil }
        }
        #expect(names.map(\.0) == ["image[]", "image[]"])
    }

    // Asking for it

    private func submission(_ form: ResultForm?, wait: Int? = nil) -> Submission {
        Submission(
            dialect: "test", model: nil, kind: .image, prompt: "a harbour", waitSeconds: wait,
            resultForm: form)
    }

    private func paths(_ outcome: Outcome) throws -> [MadeMedia] {
        guard case .results(_, let made) = outcome else { throw Unexpected("no results") }
        return made
    }

    @Test func whoWaitsGetsTheResults() throws {
        _ = try stage.worker()
        let links = try paths(try stage.perform(.submit(submission(.link))))
        guard links.count == 1, case .link(let link) = links[0].body else { throw Unexpected("no link") }
        #expect(link.hasPrefix("/media/") && link.contains(".png?expires="))
        let files = try paths(try stage.perform(.submit(submission(.base64))))
        guard files.count == 1, case .file(let file) = files[0].body else { throw Unexpected("no file") }
        #expect(stage.folder.bytes(file.path) == ScriptedVendor.picture("video_2 1"))
        #expect(file.bytes == Int64(ScriptedVendor.picture("video_2 1").count))
    }

    @Test func theUsualModelIsWhatTheSettingSaysOrTheFirstThatMayBeUsed() throws {
        func model(_ caller: Caller? = nil, family: String? = nil) throws -> String {
            var submission = submission(nil)
            submission.family = family
            guard case .accepted(let task) = try stage.perform(.submit(submission), as: caller) else {
                throw Unexpected("not accepted")
            }
            return task.model
        }
        #expect(try model() == "gpt-image-2")
        #expect(try model(family: "hub") == "dall-e-3")
        let options = KeyOptions(models: ["sora-2", "sora-image-portrait", "sora-image"])
        let caller = Caller(userID: stage.caller.userID, keyID: stage.caller.keyID, options: options)
        #expect(try model(caller) == "sora-image")
        let none = Caller(
            userID: stage.caller.userID, keyID: stage.caller.keyID, options: KeyOptions(models: ["sora-2"]))
        let error = #expect(throws: KinoraError.self) { try model(none) }
        #expect(error?.code == .modelNotFound && error?.field == "model")
    }

    @Test func aModelOfAnotherFamilyIsNotFoundBelowAPrefix() throws {
        var submission = submission(nil)
        submission.model = "gpt-image-2"
        submission.family = "jimeng"
        let error = #expect(throws: KinoraError.self) { _ = try stage.perform(.submit(submission)) }
        #expect(error?.code == .modelNotFound)
    }

    @Test func theWaitEndsWithTheTasksNameAndTheTaskGoesOn() throws {
        stage.vendor.script { _ in .held }
        _ = try stage.worker()
        let error = #expect(throws: KinoraError.self) {
            _ = try stage.perform(.submit(submission(.link, wait: 1)))
        }
        #expect(error?.code == .waitTimedOut)
        let reference = try #require(error?.taskID.flatMap(TaskReference.init))
        #expect(stage.vendor.waits(for: .submit))
        stage.vendor.release()
        let made = try paths(try stage.perform(.results(reference, waitSeconds: 30, .link)))
        #expect(made.count == 1)
    }

    @Test func whoFindsNoPlaceToWaitIsRefusedBeforeAnythingIsMade() throws {
        let full = Gateway(
            store: stage.store, cache: stage.cache, media: stage.media, vault: stage.vault,
            wakeups: stage.wakeups, references: stage.vendor, clock: stage.clock, events: stage.events,
            waitersMax: 0)
        let error = #expect(throws: KinoraError.self) {
            _ = try full.perform(
                .submit(submission(.link)), for: stage.caller, .init(mayWait: true) { true })
        }
        #expect(error?.code == .queueFull && error?.retryAfterSeconds != nil)
        #expect(try stage.database.count("task") == 0)
    }

    @Test func aRefusalOfTheContentReachesWhoWaits() throws {
        stage.vendor.script { _ in .json(400, ["error": ["code": "moderation_blocked"]]) }
        _ = try stage.worker()
        let error = #expect(throws: KinoraError.self) {
            _ = try stage.perform(.submit(submission(.link)))
        }
        #expect(error?.code == .contentRefused && error?.taskID != nil)
    }

    @Test func resultsBeforeTheEndAndAfterAFailureAreErrors() throws {
        stage.vendor.script { $0.prompt == "bad" ? .json(400, ["error": ["code": "invalid_value"]]) : .held }
        _ = try stage.worker()
        let running = try draw("good"), failed = try draw("bad")
        _ = try end(of: failed)
        for (task, code) in [(running, ErrorCode.taskNotCompleted), (failed, .generationFailed)] {
            let error = #expect(throws: KinoraError.self) {
                _ = try stage.perform(.results(TaskReference(task.id), waitSeconds: 0, .link))
            }
            #expect(error?.code == code)
        }
        let stranger = try stage.database.caller("stranger")
        let error = #expect(throws: KinoraError.self) {
            _ = try stage.perform(.results(TaskReference(running.id), waitSeconds: 0, .link), as: stranger)
        }
        #expect(error?.code == .taskNotFound)
    }

    @Test func asManyReferencesAsTheModelTakesAndNoMore() throws {
        func submit(_ count: Int, _ model: String) throws {
            _ = try draw { submission in
                submission.model = model
                submission.references = (0..<count).map {
                    Reference(.bytes(ScriptedVendor.picture("\($0)")), field: "image")
                }
            }
        }
        try submit(16, "gpt-image-2")
        for (count, model) in [(17, "gpt-image-2"), (1, "dall-e-3")] {
            let error = #expect(throws: KinoraError.self) { try submit(count, model) }
            #expect(error?.code == .invalidValue)
        }
    }

    @Test func withoutCreditModelsOfJimengAreRefusedAndOthersWait() throws {
        try stage.database.sql(
            """
            INSERT INTO route (model_id, vendor, vendor_model) VALUES ('jimeng-4.5', 'openai', 'x');
            UPDATE account SET exhausted_at = now()
            """)
        let gateway = try stage.neighbour()
        func submit(_ model: String) throws {
            var submission = submission(nil)
            submission.model = model
            _ = try gateway.perform(.submit(submission), for: stage.caller, .init(mayWait: false) { true })
        }
        try submit("gpt-image-2")
        let error = #expect(throws: KinoraError.self) { try submit("jimeng-4.5") }
        #expect(error?.code == .insufficientCredits)
        try stage.database.sql("UPDATE account SET exhausted_at = NULL, credits_micros = 0")
        #expect(throws: KinoraError.self) { try submit("jimeng-4.5") }
        try stage.database.sql("UPDATE account SET credits_micros = NULL")
        try submit("jimeng-4.5")
    }
}
