import Core
import Store
import TestSupport
import Testing

@testable import Engine

@Suite struct FinishedTasksMemoryTests {
    let memory = FinishedTasks()
    let user: Int64 = 7

    private func task(_ state: TaskState = .succeeded, prompt: String = "a quiet harbour") -> MediaTask {
        MediaTask(
            row: 1, id: .random(), model: "sora-2", kind: .video, state: state, phase: nil, progress: 100,
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

    @Test func onlyWhatHasEndedIsKept() {
        for state in TaskState.allCases {
            #expect(isKnown(task(state)) == state.isFinal, "\(state)")
        }
    }

    @Test func itIsKeptForItsOwnerAlone() {
        #expect(!isKnown(task(), of: 8))
    }

    @Test func itIsForgottenWithinASecond() {
        #expect(isKnown(task(), after: .milliseconds(900)))
        #expect(!isKnown(task(), after: .seconds(1)))
    }

    @Test func whatWasReadBeforeADeletionIsNotKeptAfterIt() {
        let task = task()
        let ticket = memory.entry(TaskReference(task.id), of: user).ticket
        memory.clear()
        memory.keep(task, nil, of: user, ticket)
        #expect(memory.entry(TaskReference(task.id), of: user).entry == nil)
    }

    @Test func itStaysSmall() {
        #expect(isKnown(task(prompt: String(repeating: "漢", count: 1365))))
        #expect(!isKnown(task(prompt: String(repeating: "漢", count: 1366))))
        let first = task()
        #expect(isKnown(first))
        for _ in 0..<FinishedTasks.entriesMax { #expect(isKnown(task())) }
        #expect(memory.entry(TaskReference(first.id), of: user).entry == nil)
    }
}

@Suite(.freshDatabase) struct FinishedTasksTests {
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
        stage.gateway.noteDeletion()
        #expect(try read(reference)?.prompt == "another")
        #expect(throws: KinoraError.self) { _ = try media(reference) }
    }

    @Test func aTaskThatStillRunsIsReadAnew() throws {
        let reference = TaskReference(try stage.submit().id)
        #expect(try read(reference)?.state == .queued)
        #expect(try stage.store.cancel(reference) != nil)
        #expect(try read(reference)?.state == .cancelled)
    }

    /// Read through one process, deleted through another: without a notification it would be seen for a
    /// second, with twenty rounds for much longer.
    @Test func aDeletedTaskIsGoneInEveryProcess() throws {
        let other = try stage.neighbour()
        let heard = Happening<String>()
        let listener = try Listener(stage.database.options, channels: [Listener.deletionChannel]) { channel in
            other.noteDeletion()
            heard.note(channel)
        }
        try listener.start()
        defer { listener.stop() }
        #expect(heard.wait { $0.count == 1 })
        for round in 1...20 {
            let reference = TaskReference(try stage.submit().id)
            #expect(try stage.store.cancel(reference) != nil)
            for gateway in [stage.gateway, other] {
                let outcome = try gateway.perform(
                    .task(reference, waitSeconds: 0), for: stage.caller, .init(mayWait: false) { true })
                guard case .task = outcome else { throw Unexpected("no task") }
            }
            _ = try stage.perform(.delete(reference))
            let here = #expect(throws: KinoraError.self) { _ = try read(reference) }
            #expect(here?.code == .taskNotFound)
            #expect(heard.wait { $0.count == round + 1 })
            let there = #expect(throws: KinoraError.self) {
                _ = try other.perform(
                    .task(reference, waitSeconds: 0), for: stage.caller, .init(mayWait: false) { true })
            }
            #expect(there?.code == .taskNotFound)
        }
    }
}
