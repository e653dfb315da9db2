import Synchronization
public import Core
public import Store
public import Upstream

/// The working side: claims tasks, calls vendors, keeps results. What it holds the database holds too, so
/// that it may be killed at any moment.
public final class Worker: Sendable {
    public struct Options: Sendable {
        /// Most calls under way at once.
        public var callsMax = 1000
        /// Those among them that submits leave to everything else, and everything else to submits: neither
        /// keeps the other waiting.
        var callsReserved: Int { min(50, callsMax / 4) }
        /// A claim costs about as much for one task as for many: it waits until there is room for so many.
        /// Much less than is reserved, since some of that may be held by submits that hang.
        var claimMin: Int { max(1, callsReserved / 4) }
        /// Most calls under way for looks at one address of a vendor's, and most for chores: who hangs does
        /// not hold up the others.
        var callsShare: Int { max(1, callsMax / 4) }
        /// Threads that read replies, write to the database and hash results. Those that write at the same
        /// moment share a commit, so many are cheaper than few.
        public var settlers = 32
        /// Longest rest between two looks into the queue.
        public var pollInterval = Duration.seconds(1)
        /// Where vendors reach this instance, without a trailing slash: there they call back, and fetch
        /// references that they take by address alone. Nil: they are given no address.
        public var publicBase: String?

        public init() {}
    }

    /// What a call under way was for.
    enum Purpose: Sendable {
        /// Copies of the references go with the call, and are removed with its end. `made` is where a reply
        /// lies that is the result.
        case submit([MediaFile], made: ReplyFile?)
        case lookUp(page: Int)
        /// The reply to `isSecond` tells what came of a task that the first one called done.
        case poll(isSecond: Bool)
        /// A poll of that ticket tells where the next result of the harvest is.
        case told(Harvest, of: String)
        case fetch(Harvest, from: String, to: String, hop: Int)

        /// Whether it is about a task that its vendor has, or may have.
        var isLook: Bool { if case .submit = self { false } else { true } }
    }

    /// A reply on the disk, and which of its members are media.
    struct ReplyFile: Sendable {
        let path: String
        let mediaMembers: Set<String>
    }

    /// The same, for a cancelled task.
    enum CancelPurpose: Sendable { case cancel, poll, lookUp(page: Int) }

    /// A call for a task that ended.
    struct Completion: Sendable {
        let task: ClaimedTask
        let purpose: Purpose
        let result: Result<HTTPReply, TransportFailure>
    }

    /// What comes back from vendors, and from the media store.
    enum Answer: Sendable {
        case task(Completion)
        /// The result of a task is still on its way.
        case slow(ClaimedTask)
        /// The next reference of a task that is about to be submitted.
        case opened(ClaimedTask, [MediaFile], Result<MediaFile, KinoraError>)
        case kept(ClaimedTask, StoredMedia, path: String, Harvest, KinoraError?)
        case removed(MediaRemoval, Result<Bool, KinoraError>)
        case removal(Removal, Result<HTTPReply, TransportFailure>)
        case cancellation(Cancellation, CancelPurpose, Result<HTTPReply, TransportFailure>)
    }

    let store: Store
    /// A session that claims, and hears of work.
    let queue: Store
    let cache: SnapshotCache
    let media: any MediaStore
    let vault: Vault
    let transport: any Transport
    let wakeups: Wakeups
    let clock: any WallClock
    let events: any EventSink
    let options: Options
    let onFinished: @Sendable (Int64) -> Void

    let usual = UsualTimes()
    let pulse: Pulse
    let inbox = Inbox<Answer>()
    let calls = Atomic<Int>(0)
    /// Those among them that end what was cancelled and remove what was deleted.
    let chores = Atomic<Int>(0)
    let holdings: Holdings
    /// Looks into the queue, and submits without an answer so far: a drain waits for them.
    let submitsUnderWay = Atomic<Int>(0)
    /// A slot has become free since the last look into the queue.
    let isSlotFree = Atomic<Bool>(false)
    let isDraining = Atomic<Bool>(false)
    let isStopping = Atomic<Bool>(false)
    let threads = Mutex<[Thread]>([])

    /// Registers the worker. `onFinished` hears the row of each task that ends here.
    public init(
        store: Store, cache: SnapshotCache, media: any MediaStore, vault: Vault, transport: any Transport,
        wakeups: Wakeups, clock: any WallClock, events: any EventSink, options: Options = Options(),
        onFinished: @escaping @Sendable (Int64) -> Void = { _ in }
    ) throws(KinoraError) {
        self.store = store
        var queueOptions = store.options
        queueOptions.connectionsMax = 1
        queueOptions.channels = wakeups.isNotifying ? [Listener.workChannel] : []
        queue = Store(queueOptions)
        self.cache = cache
        self.media = media
        self.vault = vault
        self.transport = transport
        self.wakeups = wakeups
        self.clock = clock
        self.events = events
        self.options = options
        self.onFinished = onFinished
        holdings = Holdings(looksMax: options.callsShare)
        pulse = try Pulse(store, events: events, usual: usual, wakeups: wakeups)
    }

    public func start() throws(KinoraError) {
        try pulse.start()
        var started = [try Thread { [self] in dispatch() }, try Thread { [self] in lookAfterHeld() }]
        for _ in 0..<options.settlers { started.append(try Thread { [self] in settle() }) }
        threads.withLock { $0 = started }
    }

    /// Takes nothing new from now on.
    public func beginDrain() {
        isDraining.store(true, ordering: .sequentiallyConsistent)
        wakeups.work.raise()
        holdings.news.raise()
    }

    /// Takes nothing new, lets submits under way be answered, stores what came with such answers, and gives
    /// everything else back. True when neither a submit was left in the air nor a result lost. The submit is
    /// looked up at its vendor by the next worker; the task of the result then fails, since nobody can be
    /// asked for that again. So a media store that is away is given it anew twice a second, as long as there
    /// is time.
    public func drain(within limit: Duration) -> Bool {
        beginDrain()
        let deadline = ContinuousClock.now + limit
        let pause = Signal()
        while !mayLeave, ContinuousClock.now < deadline { _ = pause.wait(for: .milliseconds(20)) }
        let isClean = mayLeave
        isStopping.store(true, ordering: .releasing)
        wakeups.work.raise()
        holdings.news.raise()
        inbox.close()
        for thread in threads.withLock({ $0 }) { _ = thread.join(until: deadline + .seconds(1)) }
        pulse.stop()
        _ = try? store.leave(worker: pulse.worker)
        return isClean
    }

    /// In this order: a submit's place is given up when its answer is already counted among the results.
    private var mayLeave: Bool {
        submitsUnderWay.load(ordering: .sequentiallyConsistent) == 0 && !holdings.hasOnlyHere
    }
}
