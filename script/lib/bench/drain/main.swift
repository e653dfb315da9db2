// Drains the queue with Kinora's own worker before a vendor that answers from memory, for script/bench. No
// part of the product. Everything but the network is real: claims, the submit on record before the call, its
// answer, poll, result, settlement. Usage: drain TASKS MEDIA, with Kinora's settings in the environment.
// Prints one line of JSON.
import Core
import Engine
import Glibc
import Store
import Synchronization
import Upstream

/// OpenAI's videos API in memory: takes every task and has it done at the first poll.
struct InstantVendor: Transport {
    func send(
        _ call: HTTPCall, to account: VendorAccount, into sink: ReplySink,
        completion: @escaping @Sendable (Result<HTTPReply, TransportFailure>) -> Void
    ) {
        if case .file(let path, _) = sink {
            return completion(.success(HTTPReply(status: 200, fileBytes: film(call.url, path))))
        }
        let json: JSON =
            call.method == .post
            ? ["id": .string("video_\(TaskID.random())"), "status": "queued"]
            : ["status": "completed", "progress": 100]
        completion(.success(HTTPReply(status: 200, body: Array(json.text.utf8))))
    }

    /// Writes what passes for an MP4, a different one for each task. How many bytes.
    private func film(_ name: String, _ path: String) -> Int {
        let bytes = [0, 0, 0, 24] + Array("ftypmp42\0\0\0\0mp42isom \(name)".utf8)
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        defer { close(file) }
        return write(file, bytes, bytes.count)
    }
}

/// Counts how tasks ended, and shows what should not happen.
final class Tally: EventSink {
    let done = Atomic<Int>(0)
    let isDone = Signal()
    let expected: Int

    init(expecting tasks: Int) { expected = tasks }

    func emit(_ event: Event) {
        switch event {
        case .taskFinished(_, .succeeded, _, _, _):
            if done.add(1, ordering: .relaxed).newValue == expected { isDone.raise() }
        case .configurationLoaded, .taskSubmitted, .taskAccepted: break
        default: say("\(event)", to: STDERR_FILENO)
        }
    }
}

func say(_ text: String, to descriptor: Int32) {
    let line = Array("\(text)\n".utf8)
    _ = write(descriptor, line, line.count)
}

func setting(_ name: String) -> String { getenv(name).map { String(cString: $0) } ?? "" }

func masterKey() -> [UInt8] {
    var line = [CChar](repeating: 0, count: 128)
    guard let file = fopen(setting("KINORA_MASTER_KEY_FILE"), "r") else { return [] }
    defer { fclose(file) }
    fgets(&line, Int32(line.count), file)
    let text = String(decoding: line.prefix { $0 > 32 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return Hex.bytes(text) ?? []
}

/// Seconds until so many tasks have succeeded; nil when they did not within three minutes.
func drain(_ tasks: Int, into media: any MediaStore) throws(KinoraError) -> Double? {
    let store = Store(DatabaseOptions(url: Secret(setting("DATABASE_URL"))))
    let tally = Tally(expecting: tasks)
    let worker = try Worker(
        store: store, cache: try SnapshotCache(store, events: tally), media: media,
        vault: try Vault(masterKey: masterKey()), transport: InstantVendor(), wakeups: Wakeups(store),
        clock: SystemClock(), events: tally)
    let begin = ContinuousClock.now
    try worker.start()
    guard tally.isDone.wait(for: .seconds(180)) else { return nil }
    let seconds = begin.duration(to: .now).inSeconds
    _ = worker.drain(within: .seconds(5))
    return seconds
}

guard CommandLine.arguments.count == 3, let tasks = Int(CommandLine.arguments[1]) else { exit(2) }
let directory = CommandLine.arguments[2]
let media = DiskMedia(directory: directory + "/media", spool: MediaSpool(directory: directory + "/spool"))
do {
    guard let seconds = try drain(tasks, into: media) else { exit(1) }
    say("{\"seconds\": \(seconds)}", to: STDOUT_FILENO)
} catch {
    say("\(error)", to: STDERR_FILENO)
    exit(1)
}
