import Core
import Dialects
import Engine
import FastCGI
import Glibc
import Store
import Upstream

/// A running `serve`, `work` or `all`: the parts, how they hang together, and in which order they start and
/// stop.
final class Service {
    struct Roles {
        var isServing: Bool
        var isWorking: Bool
    }

    private let configuration: Configuration
    private let journal: Journal
    private let readiness = Readiness()
    private let cache: SnapshotCache
    private let wakeups: Wakeups
    private let listener: Listener
    private let gateway: Gateway
    private var servers: [Server] = []
    private var worker: Worker?
    private var courier: Courier?
    private var creditRound: CreditRound?
    /// To vendors and receivers of webhooks.
    private let transport: CurlTransport
    /// To the bucket, where there is one.
    private let mediaTransport: CurlTransport?
    /// To the bridge, where there is one.
    private let bridgeTransport: CurlTransport?
    /// To what clients name. It has connections of its own: one that the operator allowed for a vendor must
    /// not lead a client there.
    private let referenceTransport: CurlTransport

    init(_ roles: Roles, _ configuration: Configuration, events: any EventSink) throws(KinoraError) {
        self.configuration = configuration
        let database = configuration.database
        let store = Store(database)
        let journal = Journal(store, echo: events)
        let cache = try SnapshotCache(store, events: journal) { journal.heed($0.settings) }
        let wakeups = Wakeups(store, isNotifying: configuration.isNotifying)
        let bucket = try configuration.bucketMedia(SystemClock())
        let media: any MediaStore = bucket?.media ?? configuration.disk
        let vault = try Vault(masterKey: try configuration.masterKey())
        for directory in [
            configuration.mediaDirectory, configuration.spoolDirectory, configuration.socketDirectory,
        ] {
            try makeDirectory(directory)
        }
        removeStaleFiles(in: configuration.spoolDirectory)
        self.journal = journal
        self.cache = cache
        self.wakeups = wakeups
        mediaTransport = bucket?.transport
        let transport = try configuration.transport()
        self.transport = transport
        let references = try configuration.transport(configuration.referenceGuard)
        referenceTransport = references
        let bridge = roles.isServing ? try configuration.bridge() : nil
        bridgeTransport = bridge?.transport
        gateway = Gateway(
            store: store, cache: cache, media: media, vault: vault, wakeups: wakeups,
            references: references, clock: SystemClock(), events: journal,
            waitersMax: max(1, configuration.slowThreads / 2),
            followersMax: max(1, configuration.relayThreads / 2),
            lines: CurlLines(configuration.curlOptions(configuration.egressGuard)), bridge: bridge?.line)
        let channels =
            configuration.isNotifying
            ? [Listener.configChannel] + (roles.isServing ? [Listener.taskChannel] : []) : []
        let gateway = gateway
        listener = try Listener(
            database, channels: channels, onSilence: { gateway.noteSilence() }
        ) { heard in
            switch heard.channel {
            case Listener.configChannel: cache.noteChange()
            default: gateway.noteChanges(heard.payload)
            }
        }
        if roles.isServing { servers = try makeServers() }
        if roles.isWorking { try makeWorker(store, media, vault) }
    }

    /// Hears what happens to the whole process.
    var events: any EventSink { journal }

    private func makeServers() throws(KinoraError) -> [Server] {
        func server(_ pool: Responder.Pool, _ name: String, _ threads: Int) throws(KinoraError) -> Server {
            let options = Server.Options(
                socketPath: "\(configuration.socketDirectory)/\(name).sock", threads: threads)
            return try Server(options, handler: responder(pool))
        }
        var relay = Server.Options(
            socketPath: "\(configuration.socketDirectory)/relay.sock",
            threads: min(8, configuration.relayThreads))
        relay.threadsMax = configuration.relayThreads
        // nginx gives up on a reader that has stopped sooner than that, and then nobody is left to read.
        relay.peerSilenceSecondsMax = Limits.readerSilenceSecondsMax
        return [
            try server(.fast, "fast", configuration.fastThreads),
            try server(.slow, "slow", configuration.slowThreads),
            try Server(relay, handler: responder(.relay)),
        ]
    }

    func responder(_ pool: Responder.Pool) -> Responder {
        Responder(
            pool: pool, router: Router(Dialects.all, fallback: Dialects.all[0]), gateway: gateway,
            intake: Intake(spoolDirectory: configuration.spoolDirectory), readiness: readiness,
            journal: journal, origin: configuration.origin)
    }

    private func makeWorker(_ store: Store, _ media: any MediaStore, _ vault: Vault) throws(KinoraError) {
        let courier = Courier(
            store: store, vault: vault, transport: transport, clock: SystemClock(), events: journal)
        var workerOptions = Worker.Options()
        workerOptions.callsMax = configuration.callsMax
        workerOptions.publicBase = configuration.publicBase
        let gateway = gateway
        worker = try Worker(
            store: store, cache: cache, media: media, vault: vault, transport: transport, wakeups: wakeups,
            clock: SystemClock(), events: journal, options: workerOptions
        ) {
            gateway.noteFinished($0)
            courier.noteFinished()
        }
        creditRound = CreditRound(
            store: store, cache: cache,
            inspection: AccountInspection(
                store: store, vault: vault, transport: transport, events: journal), events: journal)
        self.courier = courier
    }

    func start() throws(KinoraError) {
        try journal.start()
        try cache.start()
        try wakeups.start()
        try listener.start()
        try gateway.start()
        try transport.start()
        try mediaTransport?.start()
        try bridgeTransport?.start()
        try referenceTransport.start()
        try worker?.start()
        try courier?.start()
        try creditRound?.start()
        for server in servers { try server.start() }
    }

    /// Accepted requests finish, submits under way are answered, leases go back. True when nothing was cut
    /// off.
    func drain() -> Bool {
        readiness.noteDraining()
        worker?.beginDrain()
        gateway.stop()
        let deadline = ContinuousClock.now + .seconds(Limits.drainSecondsMax)
        gateway.cutOffRelays(at: deadline - .seconds(2))
        var isClean = true
        for server in servers { server.close() }
        for server in servers where !server.drain(within: ContinuousClock.now.duration(to: deadline)) {
            isClean = false
        }
        if let worker, !worker.drain(within: ContinuousClock.now.duration(to: deadline)) { isClean = false }
        gateway.settle()
        courier?.stop()
        creditRound?.stop()
        transport.stop()
        mediaTransport?.stop()
        bridgeTransport?.stop()
        referenceTransport.stop()
        listener.stop()
        wakeups.stop()
        cache.stop()
        journal.emit(.stopped(clean: isClean))
        journal.stop()
        return isClean
    }
}

extension Configuration {
    var database: DatabaseOptions {
        var options = DatabaseOptions(url: databaseURL, role: databaseRole.isEmpty ? nil : databaseRole)
        options.connectionsMax = databaseConnectionsMax
        return options
    }

    /// `publicURL` without a trailing slash; nil when there is none.
    var origin: String? {
        var base = Substring(publicURL)
        while base.hasSuffix("/") { base = base.dropLast() }
        return base.isEmpty ? nil : String(base)
    }

    /// Where vendors reach this instance; nil when there is no public https address.
    var publicBase: String? { origin.flatMap { $0.hasPrefix("https://") ? $0 : nil } }

    var egressGuard: EgressGuard { EgressGuard(exceptions: Set(egressAllow)) }
    /// Clients name media, which lie at the web's ports. At others they could find out what listens there, or
    /// make it act.
    var referenceGuard: EgressGuard {
        EgressGuard(exceptions: Set(referenceAllow), ports: EgressGuard.webPorts)
    }

    /// Everything that goes to vendors and receivers goes through one such.
    func transport() throws(KinoraError) -> CurlTransport {
        try transport(egressGuard)
    }

    func transport(_ egress: EgressGuard) throws(KinoraError) -> CurlTransport {
        try CurlTransport(curlOptions(egress))
    }

    func curlOptions(_ egress: EgressGuard) -> CurlTransport.Options {
        var options = CurlTransport.Options()
        options.caBundlePath = caBundlePath.isEmpty ? nil : caBundlePath
        options.egress = egress
        return options
    }

    /// Reads the master key. Throws `configuration` when the file is missing, readable for others, or
    /// malformed.
    func masterKey() throws(KinoraError) -> [UInt8] {
        let text = try readSecretFile(
            masterKeyPath, of: "KINORA_MASTER_KEY_FILE",
            advice: "Make one with: openssl rand -hex 32 > FILE; chmod 600 FILE")
        guard let key = Hex.bytes(text.revealed().trimmedText), key.count == 32 else {
            throw KinoraError(.configuration, "\(masterKeyPath) must hold 64 hex digits.")
        }
        return key
    }
}
