import Core
import Foundation
import Store
import Synchronization
import TestSupport
import Testing
import Upstream

@testable import Engine

/// A gateway and as many workers as a test wants, on the test's own database, before a scripted vendor. Each
/// worker has what a process of its own would have: a store, wake-ups, a snapshot.
final class Stage: Sendable {
    let database = TestDatabase.current
    let folder: Folder
    let media: any MediaStore
    let clock = ManualClock()
    let events = EventLog()
    let vault: Vault
    let vendor = ScriptedVendor()
    let store: Store
    let cache: SnapshotCache
    let wakeups: Wakeups
    let gateway: Gateway
    let caller: Caller
    private let workers = Mutex<[Worker]>([])

    /// One account for each number of slots. `isNotifying` false: nobody sends or hears a NOTIFY.
    /// `references` fetches what clients name by address.
    init(
        slots: [Int] = [4], isNotifying: Bool = true, keptAtLeast: Duration = .seconds(60),
        references: (any Transport)? = nil, bridge: BridgeLine? = nil,
        _ store: (DiskMedia) throws -> any MediaStore = { $0 }
    ) throws {
        folder = try Folder()
        var media = folder.media
        media.keptAtLeast = keptAtLeast
        self.media = try store(media)
        vault = try Vault(masterKey: [UInt8](repeating: 7, count: 32))
        caller = try database.caller()
        self.store = database.store(connectionsMax: 4)
        for (index, slots) in slots.enumerated() {
            _ = try Self.addAccount("account \(index + 1)", slots: slots, self.store, vault)
        }
        cache = try SnapshotCache(self.store, events: events)
        wakeups = Wakeups(self.store, isNotifying: isNotifying)
        gateway = Gateway(
            store: self.store, cache: cache, media: self.media, vault: vault, wakeups: wakeups,
            references: references ?? vendor, clock: clock, events: events, bridge: bridge)
        try cache.start()
        try wakeups.start()
        try gateway.start()
    }

    deinit {
        vendor.release()
        for worker in workers.withLock({ $0 }) { _ = worker.drain(within: .seconds(2)) }
        wakeups.stop()
        gateway.stop()
        gateway.settle()
        cache.stop()
    }

    /// Waits until the gateway knows what the test has changed.
    func refresh(
        until isKnown: (Snapshot) -> Bool, at location: SourceLocation = #_sourceLocation
    ) throws {
        cache.noteChange()
        try #require(eventually { isKnown(cache.snapshot) }, sourceLocation: location)
    }

    static func credential(_ account: String) -> String { "key-of-\(account)-0f1e2d3c" }

    static func addAccount(_ name: String, slots: Int, _ store: Store, _ vault: Vault) throws -> Int64 {
        try store.addAccount(
            vendor: "openai", name: name, baseURL: "https://vendor.example/v1", region: "", slots: slots
        ) { row throws(KinoraError) in
            try vault.seal(Secret(credential(name)), table: "account", row: row, column: "credential_sealed")
        }
    }

    /// A started worker with a process's parts of its own, but for the memory of tasks: it is told at once.
    func worker(
        callsMax: Int = 1000, settlers: Int = 32, isNotifying: Bool = true, publicBase: String? = nil,
        pollInterval: Duration = .seconds(1), lockTimeoutSeconds: Int = 60
    ) throws -> Worker {
        let store = database.store(connectionsMax: 8, lockTimeoutSeconds: lockTimeoutSeconds)
        let wakeups = Wakeups(store, isNotifying: isNotifying, recent: wakeups.recent)
        var options = Worker.Options()
        options.callsMax = callsMax
        options.settlers = settlers
        options.publicBase = publicBase
        options.pollInterval = pollInterval
        let gateway = gateway
        let worker = try Worker(
            store: store, cache: try SnapshotCache(store, events: events), media: media, vault: vault,
            transport: vendor, wakeups: wakeups, clock: clock, events: events, options: options
        ) { gateway.noteFinished($0) }
        try worker.start()
        workers.withLock { $0.append(worker) }
        return worker
    }

    /// The gateway of another process.
    func neighbour() throws -> Gateway {
        Gateway(
            store: database.store(), cache: try SnapshotCache(store, events: events), media: media,
            vault: vault, wakeups: Wakeups(store), references: vendor, clock: clock, events: events)
    }

    /// The only worker; nil when there is none or more than one.
    var theWorker: Worker? { workers.withLock { $0.count == 1 ? $0[0] : nil } }

    /// As `kill -9` leaves it: no heartbeat, nothing given back, long enough ago for the others to notice.
    func kill(_ worker: Worker) throws {
        worker.isStopping.store(true, ordering: .releasing)
        worker.pulse.stop()
        worker.wakeups.work.raise()
        worker.holdings.news.raise()
        worker.inbox.close()
        // A dead process reads no answers: none of its threads may be left to do so.
        for thread in worker.threads.withLock({ $0 }) { _ = thread.join(until: .now + patience) }
        workers.withLock { workers in workers.removeAll { $0 === worker } }
        try database.sql(
            "UPDATE worker SET heartbeat_at = now() - interval '1 minute' WHERE id = \(worker.pulse.worker)")
    }

    /// A condition on rows of `task`.
    func isTask(_ id: TaskID) -> String { "id = (SELECT task_id FROM task_input WHERE uid = '\(id)')" }

    /// What a client would get for it.
    @discardableResult
    func submit(
        _ prompt: String = "a quiet harbour", _ change: (inout Submission) -> Void = { _ in }
    ) throws -> MediaTask {
        var submission = Submission(dialect: "test", model: "sora-2", kind: .video, prompt: prompt)
        change(&submission)
        guard case .accepted(let task) = try perform(.submit(submission)) else {
            throw KinoraError(.internalFault, detail: "not accepted")
        }
        return task
    }

    func perform(
        _ command: Command, as other: Caller? = nil, mayWait: Bool = true,
        while isWanted: @escaping () -> Bool = { true }
    ) throws(KinoraError) -> Outcome {
        try gateway.perform(command, for: other ?? caller, .init(mayWait: mayWait, isWanted: isWanted))
    }

    /// The task as its owner sees it now.
    func task(_ id: TaskID) throws -> MediaTask? { try store.task(TaskReference(id), of: caller) }

    /// A task that a worker has finished.
    func finished(
        _ prompt: String = "a quiet harbour", _ change: (inout Submission) -> Void = { _ in }
    ) throws -> MediaTask {
        let task = try submit(prompt, change)
        let end = events.end(of: task.id)
        guard end?.state == .succeeded, let done = try self.task(task.id) else {
            throw KinoraError(.internalFault, detail: "it ended as \(String(describing: end))")
        }
        return done
    }

    private var restingRows: String {
        "{\(workers.withLock { $0.flatMap(\.holdings.resting) }.map(String.init).joined(separator: ","))}"
    }

    /// How many tasks of which `condition` is true rest at a worker until their next look.
    func resting(_ condition: String = "true") throws -> Int {
        try database.count("task WHERE id = ANY ('\(restingRows)') AND \(condition)")
    }

    /// Has every resting task looked at now, so that no test waits for a pace that it does not test.
    func hurry() throws {
        try database.sql(
            """
            UPDATE task SET due_at = now()
            WHERE state IN ('running', 'storing') AND (worker_id IS NULL OR id = ANY ('\(restingRows)'))
            """)
    }

    /// Has a task looked at until it has ended. Its worker learns of times that a test has changed in the
    /// database when it claims the task anew.
    func hurry(until id: TaskID) throws {
        let hasEnded = try eventually {
            try hurry()
            return events.all.contains { if case .taskFinished(id, _, _, _, _) = $0 { true } else { false } }
        }
        guard hasEnded else { throw KinoraError(.internalFault, detail: "it does not end") }
    }

    /// The attempts of all tasks: number, account, outcome, oldest first.
    func attempts() throws -> [[String?]] {
        try database.sql("SELECT number, account_id, outcome FROM attempt ORDER BY task_id, number")
    }
}

/// A media and a spool directory, removed with the object.
final class Folder: Sendable {
    let path = NSTemporaryDirectory() + "kn-engine-" + UUID().uuidString.prefix(8)

    init() throws {
        for name in ["media", "spool"] {
            try FileManager.default.createDirectory(
                atPath: "\(path)/\(name)", withIntermediateDirectories: true)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var media: DiskMedia {
        DiskMedia(directory: path + "/media", spool: MediaSpool(directory: path + "/spool"))
    }

    /// Files below a directory, as paths relative to it.
    func files(_ name: String) -> [String] {
        let all =
            FileManager.default.enumerator(atPath: "\(path)/\(name)")?.compactMap { $0 as? String } ?? []
        return all.filter { $0.contains(".") || name == "spool" }.sorted()
    }

    @discardableResult
    func write(_ bytes: [UInt8], to name: String) throws -> String {
        let file = "\(path)/\(name)"
        try Data(bytes).write(to: URL(filePath: file))
        return file
    }

    /// Puts a file where a directory was, so that nobody, root included, can write there. What it gives
    /// undoes that.
    func block(_ name: String) throws -> () throws -> Void {
        let path = "\(path)/\(name)"
        try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
        try Data().write(to: URL(filePath: path))
        return {
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.moveItem(atPath: path + ".away", toPath: path)
        }
    }

    func bytes(_ file: String) -> [UInt8]? { FileManager.default.contents(atPath: file).map(Array.init) }
}

/// An answer of another kind than the test asked for.
struct Unexpected: Error {
    let what: String
    init(_ what: String) { self.what = what }
}
