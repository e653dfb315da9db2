public import Core
public import Store
import Synchronization
public import Upstream

/// The serving side: what each command does, for whichever dialect. Called on request threads; may block.
public final class Gateway: Sendable {
    let store: Store
    let cache: SnapshotCache
    let media: any MediaStore
    let vault: Vault
    let wakeups: Wakeups
    let waiters: Waiters
    let followers: Followers
    let longLines: LongLines
    /// References on their way to a bucket, on threads that serve short calls.
    let fastUploads = Atomic<Int>(0)
    let fetch: ReferenceFetch
    let length = MediaLength()
    let clock: any WallClock
    let events: any EventSink
    let relays: Relays
    /// Nil: there is none.
    let bridge: BridgeLine?
    private let authenticator: Authenticator

    public init(
        store: Store, cache: SnapshotCache, media: any MediaStore, vault: Vault, wakeups: Wakeups,
        references: any Transport, clock: any WallClock, events: any EventSink, waitersMax: Int = 32,
        followersMax: Int = 500, lines: CurlLines = CurlLines(), bridge: BridgeLine? = nil
    ) {
        self.store = store
        self.cache = cache
        self.media = media
        self.vault = vault
        self.wakeups = wakeups
        self.clock = clock
        self.bridge = bridge
        fetch = ReferenceFetch(references, media.spool)
        self.events = events
        waiters = Waiters(store, limit: waitersMax)
        followers = Followers(limit: followersMax)
        longLines = LongLines(store)
        relays = Relays(store: store, cache: cache, vault: vault, lines: lines, events: events)
        authenticator = Authenticator(cache: cache, clock: clock)
    }

    public func start() throws(KinoraError) {
        try waiters.start()
        try longLines.start()
        try relays.meter.start()
    }

    public func stop() {
        waiters.stop()
        longLines.stop()
        length.close()
    }

    /// Ends the answers of text models that are still under way at that moment.
    public func cutOffRelays(at moment: ContinuousClock.Instant) { relays.lines.cutOff(at: moment) }

    /// Writes down what is counted in memory. After this nobody counts any more.
    public func settle() { relays.meter.stop() }

    /// A worker of this process finished a task: whoever waits for it here need not poll.
    public func noteFinished(_ row: Int64) { waiters.note(row) }

    /// Another process changed or deleted tasks: their rows, separated by commas; none: whichever.
    public func noteChanges(_ rows: String) {
        if rows.isEmpty {
            wakeups.recent.clear()
            waiters.noteChanges(nil)
        } else {
            let rows = rows.split(separator: ",").compactMap { Int64($0) }
            wakeups.recent.forget(rows)
            waiters.noteChanges(Set(rows))
        }
    }

    /// Changes that other processes make are not heard until `noteChanges`.
    public func noteSilence() {
        // Where nobody ever tells, what is remembered is chosen for that.
        if wakeups.isNotifying { wakeups.recent.deafen() }
    }

    /// Throws `missingKey`, `invalidKey`, `revokedKey` or `expiredKey`. Costs no round trip.
    public func caller(of head: RequestHead) throws(KinoraError) -> Caller {
        try authenticator.caller(of: head)
    }

    /// How a request may wait.
    public struct Patience {
        /// False on threads that serve short calls: they must never wait for a task.
        public let mayWait: Bool
        /// Whether others miss the thread while it waits. False where as many are made as are needed.
        public let isThreadScarce: Bool
        /// A descriptor that becomes readable when the client goes; nil: there is none.
        public let hangUp: Int32?
        /// False once the client is gone.
        public let isWanted: () -> Bool

        public init(
            mayWait: Bool, isThreadScarce: Bool = true, hangUp: Int32? = nil,
            isWanted: @escaping () -> Bool
        ) {
            self.mayWait = mayWait
            self.isThreadScarce = isThreadScarce
            self.hangUp = hangUp
            self.isWanted = isWanted
        }
    }

    /// Does what an open route asks: no caller needed.
    public func perform(_ command: Command) throws(KinoraError) -> Outcome {
        switch command {
        case .health:
            let isUp = (try? store.ping()) != nil
            return .health(Health(isDatabaseUp: isUp, version: kinoraVersion))
        case .signedMedia(let name, let expires, let signature):
            return content(try signedMedia(name, expires, signature))
        case .vendorCallback(let callback):
            try heed(callback)
            return .noted
        case .catalogue: return .models(models)
        default: throw KinoraError(.missingKey)
        }
    }

    public func perform(
        _ command: Command, for caller: Caller, _ patience: Patience
    ) throws(KinoraError) -> Outcome {
        switch command {
        case .submit(let submission): return try submit(submission, for: caller, patience)
        case .credits(let submission): return .credits(try credits(of: submission, for: caller))
        case .quota: return .quota(try store.quota(of: caller))
        case .redeem(let code): return try redeem(code, for: caller)
        case .task(let reference, let seconds):
            return .task(try task(reference, of: caller, waitSeconds: seconds, patience))
        case .awaitResult(let reference, let seconds):
            return .task(try result(reference, of: caller, waitSeconds: seconds, patience))
        case .results(let reference, let seconds, let form):
            return try results(reference, of: caller, waitSeconds: seconds, as: form, patience)
        case .tasks(let page): return try tasks(page, of: caller)
        case .report(let reference, let seconds):
            return .report(try report(reference, of: caller, waitSeconds: seconds, patience))
        case .follow(let reference, let withLinks, let last):
            return try follow(reference, withLinks: withLinks, lastEvent: last, of: caller, patience)
        case .reports(let page): return try reports(page, of: caller)
        case .stats(let family): return .stats(try store.stats(ofFamily: family, for: caller))
        case .content(let reference): return try content(reference, of: caller)
        case .delete(let reference): return try delete(reference, of: caller)
        case .cancel(let reference): return try cancel(reference, of: caller)
        case .relay(let request): return try relay(request, for: caller, patience)
        case .ask(let question, let account):
            return try ask(question, account: account, for: caller, patience)
        case .makeCameo(let draft): return try make(draft, for: caller, patience)
        case .cameos: return .cameos(try store.cameos(of: caller))
        case .cameo(let id): return .cameo(try cameo(id, of: caller))
        case .deleteCameo(let id): return .deletedCameo(try deleteCameo(id, of: caller))
        case .callerStats: return try callerStats(of: caller)
        case .models(let filter): return .models(models(filter, for: caller))
        case .model(let id, let family):
            let known = models(ModelFilter(family: family), for: caller)
            guard let model = known.first(where: { $0.id == id }) else {
                throw KinoraError.modelNotFound(id)
            }
            return .model(model)
        case .signedMedia, .vendorCallback, .catalogue, .health: return try perform(command)
        // They hold calls in the words of some API.
        case .batch, .estimate: throw KinoraError(.internalFault, detail: "this is no single command")
        }
    }

    /// Models that some account can run.
    private var models: [Model] {
        let snapshot = cache.snapshot
        return snapshot.models.values.filter(snapshot.serves).sorted { $0.id < $1.id }
    }

    /// Models that the key may use as well.
    private func models(_ filter: ModelFilter, for caller: Caller) -> [Model] {
        models.filter { caller.options.models?.contains($0.id) ?? true && filter.admits($0) }
    }

    func task(
        _ reference: TaskReference, of caller: Caller, waitSeconds: Int, _ patience: Patience
    ) throws(KinoraError) -> MediaTask {
        let task = try task(reference, of: caller)
        guard waitSeconds > 0, !task.state.isFinal, patience.mayWait else { return task }
        waiters.wait(
            forTask: task.row, of: caller.userID,
            until: .now + .seconds(min(waitSeconds, Limits.syncWaitSecondsMax)),
            isCounted: patience.isThreadScarce, while: patience.isWanted)
        return try self.task(reference, of: caller, asOfNow: true)
    }

    /// The caller's task. From memory where it is known there: as it was a moment ago, when another process
    /// changes it just now. `asOfNow`: for an answer that depends on whether it has ended.
    func task(
        _ reference: TaskReference, of caller: Caller, asOfNow: Bool = false
    ) throws(KinoraError) -> MediaTask {
        let (known, ticket) = wakeups.recent.entry(reference, of: caller.userID)
        if let known, !asOfNow || known.task.state.isFinal { return known.task }
        guard let task = try store.task(reference, of: caller) else { throw KinoraError(.taskNotFound) }
        if wakeups.isNotifying || task.state.isFinal {
            wakeups.recent.keep(task, nil, of: caller.userID, ticket)
        }
        return task
    }

    /// The end of a task: success, or an error that says how it ended or that it has not. `isToldWhy`: what
    /// its client can change about a failure has a code of its own.
    func result(
        _ reference: TaskReference, of caller: Caller, waitSeconds: Int, isToldWhy: Bool = false,
        _ patience: Patience
    ) throws(KinoraError) -> MediaTask {
        let task = try task(reference, of: caller, waitSeconds: waitSeconds, patience)
        switch task.state {
        case .succeeded: return task
        case .failed, .expired, .cancelled: throw Self.failure(of: task, isToldWhy: isToldWhy)
        case .queued, .running, .storing: throw Self.overdue(task, seconds: waitSeconds)
        }
    }

    /// What a task that has ended without success tells who waited for it.
    static func failure(of task: MediaTask, isToldWhy: Bool) -> KinoraError {
        KinoraError(
            code(ofFailed: task, isToldWhy), task.failure?.message,
            detail: task.failure?.code ?? "cancelled", taskID: clientID(of: task))
    }

    /// What who has waited for a task so long is told.
    static func overdue(_ task: MediaTask, seconds: Int) -> KinoraError {
        KinoraError(
            .waitTimedOut, "Task timeout after \(seconds) seconds; the task goes on.",
            taskID: clientID(of: task))
    }

    static func clientID(of task: MediaTask) -> String { "\(task.model)-\(task.id.short)" }

    /// Who asks for a video's task knows one code for everything.
    private static func code(ofFailed task: MediaTask, _ isToldWhy: Bool) -> ErrorCode {
        let code = task.failure.flatMap { ErrorCode(rawValue: $0.code) }
        let ofRequest: [ErrorCode] = [.contentRefused, .upstreamRequest, .unsupportedByVendor]
        guard isToldWhy, let code, ofRequest.contains(code) else { return .syncFailed }
        return code
    }

    private func tasks(_ page: TaskPage, of caller: Caller) throws(KinoraError) -> Outcome {
        var row: Int64?
        if let after = page.after {
            guard let point = try store.point(after, of: caller) else {
                throw KinoraError(.taskNotFound, field: "after")
            }
            row = point.row
        }
        let tasks = try store.tasks(page, after: row, of: caller)
        return .tasks(Array(tasks.prefix(page.limit)), hasMore: tasks.count > page.limit)
    }

    private func content(_ reference: TaskReference, of caller: Caller) throws(KinoraError) -> Outcome {
        let task = try succeeded(reference, of: caller)
        let media = try results(of: task, of: caller)[0].media
        guard caller.options.contentMode == .redirect else { return content(media) }
        return .link(link(to: media))
    }

    private func content(_ media: StoredMedia) -> Outcome {
        .content(media, at: self.media.place(of: media))
    }

    func link(to media: StoredMedia) -> String { vault.link(to: media, at: clock.now) }

    private func signedMedia(
        _ name: String, _ expires: String, _ signature: String
    ) throws(KinoraError) -> StoredMedia {
        // The signature covers name and time, so that neither can be of the caller's making.
        guard let end = Int64(expires), vault.isValid(signature, ofMedia: name, expires: end),
            end > clock.now.seconds
        else { throw KinoraError(.invalidSignature) }
        let parts = name.split(separator: ".")
        guard parts.count == 2, let type = MediaType.allCases.first(where: { $0.fileExtension == parts[1] })
        else {
            throw KinoraError(.invalidSignature)
        }
        return StoredMedia(sha256: String(parts[0]), bytes: 0, type: type)
    }

    /// Has the task polled now. Who knows the token can do no more than that, and where the vendor signs not
    /// even that.
    private func heed(_ callback: VendorCallback) throws(KinoraError) {
        guard let (task, attempt) = vault.attempt(ofCallback: callback.token) else {
            throw KinoraError(.routeNotFound)
        }
        if let account = try store.account(of: task, attempt: attempt) {
            let vendor = try Vendors.named(account.vendor)
            if vendor.signsCallbacks, !vendor.isGenuine(callback, try vault.opened(account)) {
                throw KinoraError(.invalidSignature, "The vendor's signature is missing or wrong.")
            }
        }
        if try store.hint(task, attempt: attempt) { wakeups.noteWork() }
    }

    /// What a worker or the vendor still does for it changes nothing any more.
    private func cancel(_ reference: TaskReference, of caller: Caller) throws(KinoraError) -> Outcome {
        if let row = try store.cancel(reference, of: caller) {
            wakeups.announceChange(row)
            noteFinished(row)
            // Waiting tasks may get on: its user's turn has passed.
            wakeups.noteWork()
        }
        guard let task = try store.task(reference, of: caller) else { throw KinoraError(.taskNotFound) }
        guard task.state == .cancelled else { throw KinoraError(.taskFinal, state: task.state) }
        return .task(task)
    }

    private func delete(_ reference: TaskReference, of caller: Caller) throws(KinoraError) -> Outcome {
        guard let task = try store.task(reference, of: caller) else { throw KinoraError(.taskNotFound) }
        guard try store.delete(task, of: caller) else { throw KinoraError(.taskNotFinal) }
        wakeups.announceChange(task.row)
        return .deleted(task)
    }
}
