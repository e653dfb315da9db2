import Core
import Testing

@testable import Sandbox

@Suite struct SandboxStateTests {
    private let start = Timestamp(seconds: 1_767_000_000)

    private func state(seconds: Double = 10, render: SandboxSettings.Render = .none) -> SandboxState {
        SandboxState(settings: SandboxSettings(taskSeconds: seconds, render: render))
    }

    private func accept(_ state: inout SandboxState, _ id: String, at seconds: Int = 0) throws -> Bool {
        try state.accept(
            .sample(), id: id, for: .first, mustFail: false, now: start + .seconds(seconds)
        ).mustRender
    }

    @Test func aTaskGoesFromQueuedToCompletedByTimeAlone() throws {
        var state = state()
        #expect(try accept(&state, "a"))
        let isWanted = state.endFilm("film-none.mp4", .ready(start + .seconds(2)))
        #expect(isWanted)
        var seen: [TaskView.Status] = []
        var progress: [Int] = []
        for second in 0...11 {
            let view = try state.view(of: "a", for: .first, at: start + .seconds(second))
            if seen.last != view.status { seen.append(view.status) }
            progress.append(view.progress)
        }
        #expect(seen == [.queued, .inProgress, .completed])
        #expect(
            progress == progress.sorted() && progress.first == 0 && progress[5] == 50 && progress[10] == 100)
        let view = try state.view(of: "a", for: .first, at: start + .seconds(30))
        #expect(view.completedAt == start + .seconds(10))
    }

    @Test func aFilmThatIsNotReadyProlongsItsTask() throws {
        var state = state()
        _ = try accept(&state, "a")
        let late = try state.view(of: "a", for: .first, at: start + .seconds(60))
        #expect(late.status == .inProgress && late.progress == 99)
        _ = state.endFilm("film-none.mp4", .ready(start + .seconds(61)))
        let view = try state.view(of: "a", for: .first, at: start + .seconds(62))
        #expect(view.status == .completed && view.completedAt == start + .seconds(61))
    }

    @Test func aFilmThatCannotBeRenderedFailsItsTask() throws {
        var state = state()
        _ = try accept(&state, "a")
        _ = state.endFilm("film-none.mp4", .failed(reason: "why", start + .seconds(1)))
        let view = try state.view(of: "a", for: .first, at: start + .seconds(2))
        #expect(
            view.status == .failed && view.failure?.code == "render_failed" && view.failure?.message == "why")
        #expect(try accept(&state, "b", at: 3), "the next task tries again")
        #expect(
            try state.view(of: "a", for: .first, at: start + .seconds(4)).status == .failed, "and stays alone"
        )
    }

    @Test func aTaskThatMustFailFailsWhenItsTimeIsOver() throws {
        var state = state()
        let draft = Draft.sample("[sandbox:fail]")
        #expect(try !state.accept(draft, id: "a", for: .first, mustFail: false, now: start).mustRender)
        #expect(try state.view(of: "a", for: .first, at: start + .seconds(9)).status == .inProgress)
        #expect(try state.view(of: "a", for: .first, at: start + .seconds(10)).status == .failed)
    }

    @Test(arguments: [(SandboxSettings.Render.prompt, 3), (.reuse, 1), (.none, 1)])
    func filmsAreSharedAsTheSettingSays(_ render: SandboxSettings.Render, _ count: Int) throws {
        var state = state(render: render)
        let orders = try ["a", "b", "c"].map { try accept(&state, $0) }
        #expect(orders.count { $0 } == count)
    }

    @Test func anotherKeyDoesNotSeeATask() throws {
        var state = state()
        _ = try accept(&state, "a")
        #expect(throws: KinoraError(.taskNotFound)) { try state.view(of: "a", for: .second, at: start) }
        #expect(throws: KinoraError(.taskNotFound)) { try state.delete("a", for: .second, at: start) }
        let page = Page(limit: 10, isAscending: true, after: nil)
        guard case .tasks(let views, _) = try state.list(page, for: .second, at: start) else { return }
        #expect(views.isEmpty)
    }

    @Test func listsComeInPagesInBothOrders() throws {
        var state = state()
        for number in 0..<7 { _ = try accept(&state, "t\(number)") }
        func ids(_ limit: Int, _ isAscending: Bool, _ after: String?) throws -> ([String], Bool) {
            let page = Page(limit: limit, isAscending: isAscending, after: after)
            guard case .tasks(let views, let more) = try state.list(page, for: .first, at: start) else {
                return ([], false)
            }
            return (views.map(\.id), more)
        }
        #expect(try ids(3, false, nil) == (["t6", "t5", "t4"], true))
        #expect(try ids(3, false, "t4") == (["t3", "t2", "t1"], true))
        #expect(try ids(3, false, "t1") == (["t0"], false))
        #expect(try ids(3, true, "t4") == (["t5", "t6"], false))
        #expect(try ids(0, true, nil) == ([], true))
        #expect(throws: KinoraError.self) { try ids(3, true, "nobody") }
    }

    @Test func aFinishedTaskCanBeDeletedAndAnUnfinishedOneNot() throws {
        var state = state(render: .prompt)
        _ = try accept(&state, "a")
        #expect(throws: KinoraError(.taskNotFinal)) { try state.delete("a", for: .first, at: start) }
        _ = state.endFilm("film-a.mp4", .ready(start))
        #expect(try state.delete("a", for: .first, at: start + .seconds(20)) == "film-a.mp4")
        #expect(throws: KinoraError(.taskNotFound)) { try state.view(of: "a", for: .first, at: start) }
        let isWanted = state.endFilm("film-a.mp4", .ready(start))
        #expect(!isWanted)
    }

    @Test func filmsExpireAnHourAfterTheirTasks() throws {
        var state = state(render: .prompt)
        for id in ["a", "b", "c"] {
            _ = try accept(&state, id)
            _ = state.endFilm("film-\(id).mp4", .ready(start))
        }
        _ = try state.delete("b", for: .first, at: start + .seconds(20))
        #expect(state.takeExpired(at: start + .seconds(3600)) == [])
        #expect(state.takeExpired(at: start + .seconds(3611)) == ["a", "c"])
        #expect(state.takeExpired(at: start + .seconds(9999)) == [])
        #expect(try state.view(of: "a", for: .first, at: start + .seconds(9999)).status == .completed)
    }

    @Test func theLimitCountsUnfinishedTasksOfOneKey() throws {
        var state = state()
        state.settings.acceptLimit = 2
        _ = try accept(&state, "a")
        _ = try accept(&state, "b")
        #expect(throws: KinoraError(.upstreamConcurrency)) { try accept(&state, "c") }
        _ = try state.accept(.sample(), id: "d", for: .second, mustFail: false, now: start)
        _ = state.endFilm("film-none.mp4", .ready(start))
        #expect(state.running(at: start) == 3)
        _ = try accept(&state, "e", at: 11)
        #expect(state.counts.accepted == 4)
    }

    @Test func resetForgetsEverything() throws {
        var state = state()
        _ = try accept(&state, "a")
        state.settings.taskSeconds = 99
        state.faults.arm(ArmedFault(strike: Strike(fault: .html), times: 5))
        state.reset()
        #expect(
            state.counts == SandboxCounts() && state.settings.taskSeconds == 10 && state.faults.armed.isEmpty)
        #expect(throws: KinoraError(.taskNotFound)) { try state.view(of: "a", for: .first, at: start) }
    }

    @Test func countsAreExactUnderSixteenThreads() throws {
        let folder = try Folder()
        let studio = Studio(files: try FileStore(directory: folder.path)) { _ in }
        let world = World(
            settings: SandboxSettings(taskSeconds: 1, render: .none), studio: studio, clock: ManualClock())
        let threads = try (0..<16).map { number in
            try Thread {
                for index in 0..<500 {
                    let owner: Owner = index % 2 == 0 ? .first : .second
                    _ = try? world.perform(
                        .submit(.sample()), for: owner, id: "task-\(number)-\(index)", fault: nil)
                }
            }
        }
        for thread in threads { #expect(thread.join(until: .now + .seconds(30))) }
        let stats = world.stats()
        #expect(stats["accepted"] == 8000)
        #expect(stats["by_vendor"] == ["openai": 8000])
        #expect(stats["by_key"] == ["one1": 4000, "two2": 4000])
        #expect(stats["running"] == 8000)
    }
}
