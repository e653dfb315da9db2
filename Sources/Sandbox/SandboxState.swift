internal import Core

/// What `POST /_sandbox/settings` changes.
struct SandboxSettings: Sendable, Equatable {
    /// How films and pictures come about.
    enum Render: String, Sendable, CaseIterable {
        /// A film for each task, with its prompt in the picture; and so a picture.
        case prompt
        /// One film for each size and length, without a prompt; one picture for each size and format.
        case reuse
        /// One tiny film for everything, and one tiny picture of each format.
        case none
    }

    /// The least time a task takes. Rendering counts inside it and prolongs it only when it takes longer.
    var taskSeconds: Double
    var render = Render.prompt
    /// Most unfinished tasks that one key may have; a submit beyond it is a 429. Nil: no limit.
    var acceptLimit: Int?
    /// Between two events of a stream.
    var eventSeconds = 0.0
    /// Dollars that each key may spend; a submit beyond them is refused for money. Nil: without limit.
    var credit: Double?

    /// What a task costs.
    static let dollarsPerTask = 0.1
}

/// Counted since the last reset.
struct SandboxCounts: Sendable, Equatable {
    var accepted = 0
    var acceptedByVendor: [String: Int] = [:]
    /// By the last four characters of the key.
    var acceptedByKey: [String: Int] = [:]
    /// Well-formed polls with a good key, whatever they were answered.
    var polls = 0
    /// Requests about a task that another key had submitted. They are answered 404.
    var strangers = 0
    /// Answers of text models, by the last four characters of the key.
    var talksByKey: [String: Int] = [:]
    /// Those that were streamed and whose client left in the middle.
    var cuts = 0
    /// Requests to vendors, refused ones too; those to `/_sandbox` not.
    var requests = 0
}

/// The sandbox's whole memory. A value: every change happens under one lock, so that what was counted and
/// what was accepted cannot differ. Tasks stay until the reset.
struct SandboxState: Sendable {
    private struct Account: Sendable {
        /// Ids and sequence numbers in the order of acceptance.
        var tasks: [(sequence: Int, id: String)] = []
        /// Tasks that may still be unfinished. Filled always, thinned out only when a limit asks for it.
        var open: [String] = []
        /// Deleted ones too.
        var accepted = 0
        /// Ids of tasks by the client's own.
        var aliases: [String: String] = [:]
    }

    private let defaults: SandboxSettings
    var settings: SandboxSettings
    var faults = FaultBook()
    private(set) var counts = SandboxCounts()
    private var tasks: [String: SandboxTask] = [:]
    private var films: [String: Film] = [:]
    private var accounts: [Owner: Account] = [:]
    private var sequence = 0
    /// What was made once, and its answer.
    private var keepsakes: [Owner: [String: Response]] = [:]
    /// Tasks with a film of their own, in order; those before `expiredCount` have lost its file.
    private var filmed: [String] = []
    private var expiredCount = 0

    init(settings: SandboxSettings) {
        defaults = settings
        self.settings = settings
    }

    /// Forgets everything, settings too.
    mutating func reset() { self = SandboxState(settings: defaults) }

    /// A text model answers the owner.
    mutating func countTalk(of owner: Owner) {
        counts.talksByKey[String(owner.key.suffix(4)), default: 0] += 1
    }

    /// A client left in the middle of a stream.
    mutating func countCut() { counts.cuts += 1 }

    mutating func countRequest() { counts.requests += 1 }

    func running(at now: Timestamp) -> Int { tasks.values.count { !view(of: $0, at: now).isFinal } }

    /// Takes the fault that strikes an order, and counts polls and strangers. Armed faults go before a
    /// prompt's markers.
    mutating func strike(for order: Order, of owner: Owner) -> Strike? {
        if case .poll = order { counts.polls += 1 }
        let id = order.taskID.map { named($0, by: owner) }
        if let task = id.flatMap({ tasks[$0] }), task.owner != owner { counts.strangers += 1 }
        if let strike = faults.takeArmed(order.operation, of: owner) { return strike }
        switch order {
        case .submit(let draft): return faults.takeMarker(ofPrompt: draft.prompt)
        case .remix(_, let prompt): return faults.takeMarker(ofPrompt: prompt)
        case .talk(let talk): return faults.takeMarker(.talk, ofPrompt: talk.prompt)
        case .draw(let draft): return faults.takeMarker(ofPrompt: draft.prompt)
        default: break
        }
        guard let id, tasks[id]?.owner == owner, !(tasks[id]?.markers.isEmpty ?? true)
        else { return nil }
        return FaultBook.takeMarker(order.operation, of: &tasks[id]!)
    }

    /// Accepts a task and counts it. `mustRender` when its film does not exist and nobody renders it yet.
    mutating func accept(
        _ draft: Draft, id: String, for owner: Owner, mustFail: Bool, now: Timestamp
    ) throws(KinoraError) -> (task: SandboxTask, mustRender: Bool) {
        try checkLimit(of: owner, now: now)
        if let credit = settings.credit, spent(by: owner) + SandboxSettings.dollarsPerTask > credit + 1e-9 {
            throw KinoraError(.upstreamMoney)
        }
        if let alias = draft.alias, accounts[owner]?.aliases[alias] != nil {
            throw KinoraError(.alreadyExists, field: alias)
        }
        sequence += 1
        let markers = FaultMarker.all(in: draft.prompt)
        let fails = mustFail || markers.contains { $0.fault == .fail && $0.strikes(.submit) }
        var kept = draft
        kept.reference = nil
        let task = SandboxTask(
            id: id, owner: owner, sequence: sequence, draft: kept, createdAt: now,
            duration: .microseconds(Int64(settings.taskSeconds * 1e6)),
            film: fails ? nil : filmName(of: draft, task: id), markers: markers)
        tasks[id] = task
        accounts[owner, default: Account()].tasks.append((sequence, id))
        accounts[owner, default: Account()].open.append(id)
        if let alias = draft.alias { accounts[owner, default: Account()].aliases[alias] = id }
        accounts[owner, default: Account()].accepted += 1
        if settings.render == .prompt || draft.pictures != nil, task.film != nil { filmed.append(id) }
        counts.accepted += 1
        counts.acceptedByVendor[owner.vendor, default: 0] += 1
        counts.acceptedByKey[String(owner.key.suffix(4)), default: 0] += 1
        return (task, task.film.map { startFilm($0) } ?? false)
    }

    /// Accepts a request for pictures and counts it: it is one task, which nobody can ask for again.
    mutating func accept(_ draft: PictureDraft, for owner: Owner, now: Timestamp) throws(KinoraError) {
        try checkLimit(of: owner, now: now)
        if let credit = settings.credit, spent(by: owner) + SandboxSettings.dollarsPerTask > credit + 1e-9 {
            throw KinoraError(.upstreamMoney)
        }
        accounts[owner, default: Account()].accepted += 1
        counts.accepted += 1
        counts.acceptedByVendor[owner.vendor, default: 0] += 1
        counts.acceptedByKey[String(owner.key.suffix(4)), default: 0] += 1
    }

    /// Accepts something that is no task and counts it, unless it was before. Gives the first answer.
    mutating func accept(_ response: Response, once id: String, for owner: Owner) -> Response {
        if let first = keepsakes[owner]?[id] { return first }
        keepsakes[owner, default: [:]][id] = response
        counts.accepted += 1
        counts.acceptedByVendor[owner.vendor, default: 0] += 1
        counts.acceptedByKey[String(owner.key.suffix(4)), default: 0] += 1
        return response
    }

    /// Dollars for all the tasks that were accepted from it.
    func spent(by owner: Owner) -> Double {
        Double(accounts[owner]?.accepted ?? 0) * SandboxSettings.dollarsPerTask
    }

    private mutating func checkLimit(of owner: Owner, now: Timestamp) throws(KinoraError) {
        guard let limit = settings.acceptLimit else { return }
        let open = accounts[owner]?.open.filter { id in
            tasks[id].map { !view(of: $0, at: now).isFinal } ?? false
        }
        accounts[owner]?.open = open ?? []
        guard open?.count ?? 0 < limit else { throw KinoraError(.upstreamConcurrency) }
    }

    private func filmName(of draft: Draft, task id: String) -> String {
        if let pictures = draft.pictures { return FilmFile.picture(id, 0, pictures.format) }
        let subject =
            switch settings.render {
            case .prompt: id
            case .reuse: "reuse-\(draft.size)-\(draft.seconds)"
            case .none: "none"
            }
        var name = FilmFile.film(subject)
        var tries = 1
        // A shared film that failed is tried again under another name: its first tasks have failed for good.
        while case .failed = films[name] {
            tries += 1
            name = FilmFile.film("\(subject)-\(tries)")
        }
        return name
    }

    /// True when the film is new, so that the caller has to render it.
    private mutating func startFilm(_ name: String) -> Bool {
        guard films[name] == nil else { return false }
        films[name] = .waiting
        return true
    }

    /// Takes the next few tasks whose films cannot be fetched any more, so that the disk does not fill up.
    mutating func takeExpired(at now: Timestamp, max countMax: Int = 8) -> [String] {
        var expired: [String] = []
        while expired.count < countMax, expiredCount < filmed.count {
            let id = filmed[expiredCount]
            if let task = tasks[id] {
                let view = view(of: task, at: now)
                let end = (view.completedAt ?? view.createdAt) + World.contentLifetime
                guard view.isFinal, end < now else { break }
                expired.append(id)
            }
            expiredCount += 1
        }
        return expired
    }

    /// Notes how a rendering ended. False when no task wants the film any more.
    mutating func endFilm(_ name: String, _ film: Film) -> Bool {
        guard films[name] != nil else { return false }
        films[name] = film
        return true
    }

    /// The id of the task that an owner calls so.
    private func named(_ name: String, by owner: Owner) -> String { accounts[owner]?.aliases[name] ?? name }

    func view(of name: String, for owner: Owner, at now: Timestamp) throws(KinoraError) -> TaskView {
        guard let task = tasks[named(name, by: owner)], task.owner == owner else {
            throw KinoraError(.taskNotFound)
        }
        return view(of: task, at: now)
    }

    private func view(of task: SandboxTask, at now: Timestamp) -> TaskView {
        TaskView(task, film: task.film.map { films[$0] ?? .waiting }, now: now)
    }

    /// One page of the owner's tasks, in order of acceptance or its reverse.
    func list(_ page: Page, for owner: Owner, at now: Timestamp) throws(KinoraError) -> Served {
        let all = accounts[owner]?.tasks ?? []
        var range = all.indices
        if let after = page.after {
            guard let task = tasks[after], task.owner == owner, let at = index(of: task, in: all) else {
                throw KinoraError(
                    .invalidValue, "'after' names no video of yours: '\(after)'.", field: "after")
            }
            range = page.isAscending ? (at + 1)..<all.count : 0..<at
        }
        let chosen =
            page.isAscending ? Array(all[range].prefix(page.limit)) : all[range].suffix(page.limit).reversed()
        let views = chosen.compactMap { tasks[$0.id].map { view(of: $0, at: now) } }
        return .tasks(views, hasMore: range.count > chosen.count)
    }

    /// One page of the owner's tasks that it selects, and how many there are of those.
    func list(_ page: NumberedPage, for owner: Owner, at now: Timestamp) -> Served {
        let all = (accounts[owner]?.tasks ?? []).reversed().compactMap { tasks[$0.id] }
        let chosen = all.map { view(of: $0, at: now) }.filter(page.selects)
        let rest = chosen.dropFirst((page.number - 1) * page.size)
        return .page(Array(rest.prefix(page.size)), page, total: chosen.count)
    }

    /// Ends a task that rests in the queue. False when it has ended already.
    mutating func cancel(_ id: String, for owner: Owner, at now: Timestamp) throws(KinoraError) -> Bool {
        let view = try view(of: id, for: owner, at: now)
        switch view.status {
        case .queued:
            tasks[id]?.cancelledAt = now
            return true
        case .inProgress, .cancelled: throw KinoraError(.taskNotFinal)
        case .completed, .failed: return false
        }
    }

    /// Ends a task that has not ended.
    mutating func abort(_ id: String, for owner: Owner, at now: Timestamp) throws(KinoraError) {
        if try !view(of: id, for: owner, at: now).isFinal { tasks[id]?.cancelledAt = now }
    }

    /// Forgets a finished task. Gives the name of its film when no other task has it.
    mutating func delete(_ id: String, for owner: Owner, at now: Timestamp) throws(KinoraError) -> String? {
        guard let task = tasks[id], task.owner == owner else { throw KinoraError(.taskNotFound) }
        guard view(of: task, at: now).isFinal else { throw KinoraError(.taskNotFinal) }
        tasks[id] = nil
        if let at = accounts[owner].flatMap({ index(of: task, in: $0.tasks) }) {
            accounts[owner]?.tasks.remove(at: at)
        }
        guard let film = task.film, FilmFile.all(of: id).contains(film) else { return nil }
        films[film] = nil
        return film
    }

    private func index(of task: SandboxTask, in tasks: [(sequence: Int, id: String)]) -> Int? {
        var low = 0
        var high = tasks.count
        while low < high {
            let middle = (low + high) / 2
            if tasks[middle].sequence < task.sequence { low = middle + 1 } else { high = middle }
        }
        return low < tasks.count && tasks[low].sequence == task.sequence ? low : nil
    }
}
