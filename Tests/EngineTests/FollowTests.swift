import Core
import Store
import TestSupport
import Testing
import Upstream

@testable import Engine

/// Clients that are told of every change of a task.
@Suite(.freshDatabase) struct FollowTests {
    let stage: Stage

    init() throws { stage = try Stage(slots: [4]) }

    private func follow(
        _ task: MediaTask, links: Bool = false, last: String = "", as caller: Caller? = nil,
        while isWanted: @escaping () -> Bool = { true }
    ) throws -> TaskCourse {
        let command = Command.follow(TaskReference(task.id), withLinks: links, lastEvent: last)
        guard case .following(let course) = try stage.perform(command, as: caller, while: isWanted) else {
            throw Unexpected("no stream")
        }
        return course
    }

    private func code(_ body: () throws -> Void) -> ErrorCode? {
        #expect(throws: KinoraError.self, performing: body)?.code
    }

    private func ended(_ task: MediaTask) throws -> MediaTask {
        _ = try stage.worker()
        #expect(stage.events.end(of: task.id) != nil)
        return try #require(try stage.task(task.id))
    }

    @Test func aClientHearsOfEachChangeAndTheEndWithLinks() throws {
        stage.vendor.script { call in
            guard call.step == .poll else { return nil }
            return call.nthOfTask == 1
                ? .json(200, ["id": JSON(call.ticket), "status": "in_progress", "progress": 40]) : .held
        }
        let course = try follow(try stage.submit(), links: true)
        guard case .begun(let begun)? = try course.next() else { throw Unexpected("no beginning") }
        #expect(begun.state == .queued)
        _ = try stage.worker()
        var seen: [TaskStanding] = []
        while seen.last?.progress != 40 {
            guard case .changed(let task)? = try course.next() else { throw Unexpected("no change") }
            seen.append(task.standing)
        }
        #expect(Set(seen.map { "\($0)" }).count == seen.count, "nothing is told twice")
        try stage.hurry()
        #expect(stage.vendor.waits(for: .poll, times: 2))
        stage.vendor.release()
        var end: TaskReport?
        while let news = try course.next() { if case .ended(let report) = news { end = report } }
        #expect(end?.task.state == .succeeded && end?.links.count == 1)
        guard try course.next() == nil else { throw Unexpected("more after the end") }
    }

    @Test func aTaskThatFailsEndsLikeAnyOther() throws {
        stage.vendor.script { _ in .json(400, ["error": ["code": "moderation_blocked"]]) }
        let course = try follow(try stage.submit(), links: true)
        _ = try stage.worker()
        var end: TaskReport?
        while let news = try course.next() { if case .ended(let report) = news { end = report } }
        #expect(end?.task.state == .failed && end?.task.failure != nil && end?.links.isEmpty == true)
    }

    @Test func whatHasEndedIsToldAtOnceAndOnce() throws {
        let task = try ended(try stage.submit())
        let course = try follow(task)
        guard case .ended(let report)? = try course.next() else { throw Unexpected("no end") }
        #expect(report.task.state == .succeeded && report.links.isEmpty, "nobody asked for links")
        guard try course.next() == nil else { throw Unexpected("more after the end") }
    }

    @Test func whoHasHeardOfTheEndHearsOfNothingNew() throws {
        let task = try ended(try stage.submit())
        let again = Command.follow(
            TaskReference(task.id), withLinks: false, lastEvent: task.standing.eventID)
        guard case .nothingNew = try stage.perform(again) else { throw Unexpected("something new") }
        _ = try follow(task, last: "running-40")
        _ = try follow(task, last: "failed-100")
    }

    @Test func nobodyFollowsWhatIsNotTheirs() throws {
        let task = try stage.submit()
        let stranger = try stage.database.caller("stranger")
        #expect(code { _ = try follow(task, as: stranger) } == .taskNotFound)
        let none = Command.follow(TaskReference(.random()), withLinks: false, lastEvent: "")
        #expect(code { _ = try stage.perform(none) } == .taskNotFound)
    }

    /// The thread that asks the database looks at all tasks once a second; this is told at once.
    @Test func aNotificationWakesWhoFollowsAndNobodyElse() throws {
        let waiters = Waiters(stage.store, limit: 8)
        let known = TaskStanding(state: .queued, progress: 0)
        let follows = Happening<Bool>(), waits = Happening<Bool>()
        for (happening, known) in [(follows, known), (waits, nil)] {
            _ = try Core.Thread {
                waiters.wait(forTask: 7, of: 1, since: known, until: .now + .seconds(60)) { true }
                happening.note(true)
            }
        }
        // The thread that asks was never started.
        #expect(
            eventually {
                waiters.noteChanges([1, 7])
                return !follows.all.isEmpty
            })
        #expect(waits.all.isEmpty)
        waiters.stop()
        #expect(waits.wait { !$0.isEmpty })
    }

    @Test func whoLeavesIsNotTold() throws {
        let isHere = Guarded(true)
        let course = try follow(try stage.submit()) { isHere.withLock { $0 } }
        _ = try course.next()
        isHere.withLock { $0 = false }
        #expect(code { _ = try course.next() } == .clientGone)
    }

    @Test func aStreamEndsWithTheProcess() throws {
        let course = try follow(try stage.submit())
        _ = try course.next()
        let end = Happening<ErrorCode?>()
        let thread = try Core.Thread {
            do throws(KinoraError) { while try course.next() != nil {} } catch { end.note(error.code) }
        }
        stage.gateway.stop()
        #expect(thread.join(until: .now + patience))
        #expect(end.all == [.shuttingDown])
    }

    /// No user holds more places than are left. A place is free again when nobody can read the stream.
    @Test func onlySoManyFollowAndNoUserTakesAllPlaces() throws {
        let gateway = Gateway(
            store: stage.store, cache: stage.cache, media: stage.media, vault: stage.vault,
            wakeups: stage.wakeups, references: stage.vendor, clock: stage.clock, events: stage.events,
            followersMax: 4)
        try gateway.start()
        defer { gateway.stop() }
        let owner = stage.caller
        let callers = try [owner] + ["second", "third", "fourth"].map { try stage.database.caller($0) }
        let tasks = try callers.map { caller in
            let film = Submission(dialect: "test", model: "sora-2", kind: .video, prompt: "a quiet harbour")
            guard case .accepted(let task) = try stage.perform(.submit(film), as: caller) else {
                throw Unexpected("not accepted")
            }
            return task
        }
        func begin(_ user: Int) throws -> Outcome {
            let command = Command.follow(TaskReference(tasks[user].id), withLinks: false, lastEvent: "")
            let ample = Gateway.Patience(mayWait: true, isThreadScarce: false) { true }
            return try gateway.perform(command, for: callers[user], ample)
        }
        var own = [try begin(0), try begin(0)]
        for _ in 0..<3 {
            let refusal = try #require(throws: KinoraError.self) { _ = try begin(0) }
            #expect(refusal.code == .queueFull && refusal.message.hasPrefix("You follow 2 tasks already"))
        }
        let others = [try begin(1), try begin(2)]
        for user in 0..<4 { #expect(code { _ = try begin(user) } == .queueFull, "all are taken") }
        own.removeLast()
        #expect(code { _ = try begin(0) } == .queueFull, "it has as many as are left")
        own.append(try begin(3))
        withExtendedLifetime((own, others)) {}
    }

    /// Where others miss the thread, those who follow count among those who wait.
    @Test func aThreadThatOthersMissIsNotKept() throws {
        let full = Gateway(
            store: stage.store, cache: stage.cache, media: stage.media, vault: stage.vault,
            wakeups: stage.wakeups, references: stage.vendor, clock: stage.clock, events: stage.events,
            waitersMax: 0)
        try full.start()
        defer { full.stop() }
        let task = try stage.submit()
        let command = Command.follow(TaskReference(task.id), withLinks: false, lastEvent: "")
        #expect(
            code { _ = try full.perform(command, for: stage.caller, .init(mayWait: true) { true }) }
                == .queueFull)
        let watch = TaskWatch(
            task, of: stage.caller, seconds: 60, for: .status(withLinks: false), full,
            .init(mayWait: true) { true })
        _ = try watch.next()
        #expect(code { _ = try watch.next() } == .queueFull, "places may be gone later on")
    }

    @Test func aShortCallsThreadHandsItOn() throws {
        let command = Command.follow(
            TaskReference(try stage.submit().id), withLinks: false, lastEvent: "")
        guard case .needsPatience = try stage.perform(command, mayWait: false) else {
            throw Unexpected("it was kept")
        }
    }
}
