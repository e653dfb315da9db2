import Synchronization
public import Core
public import Store

/// What a process remembers of users, keys, models and settings, so that a request costs no look-up and a
/// refused key no round trip. A class, since every request takes hold of it.
public final class Snapshot: Sendable {
    public let version: Int64
    public let keys: [String: KeyRecord]
    public let models: [String: Model]
    public let settings: [String: JSON]
    /// Vendors that have an account which may work.
    public let vendorsServed: Set<String>
    /// How long answers of text models may take. Every request for one asks.
    let relayLimits: (firstByte: Duration, idle: Duration, total: Duration)

    init(
        version: Int64, keys: [String: KeyRecord], models: [String: Model], settings: [String: JSON],
        vendorsServed: Set<String>
    ) {
        self.version = version
        self.keys = keys
        self.models = models
        self.settings = settings
        self.vendorsServed = vendorsServed
        func limit(_ setting: NumberSetting) -> Duration { .seconds(setting.value(in: settings)) }
        relayLimits = (limit(.relayFirstByte), limit(.relayIdle), limit(.relayTotal))
    }

    /// Whether some account can run the model.
    func serves(_ model: Model) -> Bool { !vendorsServed.isDisjoint(with: model.vendors) }

    /// How long a task may run.
    func timeoutSeconds(for kind: MediaKind) -> Int64 {
        kind == .image ? imageTimeoutSeconds : videoTimeoutSeconds
    }

    var imageTimeoutSeconds: Int64 { NumberSetting.imageTimeout.value(in: settings) }
    var videoTimeoutSeconds: Int64 { NumberSetting.videoTimeout.value(in: settings) }
    /// 0: a task may wait for ever.
    var queueTimeoutSeconds: Int64 { NumberSetting.queueTimeout.value(in: settings) }
    /// How long a request waits for what it asks for, where it does not say.
    func waitSeconds(for kind: MediaKind) -> Int {
        Int((kind == .image ? NumberSetting.imageWait : .videoWait).value(in: settings))
    }
    /// The model of a request that names none.
    func defaultModel(of kind: MediaKind) -> String {
        (kind == .image ? TextSetting.defaultImageModel : .defaultVideoModel).value(in: settings)
    }
    /// Errors in a row that disable an account; 0: never.
    var errorsMax: Int64 { NumberSetting.errorBanThreshold.value(in: settings) }

    /// How many tasks of a family may wait.
    func waitingMax(of family: String) -> Int64 {
        let own = NumberSetting.maxWaitingTasks(of: family)
        return (own.hasDefault || settings[own.name] != nil ? own : .maxWaitingTasks).value(in: settings)
    }
}

/// Keeps the snapshot fresh: read again after a notification, and whenever the version has changed.
public final class SnapshotCache: Sendable {
    private let store: Store
    private let events: any EventSink
    private let current: Guarded<Snapshot>
    private let onChange: @Sendable (Snapshot) -> Void
    private let changed = Signal()
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<Thread?>(nil)

    /// Reads everything once; `onChange` hears of that, and of each reading after a change. Throws
    /// `databaseAway` or `configuration` (no migrations yet).
    public init(
        _ store: Store, events: any EventSink, onChange: @escaping @Sendable (Snapshot) -> Void = { _ in }
    ) throws(KinoraError) {
        self.store = store
        self.events = events
        self.onChange = onChange
        let snapshot = try Self.read(store)
        current = Guarded(snapshot)
        onChange(snapshot)
    }

    public var snapshot: Snapshot { current.withLock { $0 } }

    private static func read(_ store: Store) throws(KinoraError) -> Snapshot {
        // The version first: a change in between makes the next look read again.
        let version = try store.configVersion()
        let keys = try store.keys()
        return Snapshot(
            version: version, keys: Dictionary(keys.map { ($0.publicID, $0) }) { $1 },
            models: Dictionary(try store.models().map { ($0.id, $0) }) { $1 },
            settings: try store.settings(), vendorsServed: try store.vendorsServed())
    }

    public func start() throws(KinoraError) {
        let started = try Thread { [self] in
            while !isStopping.load(ordering: .acquiring) {
                _ = changed.wait(for: .seconds(1))
                refresh()
            }
        }
        thread.withLock { $0 = started }
    }

    public func stop() {
        isStopping.store(true, ordering: .releasing)
        changed.raise()
        _ = thread.withLock { $0 }?.join(until: .now + .seconds(2))
    }

    /// Somebody changed something: look now rather than within a second.
    public func noteChange() { changed.raise() }

    private func refresh() {
        do throws(KinoraError) {
            guard try store.configVersion() != snapshot.version else { return }
            let fresh = try Self.read(store)
            current.withLock { $0 = fresh }
            onChange(fresh)
            events.emit(.configurationLoaded(keys: fresh.keys.count, models: fresh.models.count))
        } catch {
            // What is known stays known while the database is away.
            if error.code != .databaseAway { events.emit(.fault("configuration refresh", error)) }
        }
    }
}
