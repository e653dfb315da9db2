import Core
import Store
import TestSupport
import Testing

@testable import Engine

@Suite struct RecentTasksMemoryTests {
    let memory = RecentTasks()
    let user: Int64 = 7

    private func task(
        _ row: Int64 = 1, _ state: TaskState = .running, prompt: String = "a quiet harbour"
    ) -> MediaTask {
        MediaTask(
            row: row, id: .random(), model: "sora-2", kind: .video, category: .t2v, state: state,
            progress: 100,
            prompt: prompt, parameters: [:], remixOf: nil, failure: nil,
            createdAt: Timestamp(microseconds: 0),
            finishedAt: nil)
    }

    /// Whether a task is still known after it was kept.
    private func isKnown(_ task: MediaTask, of other: Int64? = nil, after time: Duration = .zero) -> Bool {
        let now = ContinuousClock.now
        let ticket = memory.entry(TaskReference(task.id), of: user, now: now).ticket
        memory.keep(task, nil, of: user, ticket)
        return memory.entry(TaskReference(task.id), of: other ?? user, now: now + time).entry != nil
    }

    @Test func itIsKeptForItsOwnerAlone() {
        #expect(!isKnown(task(), of: 8))
    }

    @Test func itIsForgottenAfterALifetime() {
        #expect(isKnown(task(), after: RecentTasks.lifetime - .milliseconds(100)))
        #expect(!isKnown(task(), after: RecentTasks.lifetime))
    }

    @Test func whatWasReadBeforeAChangeIsNotKeptAfterIt() {
        let changed = task(1), other = task(2)
        for (forget, othersStay) in [({ memory.forget([1, 3]) }, true), ({ memory.clear() }, false)] {
            let ticket = memory.entry(TaskReference(changed.id), of: user).ticket
            forget()
            memory.keep(changed, nil, of: user, ticket)
            #expect(memory.entry(TaskReference(changed.id), of: user).entry == nil)
            memory.keep(other, nil, of: user, ticket)
            #expect((memory.entry(TaskReference(other.id), of: user).entry != nil) == othersStay)
        }
        #expect(isKnown(changed), "what is read after the change")
    }

    @Test func aChangedTaskIsForgottenAndNoOther() {
        let changed = task(1), other = task(2)
        #expect(isKnown(changed) && isKnown(other))
        memory.forget([1])
        #expect(memory.entry(TaskReference(changed.id), of: user).entry == nil)
        #expect(memory.entry(TaskReference(other.id), of: user).entry != nil)
    }

    /// Also what was read before it was known that nobody tells any more, or before somebody does again.
    @Test func whoHearsNothingKeepsNothing() {
        let known = task(1), late = task(2)
        #expect(isKnown(known))
        let ticket = memory.entry(TaskReference(late.id), of: user).ticket
        memory.deafen()
        memory.keep(late, nil, of: user, ticket)
        for one in [known, late] { #expect(memory.entry(TaskReference(one.id), of: user).entry == nil) }
        #expect(!isKnown(known))
        let between = memory.entry(TaskReference(late.id), of: user).ticket
        memory.clear()
        memory.keep(late, nil, of: user, between)
        #expect(memory.entry(TaskReference(late.id), of: user).entry == nil)
        #expect(isKnown(known))
    }

    @Test func itStaysSmall() {
        #expect(isKnown(task(prompt: String(repeating: "漢", count: 1365))))
        #expect(!isKnown(task(prompt: String(repeating: "漢", count: 1366))))
        let first = task()
        #expect(isKnown(first))
        for row in 0..<RecentTasks.entriesMax { #expect(isKnown(task(Int64(2 + row)))) }
        #expect(memory.entry(TaskReference(first.id), of: user).entry == nil)
    }
}

@Suite(.freshDatabase) struct RecentTasksTests {
    let stage: Stage

    init() throws { stage = try Stage() }

    private func read(_ reference: TaskReference) throws -> MediaTask? {
        guard case .task(let task) = try stage.perform(.task(reference, waitSeconds: 0)) else { return nil }
        return task
    }

    private func media(_ reference: TaskReference) throws -> StoredMedia? {
        guard case .content(let media, _) = try stage.perform(.content(reference)) else { return nil }
        return media
    }

    /// The database cannot be asked what it no longer holds.
    @Test func aFinishedTaskAndItsResultAreReadFromMemory() throws {
        _ = try stage.worker()
        let reference = TaskReference(try stage.finished().id)
        let first = try #require(try media(reference))
        try stage.database.sql("TRUNCATE task_asset; UPDATE task_input SET prompt = 'another'")
        #expect(try media(reference)?.sha256 == first.sha256)
        #expect(try read(reference)?.prompt == "a quiet harbour")
        stage.gateway.noteChanges("")
        #expect(try read(reference)?.prompt == "another")
        #expect(throws: KinoraError.self) { _ = try media(reference) }
    }

    @Test func aTaskThatStillRunsIsReadFromMemoryUntilItChanges() throws {
        let reference = TaskReference(try stage.submit().id)
        #expect(try read(reference)?.state == .queued)
        try stage.database.sql("UPDATE task_input SET prompt = 'another'")
        #expect(try read(reference)?.prompt == "a quiet harbour")
        _ = try stage.perform(.cancel(reference))
        #expect(try read(reference)?.state == .cancelled)
        #expect(try read(reference)?.prompt == "another")
    }

    /// What depends on a task's end is answered as the database has it, though the process was told nothing.
    @Test func anEndIsSeenByWhoWaitsForItAndByWhoFetchesTheResult() throws {
        let reference = TaskReference(try stage.submit().id)
        #expect(try read(reference)?.state == .queued)
        #expect(try stage.store.cancel(reference) != nil)
        #expect(try read(reference)?.state == .queued, "remembered")
        let refusal = #expect(throws: KinoraError.self) { _ = try media(reference) }
        #expect(refusal?.code == .generationFailed)
        #expect(try read(reference)?.state == .cancelled)
    }

    /// Each step of the worker is seen by who asks right after it, whatever was remembered before.
    @Test func noStepOfAWorkerIsHiddenByTheMemory() throws {
        let task = try stage.submit()
        let reference = TaskReference(task.id)
        #expect(try read(reference)?.state == .queued)
        _ = try stage.worker()
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(try read(reference)?.state == .succeeded)
    }

    /// Read through one process, changed and deleted through another: without notifications it would be seen
    /// for ten seconds.
    @Test func aChangeIsSeenInEveryProcess() throws {
        let other = try stage.neighbour()
        let heard = Happening<String>()
        let listener = try Listener(stage.database.options, channels: [Listener.taskChannel]) {
            other.noteChanges($0.payload)
            heard.note($0.payload)
        }
        try listener.start()
        defer { listener.stop() }
        #expect(heard.wait { $0 == [""] })
        func there(_ reference: TaskReference) throws -> MediaTask? {
            let outcome = try other.perform(
                .task(reference, waitSeconds: 0), for: stage.caller, .init(mayWait: false) { true })
            guard case .task(let task) = outcome else { return nil }
            return task
        }
        for _ in 1...20 {
            let task = try stage.submit()
            let reference = TaskReference(task.id)
            #expect(try there(reference)?.state == .queued)
            for (change, code) in [
                (Command.cancel(reference), nil), (.delete(reference), ErrorCode.taskNotFound),
            ] {
                heard.forget()
                _ = try stage.perform(change)
                #expect(heard.wait { $0 == ["\(task.row)"] })
                if let code {
                    for read in [read, there] {
                        #expect(#expect(throws: KinoraError.self) { _ = try read(reference) }?.code == code)
                    }
                } else {
                    #expect(try read(reference)?.state == .cancelled)
                    #expect(try there(reference)?.state == .cancelled)
                }
            }
        }
    }

    /// A client that asks one process after the other must never see a task go back.
    @Test func whoHasLostItsSessionReadsAnew() throws {
        let other = try stage.neighbour()
        let heard = Happening<String>()
        var options = stage.database.options
        options.applicationName = "deaf-test"
        let listener = try Listener(
            options, channels: [Listener.taskChannel],
            onSilence: {
                other.noteSilence()
                heard.note("silence")
            }
        ) {
            other.noteChanges($0.payload)
            heard.note($0.payload)
        }
        try listener.start()
        defer { listener.stop() }
        #expect(heard.wait { $0 == ["silence", ""] })
        let reference = TaskReference(try stage.submit().id)
        func there() throws -> TaskState? {
            let outcome = try other.perform(
                .task(reference, waitSeconds: 0), for: stage.caller, .init(mayWait: false) { true })
            guard case .task(let task) = outcome else { return nil }
            return task.state
        }
        #expect(try there() == .queued)
        // It cannot connect again: what happens now it does not hear.
        try stage.database.refuseSessions()
        try stage.database.terminateSessions(where: "application_name = 'deaf-test'")
        #expect(heard.wait { $0.count >= 3 && $0[2] == "silence" })
        #expect(try there() == .queued)
        #expect(try stage.store.cancel(reference) != nil)
        #expect(try there() == .cancelled)
    }

    /// Else another process would show what was before, for as long as it remembers.
    @Test func whatCouldNotBeToldIsToldLater() throws {
        let heard = Happening<String>()
        var options = stage.database.options
        options.applicationName = "hearing"
        let listener = try Listener(options, channels: [Listener.taskChannel]) { heard.note($0.payload) }
        try listener.start()
        defer { listener.stop() }
        #expect(heard.wait { $0 == [""] })
        try stage.database.refuseSessions()
        try stage.database.terminateSessions(where: "application_name <> 'hearing'")
        stage.wakeups.announceChange(7)
        try stage.database.comeBack()
        #expect(heard.wait { $0 == ["", "7"] })
    }

    @Test func aWorkerTellsTheOtherProcessesWhatItChanged() throws {
        let heard = Happening<String>()
        let listener = try Listener(stage.database.options, channels: [Listener.taskChannel]) {
            heard.note($0.payload)
        }
        try listener.start()
        defer { listener.stop() }
        #expect(heard.wait { $0 == [""] })
        heard.forget()
        let wakeups = Wakeups(stage.store)
        try wakeups.start()
        defer { wakeups.stop() }
        func rows(_ payloads: [String]) -> Set<String> {
            Set(payloads.flatMap { $0.split(separator: ",").map(String.init) })
        }
        wakeups.noteChanges([1, 2])
        wakeups.noteChanges([3])
        #expect(heard.wait { rows($0) == ["1", "2", "3"] })
        heard.forget()
        wakeups.noteChanges(Array(1...10_000))
        #expect(heard.wait { $0 == [""] }, "too many to name: all may have changed")
        heard.forget()
        wakeups.noteChanges([4])
        wakeups.stop()
        #expect(heard.wait { $0 == ["4"] }, "also as the last thing it does")
    }
}

@Suite(.freshDatabase) struct UnannouncedTaskTests {
    /// Nobody would say when it changes.
    @Test func withoutNotificationsATaskThatStillRunsIsReadAnew() throws {
        let stage = try Stage(isNotifying: false)
        let reference = TaskReference(try stage.submit().id)
        for prompt in ["one", "two"] {
            try stage.database.sql("UPDATE task_input SET prompt = '\(prompt)'")
            guard case .task(let task) = try stage.perform(.task(reference, waitSeconds: 0)) else {
                throw Unexpected("no task")
            }
            #expect(task.prompt == prompt)
        }
    }

    /// For a while, though nothing is heard.
    @Test func withoutNotificationsATaskThatHasEndedIsRemembered() throws {
        let stage = try Stage(isNotifying: false)
        let reference = TaskReference(try stage.submit().id)
        _ = try stage.perform(.cancel(reference))
        let began = ContinuousClock.now
        stage.gateway.noteSilence()
        _ = try stage.perform(.task(reference, waitSeconds: 0))
        let known = stage.wakeups.recent.entry(reference, of: stage.caller.userID, now: began).entry
        #expect(known?.task.state == .cancelled)
    }
}
