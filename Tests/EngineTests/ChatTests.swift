import Core
import Store
import TestSupport
import Testing
import Upstream

@testable import Engine

/// Chats with models of media.
@Suite(.freshDatabase) struct ChatTests {
    let stage: Stage

    init() throws { stage = try Stage(slots: [4]) }

    private func chat(
        _ model: String = "gpt-image-2", of kind: MediaKind = .image, family: String? = nil,
        isStreamed: Bool = false, _ change: @escaping @Sendable (inout Submission) -> Void = { _ in }
    ) throws -> Command {
        let body: JSON = ["model": .string(model), "messages": [], "stream": .bool(isStreamed)]
        var request = try RelayRequest(.chat, body.serialized(), of: family)
        request.asMedia = { asked throws(KinoraError) in
            guard asked == kind else { throw KinoraError(.internalFault, detail: "asked for \(asked)") }
            var submission = Submission(
                dialect: "test", model: model, kind: kind, prompt: "a harbour", resultForm: .link)
            change(&submission)
            return submission
        }
        return .relay(request)
    }

    private func course(
        _ command: Command, while isWanted: @escaping () -> Bool = { true }
    ) throws
        -> TaskCourse
    {
        guard case .telling(let course, _, _) = try stage.perform(command, while: isWanted) else {
            throw Unexpected("no stream")
        }
        return course
    }

    private func code(_ body: () throws -> Void) -> ErrorCode? {
        #expect(throws: KinoraError.self, performing: body)?.code
    }

    @Test func whatWasMadeIsTheAnswer() throws {
        _ = try stage.worker()
        guard case .told(let task, let made, let family) = try stage.perform(try chat()) else {
            throw Unexpected("no answer")
        }
        #expect(task.state == .succeeded && made.count == 1 && family == "sora")
        guard case .link(let link) = made[0].body else { throw Unexpected("no link") }
        #expect(link.hasPrefix("/media/"))
    }

    @Test func aClientHearsOfEachChangeUntilTheEnd() throws {
        stage.vendor.script { call in
            guard call.step == .poll else { return nil }
            return call.nthOfTask == 1
                ? .json(200, ["id": JSON(call.ticket), "status": "in_progress", "progress": 40])
                : .held
        }
        _ = try stage.worker()
        let course = try course(try chat("sora-2", of: .video, isStreamed: true))
        guard case .begun(let begun)? = try course.next() else { throw Unexpected("no beginning") }
        #expect(begun.state == .queued && begun.id == course.task.id)
        var seen: [TaskStanding] = []
        while seen.last?.progress != 40 {
            guard case .changed(let task)? = try course.next() else { throw Unexpected("no change") }
            seen.append(task.standing)
        }
        #expect(seen.allSatisfy { $0.state == .running })
        #expect(seen.map(\.progress) == seen.map(\.progress).sorted())
        #expect(Set(seen.map { "\($0)" }).count == seen.count, "nothing is told twice")
        try stage.hurry()
        #expect(stage.vendor.waits(for: .poll, times: 2))
        stage.vendor.release()
        var links: [String] = []
        while let news = try course.next() {
            if case .ended(let report) = news { links = report.links }
        }
        #expect(links.count == 1 && links[0].hasPrefix("/media/"))
        guard try course.next() == nil else { throw Unexpected("more after the end") }
    }

    @Test func aTaskThatFailsEndsItsStreamWithTheReason() throws {
        stage.vendor.script { _ in .json(400, ["error": ["code": "moderation_blocked"]]) }
        _ = try stage.worker()
        let course = try course(try chat(isStreamed: true))
        let error = #expect(throws: KinoraError.self) { while try course.next() != nil {} }
        #expect(error?.code == .contentRefused)
        #expect(error?.taskID.flatMap { TaskReference($0) } == TaskReference(course.task.id))
    }

    @Test func aCancelledTaskEndsItsStream() throws {
        let course = try course(try chat(isStreamed: true))
        _ = try course.next()
        _ = try stage.perform(.cancel(TaskReference(course.task.id)))
        #expect(code { while try course.next() != nil {} } == .syncFailed)
    }

    @Test func whoLeavesCancelsNothing() throws {
        let isHere = Guarded(true)
        let course = try course(try chat(isStreamed: true)) { isHere.withLock { $0 } }
        _ = try course.next()
        isHere.withLock { $0 = false }
        #expect(code { _ = try course.next() } == .clientGone)
        _ = try stage.worker()
        #expect(stage.events.end(of: course.task.id)?.state == .succeeded)
    }

    @Test func aStreamEndsWithTheProcessAndNamesTheTask() throws {
        let course = try course(try chat(isStreamed: true))
        _ = try course.next()
        let end = Happening<KinoraError?>()
        let thread = try Core.Thread {
            do throws(KinoraError) { while try course.next() != nil {} } catch { end.note(error) }
        }
        stage.gateway.stop()
        #expect(thread.join(until: .now + patience))
        #expect(end.all.first??.code == .shuttingDown && end.all.first??.taskID != nil)
        #expect(try #require(try stage.task(course.task.id)).state == .queued)
    }

    @Test func theWaitEndsWithTheTasksName() throws {
        let course = try course(try chat(isStreamed: true) { $0.waitSeconds = 1 })
        let error = #expect(throws: KinoraError.self) { while try course.next() != nil {} }
        #expect(error?.code == .waitTimedOut && error?.taskID != nil)
    }

    @Test func aLongSilenceIsBroken() throws {
        let task = try stage.submit()
        let watch = TaskWatch(
            task, of: stage.caller, seconds: 60, for: .result, stage.gateway, .init(mayWait: true) { true },
            silence: .milliseconds(50))
        guard case .begun? = try watch.next() else { throw Unexpected("no beginning") }
        for _ in 0..<3 { guard case .silence? = try watch.next() else { throw Unexpected("no silence") } }
    }

    @Test func aShortCallsThreadHandsItOnAndHasDoneNothing() throws {
        for isStreamed in [false, true] {
            let outcome = try stage.perform(try chat(isStreamed: isStreamed), mayWait: false)
            guard case .needsPatience = outcome else { throw Unexpected("it was kept") }
        }
        #expect(try stage.database.count("task") == 0)
    }

    @Test func threadsOfItsOwnAreNotCounted() throws {
        _ = try stage.worker()
        let full = Gateway(
            store: stage.store, cache: stage.cache, media: stage.media, vault: stage.vault,
            wakeups: stage.wakeups, references: stage.vendor, clock: stage.clock, events: stage.events,
            waitersMax: 0)
        try full.start()
        defer { full.stop() }
        let command = try chat()
        #expect(
            code { _ = try full.perform(command, for: stage.caller, .init(mayWait: true) { true }) }
                == .queueFull)
        let ample = Gateway.Patience(mayWait: true, isThreadScarce: false) { true }
        guard case .told = try full.perform(command, for: stage.caller, ample) else {
            throw Unexpected("no answer")
        }
    }

    @Test func whoDoesNotWantToWaitGetsTheTask() throws {
        guard case .accepted = try stage.perform(try chat { $0.resultForm = nil }) else {
            throw Unexpected("it waited")
        }
    }

    @Test func aModelIsOneOfItsFamilyAndOfTheKeys() throws {
        #expect(code { _ = try stage.perform(try chat(family: "jimeng")) } == .modelNotFound)
        #expect(code { _ = try stage.perform(try chat("no-such")) } == .modelNotFound)
        let options = KeyOptions(models: ["sora-2"])
        let caller = Caller(
            userID: stage.caller.userID, keyID: stage.caller.keyID, options: options)
        #expect(code { _ = try stage.perform(try chat(), as: caller) } == .modelNotFound)
        var embedding = try RelayRequest(
            .embedding, Array(#"{"model": "gpt-image-2", "input": "x"}"#.utf8))
        embedding.asMedia = nil
        #expect(code { _ = try stage.perform(.relay(embedding)) } == .invalidValue)
    }
}
