internal import Core
import Glibc
import Synchronization

/// The sandbox's state, its clock and its studio together: performs orders for whichever vendor took them.
final class World: Sendable {
    /// Where the render directory is for nginx.
    static let internalPrefix = "/_rendered/"

    let studio: Studio
    private let clock: any WallClock
    private let state: Mutex<SandboxState>
    private let isStopped = Atomic<Bool>(false)

    init(settings: SandboxSettings, studio: Studio, clock: any WallClock) {
        self.studio = studio
        self.clock = clock
        state = Mutex(SandboxState(settings: settings))
    }

    /// Whether requests that are held on purpose must be let go.
    var isStopping: Bool { isStopped.load(ordering: .acquiring) }

    var now: Timestamp { clock.now }

    func stop() { isStopped.store(true, ordering: .releasing) }

    /// Runs `body` on the state, under its lock.
    func withState<Value: Sendable>(_ body: (inout sending SandboxState) -> sending Value) -> Value {
        state.withLock(body)
    }

    func reset() {
        state.withLock { $0.reset() }
        studio.forgetAll()
    }

    /// The answer to `GET /_sandbox/stats`.
    func stats() -> JSON {
        let now = clock.now
        let (counts, running) = state.withLock { ($0.counts, $0.running(at: now)) }
        func object(_ counts: [String: Int]) -> JSON {
            .object(
                JSONObject(counts.sorted { $0.key < $1.key }.map { (name: $0.key, value: JSON($0.value)) }))
        }
        return [
            "accepted": JSON(counts.accepted), "by_vendor": object(counts.acceptedByVendor),
            "by_key": object(counts.acceptedByKey), "polls": JSON(counts.polls),
            "strangers": JSON(counts.strangers), "talks_by_key": object(counts.talksByKey),
            "cuts": JSON(counts.cuts), "running": JSON(running), "requests": JSON(counts.requests),
        ]
    }

    /// Carries an order out. `fault` is one that changes what happens; those that refuse or spoil are not
    /// this function's business.
    func perform(
        _ order: Order, for owner: Owner, id newID: String, fault: Fault?
    ) throws(KinoraError) -> Served {
        let now = clock.now
        switch order {
        case .fixed(let response):
            return .fixed(response)
        case .once(let id, let response):
            return .fixed(state.withLock { $0.accept(response, once: id, for: owner) })
        case .talk(let talk):
            state.withLock { $0.countTalk(of: owner) }
            return .talk(talk, now)
        case .submit(let draft):
            return .task(try accept(draft, for: owner, id: newID, fault))
        case .make(let draft):
            _ = try accept(draft, for: owner, id: newID, fault)
            return .task(try end(of: newID, for: owner))
        case .remix(let source, let prompt):
            return .task(try remix(source, prompt, for: owner, id: newID, fault))
        case .poll(let id, let section):
            var view = try view(of: id, for: owner, in: section)
            view.hasUnknownStatus = fault == .unknownStatus
            return .task(view)
        case .outcome(let id):
            let view = try view(of: id, for: owner)
            guard view.status == .completed || view.status == .failed else {
                throw KinoraError(.taskNotCompleted)
            }
            return .outcome(view)
        case .list(let page):
            return try locked { (state) throws(KinoraError) in try state.list(page, for: owner, at: now) }
        case .numberedPage(let page): return state.withLock { $0.list(page, for: owner, at: now) }
        case .delete(let id): return try delete(id, for: owner, at: now)
        case .cancel(let id, let forgetsEnded):
            let isCancelled = try locked { (state) throws(KinoraError) in
                try state.cancel(id, for: owner, at: now)
            }
            if isCancelled { return .cancelled(id) }
            guard forgetsEnded else { throw KinoraError(.taskFinal) }
            return try delete(id, for: owner, at: now)
        case .abort(let id, let forgets):
            try locked { (state) throws(KinoraError) in try state.abort(id, for: owner, at: now) }
            return forgets ? try delete(id, for: owner, at: now) : .task(try view(of: id, for: owner))
        case .credit(let part):
            return state.withLock { .credit(part, limit: $0.settings.credit, used: $0.spent(by: owner)) }
        case .draw(let draft): return .pictures(try draw(draft, for: owner, id: newID, fault))
        case .picture(let name, let end): return try end.map { $0 > now } ?? true ? picture(name) : ended()
        case .film(let name, let end): return try end.map { $0 > now } ?? true ? film(name) : ended()
        case .content(let id, let rendition):
            return try content(of: try view(of: id, for: owner), rendition)
        }
    }

    private func locked<Value: Sendable>(
        _ body: (inout sending SandboxState) throws(KinoraError) -> sending Value
    ) throws(KinoraError) -> Value {
        try state.withLock(body)
    }

    private func view(
        of id: String, for owner: Owner, in section: String? = nil
    ) throws(KinoraError) -> TaskView {
        let now = clock.now
        do throws(KinoraError) {
            let view = try locked { (state) throws(KinoraError) in
                try state.view(of: id, for: owner, at: now)
            }
            guard section == nil || section == view.draft.section else { throw KinoraError(.taskNotFound) }
            return view
        } catch {
            // Some vendors tell the id again even of a task that they do not know, and some say so by place.
            throw error.code == .taskNotFound ? KinoraError(.taskNotFound, field: section, taskID: id) : error
        }
    }

    private func remix(
        _ source: String, _ prompt: String, for owner: Owner, id: String, _ fault: Fault?
    ) throws(KinoraError) -> TaskView {
        let view = try view(of: source, for: owner)
        guard view.status == .completed else { throw KinoraError(.taskNotCompleted) }
        var draft = view.draft
        draft.prompt = prompt
        draft.remixOf = source
        return try accept(draft, for: owner, id: id, fault)
    }

    /// The task when it has ended, which takes its time.
    private func end(of id: String, for owner: Owner) throws(KinoraError) -> TaskView {
        while !isStopping {
            let view = try view(of: id, for: owner)
            if view.isFinal { return view }
            usleep(10_000)
        }
        throw KinoraError(.shuttingDown)
    }

    /// Takes at least as long as a task does.
    private func draw(
        _ draft: PictureDraft, for owner: Owner, id: String, _ fault: Fault?
    ) throws(KinoraError) -> Pictures {
        let began = ContinuousClock.now
        let now = clock.now
        let settings = try locked { (state) throws(KinoraError) in
            try state.accept(draft, for: owner, now: now)
            return state.settings
        }
        var files: [String] = []
        for index in 0..<draft.count {
            let name = FilmFile.picture(id, index, draft.format)
            let recipe = PictureRecipe(draft, of: owner.vendor, id: "\(id)-\(index)", settings.render)
            try studio.draw(recipe, as: name)
            files.append(name)
        }
        while ContinuousClock.now < began + .seconds(settings.taskSeconds), !isStopping { usleep(10_000) }
        guard fault != .fail else { throw KinoraError(.upstreamServer) }
        let store = studio.files
        return Pictures(draft: draft, files: files, createdAt: now) { file in
            // Nobody can ask for it again.
            defer { store.remove(file) }
            return store.read(file)
        }
    }

    private func delete(_ id: String, for owner: Owner, at now: Timestamp) throws(KinoraError) -> Served {
        let film = try locked { (state) throws(KinoraError) in try state.delete(id, for: owner, at: now) }
        if film != nil { studio.forget(task: id) }
        return .deleted(id)
    }

    private func ended() throws(KinoraError) -> Served { throw KinoraError(.contentNotFound) }

    private func film(_ name: String) throws(KinoraError) -> Served {
        guard name.hasSuffix(".mp4"), !name.contains("/"), studio.files.exists(name) else {
            throw KinoraError(.contentNotFound)
        }
        return .content(file: name, type: Rendition.video.mediaType)
    }

    private func picture(_ name: String) throws(KinoraError) -> Served {
        guard name.hasPrefix(FilmFile.picturePrefix), !name.contains("/"), studio.files.exists(name) else {
            throw KinoraError(.contentNotFound)
        }
        let type =
            name.hasSuffix(".png") ? "image/png" : name.hasSuffix(".webp") ? "image/webp" : "image/jpeg"
        return .content(file: name, type: type)
    }

    private func accept(
        _ draft: Draft, for owner: Owner, id: String, _ fault: Fault?
    ) throws(KinoraError) -> TaskView {
        let now = clock.now
        let (task, mustRender, render) = try locked { (state) throws(KinoraError) in
            let (task, mustRender) = try state.accept(
                draft, id: id, for: owner, mustFail: fault == .fail, now: now)
            return (task, mustRender, state.settings.render)
        }
        for task in state.withLock({ $0.takeExpired(at: now) }) { studio.forget(task: task) }
        if mustRender, let film = task.film {
            if let pictures = draft.pictures {
                draw(pictures, from: 0, as: film, for: owner, task: id, render)
            } else {
                studio.render(Recipe(draft, of: owner.vendor, task: id, render), as: film) { [self] in
                    end(film, $0)
                }
            }
        }
        var view = try view(of: id, for: owner)
        view.isNew = true
        return view
    }

    /// One picture after the other, in the background. With the last of them all are there.
    private func draw(
        _ draft: PictureDraft, from index: Int, as film: String, for owner: Owner, task id: String,
        _ render: SandboxSettings.Render
    ) {
        let name = FilmFile.picture(id, index, draft.format)
        studio.draw(PictureRecipe(draft, of: owner.vendor, id: "\(id)-\(index)", render), as: name) {
            [self] result in
            guard case .success = result, index + 1 < draft.count else { return end(film, result) }
            draw(draft, from: index + 1, as: film, for: owner, task: id, render)
            return true
        }
    }

    /// Returns whether the film is still wanted.
    private func end(_ film: String, _ result: Result<Void, RenderFailure>) -> Bool {
        let now = clock.now
        return state.withLock { state in
            switch result {
            case .success: state.endFilm(film, .ready(now))
            case .failure(let failure): state.endFilm(film, .failed(reason: failure.message, now))
            }
        }
    }

    /// How long a finished film can be fetched.
    static let contentLifetime = Duration.seconds(3600)

    private func content(of view: TaskView, _ rendition: Rendition) throws(KinoraError) -> Served {
        switch view.status {
        case .failed, .cancelled: throw KinoraError(.generationFailed)
        case .queued, .inProgress: throw KinoraError(.taskNotCompleted)
        case .completed: break
        }
        guard let film = view.film, let completedAt = view.completedAt,
            clock.now < completedAt + Self.contentLifetime
        else { throw KinoraError(.contentNotFound) }
        let file =
            rendition == .video ? film : try studio.still(rendition, of: film, seconds: view.draft.seconds)
        return .content(file: file, type: rendition.mediaType)
    }
}
