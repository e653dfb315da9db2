import Core
import Store
import TestSupport
import Testing

@testable import Engine

@Suite(.freshDatabase) struct GatewayTests {
    let stage: Stage

    init() throws { stage = try Stage(keptAtLeast: .seconds(-1)) }

    private func refusal(_ command: Command, as other: Caller? = nil) -> KinoraError? {
        #expect(throws: KinoraError.self) { _ = try stage.perform(command, as: other) }
    }

    /// A task that has ended without a worker.
    private func failed(_ error: KinoraError = KinoraError(.generationFailed)) throws -> MediaTask {
        let task = try stage.submit()
        let worker = try stage.store.registerWorker(host: "here", processID: 1)
        let claimed = try #require(try stage.store.claim(worker: worker).first { $0.row == task.row })
        #expect(try stage.store.failed(claimed, error))
        return task
    }

    // Whose task it is --------------------------------------------------------------------------------

    @Test func aTaskOfSomebodyElseDoesNotExist() throws {
        let stranger = try stage.database.caller("stranger")
        let task = try stage.submit()
        let reference = TaskReference(task.id)
        let commands: [Command] = [
            .task(reference, waitSeconds: 0), .awaitResult(reference, waitSeconds: 0), .content(reference),
            .delete(reference), .tasks(TaskPage(kind: .video, limit: 9, order: .desc, after: reference)),
            .submit(Submission(dialect: "test", model: nil, kind: .video, prompt: "p", remixOf: reference)),
        ]
        for command in commands {
            let foreign = refusal(command, as: stranger)
            #expect(foreign?.code == .taskNotFound, "\(command)")
        }
        guard
            case .tasks(let tasks, false) = try stage.perform(
                .tasks(TaskPage(kind: .video, limit: 9, order: .desc)), as: stranger)
        else { throw Unexpected("no page") }
        #expect(tasks.isEmpty)
    }

    @Test func aPageSaysWhetherThereIsMore() throws {
        let tasks = try (0..<3).map { try stage.submit("\($0)") }
        func page(_ limit: Int, after: TaskID?) throws -> (prompts: [String], hasMore: Bool)? {
            let page = TaskPage(
                kind: .video, limit: limit, order: .asc, after: after.map { TaskReference($0) })
            guard case .tasks(let tasks, let hasMore) = try stage.perform(.tasks(page)) else { return nil }
            return (tasks.map(\.prompt), hasMore)
        }
        #expect(try #require(try page(2, after: nil)) == (["0", "1"], true))
        #expect(try #require(try page(2, after: tasks[1].id)) == (["2"], false))
        #expect(try #require(try page(3, after: nil)) == (["0", "1", "2"], false))
        let error = refusal(
            .tasks(TaskPage(kind: .video, limit: 2, order: .asc, after: TaskReference(.random()))))
        #expect(error?.code == .taskNotFound && error?.field == "after")
    }

    // Content and links -------------------------------------------------------------------------------

    @Test func contentIsThereOnlyForASucceededTask() throws {
        let queued = try stage.submit()
        let early = refusal(.content(TaskReference(queued.id)))
        #expect(early?.code == .taskNotCompleted && early?.state == .queued)
        #expect(try stage.store.cancel(TaskReference(queued.id)) != nil)
        #expect(refusal(.content(TaskReference(queued.id)))?.code == .generationFailed)
        let task = try failed(KinoraError(.contentRefused, detail: "their words"))
        let error = refusal(.content(TaskReference(task.id)))
        #expect(error?.code == .generationFailed)
        #expect(error?.message == KinoraError(.contentRefused).message)
    }

    @Test func aSignedLinkOpensWhatItNamesAndNothingElse() throws {
        _ = try stage.worker()
        let task = try stage.finished()
        let redirecting = Caller(
            userID: stage.caller.userID, keyID: stage.caller.keyID,
            options: KeyOptions(contentMode: .redirect))
        guard case .content(let media, at: let place) = try stage.perform(.content(TaskReference(task.id))),
            case .link(let link) = try stage.perform(.content(TaskReference(task.id)), as: redirecting)
        else { throw Unexpected("neither bytes nor link") }
        let match = try #require(
            link.wholeMatch(of: /\/media\/([0-9a-f]{64}\.mp4)\?expires=([0-9]+)&signature=([0-9a-f]{64})/))
        let (name, expires, signature) = (String(match.1), String(match.2), String(match.3))
        func open(_ name: String, _ expires: String, _ signature: String) throws(KinoraError) -> StoredMedia?
        {
            let command = Command.signedMedia(name: name, expires: expires, signature: signature)
            guard case .content(let opened, _) = try stage.gateway.perform(command) else { return nil }
            return opened
        }
        #expect(place == "/_media/\(media.relativePath)")
        #expect(try open(name, expires, signature)?.relativePath == media.relativePath)
        let later = String(try #require(Int(expires)) + 1)
        let other = String(repeating: "0", count: 64) + ".mp4"
        let tampered = [
            (other, expires, signature), (name, later, signature),
            (name, expires, String(signature.reversed())),
            (name, expires, ""), (name, "", signature), (name, "-1", signature),
            ("../\(name)", expires, signature),
            (name, " \(expires)", signature),
        ]
        for (name, expires, signature) in tampered {
            let error = #expect(throws: KinoraError.self) { _ = try open(name, expires, signature) }
            #expect(error?.code == .invalidSignature, "\(name) \(expires)")
        }
        stage.clock.advance(by: .seconds(24 * 3600 - 5))
        #expect(try open(name, expires, signature) != nil)
        stage.clock.advance(by: .seconds(10))
        #expect(throws: KinoraError.self) { _ = try open(name, expires, signature) }
    }

    @Test func onlyOpenCommandsNeedNoCaller() {
        for command in [Command.models(ModelFilter()), .task(TaskReference(.random()), waitSeconds: 0)] {
            let error = #expect(throws: KinoraError.self) { _ = try stage.gateway.perform(command) }
            #expect(error?.code == .missingKey)
        }
    }

    @Test func healthTellsWhetherTheDatabaseAnswers() throws {
        func isUp() throws -> Bool {
            guard case .health(let health) = try stage.gateway.perform(.health) else { return false }
            return health.isDatabaseUp
        }
        #expect(try isUp())
        try stage.database.goAway()
        #expect(try !isUp())
        try stage.database.comeBack()
        #expect(try isUp())
    }

    // Delete ------------------------------------------------------------------------------------------

    @Test func aTaskThatRunsIsNotDeleted() throws {
        let task = try stage.submit()
        #expect(refusal(.delete(TaskReference(task.id)))?.code == .taskNotFinal)
        #expect(try stage.task(task.id) != nil)
    }

    @Test func aDeletedTaskIsGoneAndSoAreItsBytesOnceNobodyNeedsThem() throws {
        _ = try stage.worker()
        let film = ScriptedVendor.film("the same for both")
        stage.vendor.script { $0.step == .content ? .bytes(film) : nil }
        let first = try stage.finished("one"), second = try stage.finished("two")
        #expect(stage.folder.files("media").count == 1)
        guard case .deleted(let gone) = try stage.perform(.delete(TaskReference(first.id))) else {
            throw Unexpected("not deleted")
        }
        #expect(gone.id == first.id)
        #expect(refusal(.task(TaskReference(first.id), waitSeconds: 0))?.code == .taskNotFound)
        #expect(refusal(.delete(TaskReference(first.id)))?.code == .taskNotFound)
        // The other task shows the same film.
        #expect(stage.folder.files("media").count == 1)
        _ = try stage.perform(.delete(TaskReference(second.id)))
        try stage.database.sql("UPDATE media_removal SET due_at = now()")
        #expect(eventually { stage.folder.files("media").isEmpty })
        #expect(try eventually { try stage.database.count("media_removal") == 0 })
    }

    // Remix -------------------------------------------------------------------------------------------

    private func remix(_ id: TaskID, model: String? = nil) throws -> MediaTask {
        try stage.submit("again, in the rain") {
            $0.model = model
            $0.remixOf = TaskReference(id)
        }
    }

    @Test func onlyWhatHasSucceededIsRemixed() throws {
        let unknown = #expect(throws: KinoraError.self) { _ = try remix(.random()) }
        #expect(unknown?.code == .taskNotFound)
        let queued = try stage.submit()
        let early = #expect(throws: KinoraError.self) { _ = try remix(queued.id) }
        #expect(early?.code == .taskNotCompleted && early?.state == .queued)
        #expect(try stage.store.cancel(TaskReference(queued.id)) != nil)
        let cancelled = #expect(throws: KinoraError.self) { _ = try remix(queued.id) }
        #expect(cancelled?.code == .taskNotCompleted && cancelled?.state == .cancelled)
    }

    /// It would be an ordinary film at a remix's price.
    @Test func aRemixWithoutASourceIsNone() throws {
        let error = #expect(throws: KinoraError.self) { try stage.submit { $0.category = .v2v } }
        #expect(error?.code == .invalidValue)
        #expect(try stage.database.count("task") == 0)
    }

    @Test func aRemixLooksLikeItsSourceWhateverIsAsked() throws {
        _ = try stage.worker()
        let source = try stage.finished("a harbour") {
            $0.parameters = [
                GivenParameter(name: "seconds", value: 4), GivenParameter(name: "size", value: "720x1280"),
            ]
        }
        try stage.database.model("art-1", vendor: "openai")
        try stage.database.sql("UPDATE model SET family = 'openart' WHERE id = 'art-1'")
        try stage.refresh { $0.models["art-1"]?.family == "openart" }
        let other = #expect(throws: KinoraError.self) { _ = try remix(source.id, model: "art-1") }
        #expect(other?.code == .invalidValue && other?.field == "model")
        let unknown = #expect(throws: KinoraError.self) { _ = try remix(source.id, model: "sora-3") }
        #expect(unknown?.code == .modelNotFound)
        // A chat cannot but name a model.
        #expect(try remix(source.id, model: "sora-2-pro").model == "sora-2")
        let reference = #expect(throws: KinoraError.self) {
            try stage.submit("again") {
                $0.remixOf = TaskReference(source.id)
                $0.references = [Reference(.bytes(GatewaySubmitTests.png), field: "input_reference")]
            }
        }
        #expect(reference?.code == .invalidValue && reference?.field == "input_reference")
        let task = try stage.submit("again, in the rain") {
            $0.model = nil
            $0.remixOf = TaskReference(source.id)
            $0.parameters = [GivenParameter(name: "seconds", value: 12)]
        }
        #expect(task.parameters["seconds"] == 4 && task.parameters["size"] == "720x1280")
        #expect(task.remixOf == RemixSource(id: source.id, model: "sora-2"))
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(stage.vendor.calls(.submit).last?.path == "/videos/video_1/remix")
    }

    // Waiting -----------------------------------------------------------------------------------------

    private func submission(waitSeconds: Int?) -> Command {
        .submit(
            Submission(dialect: "test", model: "sora-2", kind: .video, prompt: "p", waitSeconds: waitSeconds))
    }

    @Test func aThreadForShortCallsNeverWaits() throws {
        guard
            case .acceptedWaiting(let task, 30) = try stage.perform(
                submission(waitSeconds: 30), mayWait: false)
        else {
            throw Unexpected("it waited")
        }
        guard
            case .task(let same) = try stage.perform(
                .task(TaskReference(task.id), waitSeconds: 30), mayWait: false)
        else { throw Unexpected("no task") }
        #expect(same.state == .queued)
    }

    @Test func aSubmitThatWaitsGetsTheEnd() throws {
        _ = try stage.worker()
        guard case .task(let task) = try stage.perform(submission(waitSeconds: 30)) else {
            throw Unexpected("no end")
        }
        #expect(task.state == .succeeded && task.progress == 100)
    }

    @Test func aReportThatIsWaitedForHasLinks() throws {
        _ = try stage.worker()
        var submission = Submission(
            dialect: "test", model: "sora-2", kind: .video, prompt: "p", waitSeconds: 30)
        submission.isReported = true
        guard case .report(let report) = try stage.perform(.submit(submission)) else {
            throw Unexpected("no report")
        }
        #expect(report.task.state == .succeeded && report.links.count == 1)
    }

    @Test func aReportThatIsNotThereInTimeIsNoError() throws {
        var submission = Submission(
            dialect: "test", model: "sora-2", kind: .video, prompt: "p", waitSeconds: 1)
        submission.isReported = true
        guard case .report(let report) = try stage.perform(.submit(submission)) else {
            throw Unexpected("no report")
        }
        #expect(report.task.state == .queued && report.links.isEmpty)
    }

    @Test func aWaitThatRunsOutNamesTheTask() throws {
        let error = refusal(submission(waitSeconds: 1))
        #expect(error?.code == .waitTimedOut)
        let id = try #require(error?.taskID.flatMap { TaskReference($0) })
        #expect(try stage.store.task(id, of: stage.caller)?.state == .queued)
    }

    @Test func aTaskThatFailedWhileWaitedForIsAnError() throws {
        let task = try failed(KinoraError(.contentRefused, detail: "their words"))
        let error = refusal(.awaitResult(TaskReference(task.id), waitSeconds: 5))
        #expect(error?.code == .syncFailed)
        #expect(error?.message == KinoraError(.contentRefused).message)
    }

    @Test func aClientThatLeavesLosesNoTask() throws {
        let start = ContinuousClock.now
        let error = #expect(throws: KinoraError.self) {
            _ = try stage.perform(submission(waitSeconds: 60), while: { false })
        }
        #expect(error?.code == .waitTimedOut)
        #expect(start.duration(to: .now) < .seconds(10))
        #expect(try stage.database.count("task WHERE state = 'queued'") == 1)
    }
}
