import Core
import Foundation
import Glibc
import Synchronization

/// A program that runs beside the test: its log lines, and its end.
final class Program: Sendable {
    private let process: Process
    private let log = Box<[String]>([])
    private let logHasGrown = Signal()
    private let hasEnded = Signal()

    init(_ path: String, _ arguments: [String], environment: [String: String]) throws {
        process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        let pipe = Pipe.own()
        process.standardError = pipe
        let hasEnded = hasEnded
        process.terminationHandler = { _ in hasEnded.raise() }
        try process.runAlone()
        Reaper.shared.watch(processID)
        let reading = pipe.fileHandleForReading
        _ = try Core.Thread { [log, logHasGrown] in
            var rest: [UInt8] = []
            while case let data = reading.availableData, !data.isEmpty {
                rest += data
                while let end = rest.firstIndex(of: 0x0A) {
                    let line = String(decoding: rest[..<end], as: UTF8.self)
                    log.change { $0.append(line) }
                    rest.removeSubrange(...end)
                }
                logHasGrown.raise()
            }
        }
    }

    var processID: Int32 { process.processIdentifier }
    var isRunning: Bool { !hasEnded.wait(until: .now, clearing: false) }
    var lines: [String] { log.value }

    func signal(_ number: Int32) { if isRunning { kill(processID, number) } }

    /// Waits for a log line with this text.
    @discardableResult
    func line(containing text: String, within limit: Duration = .seconds(20)) throws -> String {
        let deadline = ContinuousClock.now + limit
        while true {
            if let line = lines.first(where: { $0.contains(text) }) { return line }
            guard isRunning, ContinuousClock.now < deadline else {
                throw TimeIsUp(description: "no line with '\(text)' in:\n\(lines.joined(separator: "\n"))")
            }
            _ = logHasGrown.wait(until: min(deadline, .now + .milliseconds(200)))
        }
    }

    /// The exit status, 128 + n after signal n; nil when the program still runs.
    func end(within limit: Duration = .seconds(20)) -> Int32? {
        guard hasEnded.wait(until: .now + limit, clearing: false) else { return nil }
        Reaper.shared.forget(processID)
        return process.terminationReason == .exit
            ? process.terminationStatus : 128 + process.terminationStatus
    }

    /// Ends it without asking, and waits until it is gone.
    func kill9() {
        signal(SIGKILL)
        _ = end()
    }
}

/// Kills what a test process leaves behind when it is killed itself: a shell that waits for the end of its
/// input.
final class Reaper: Sendable {
    static let shared = Reaper()

    private let input: FileHandle?

    private init() {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/bash")
        process.arguments = [
            "-c",
            """
            trap '' INT TERM HUP
            declare -A watched
            while read -r sign pid; do
                if [[ $sign == + ]]; then watched[$pid]=1; else unset "watched[$pid]"; fi
            done
            for pid in "${!watched[@]}"; do kill -KILL "$pid"; done 2>/dev/null
            """,
        ]
        let pipe = Pipe.own()
        process.standardInput = pipe
        input = (try? process.runAlone()).map { pipe.fileHandleForWriting }
    }

    func watch(_ pid: Int32) { try? input?.write(contentsOf: Data("+ \(pid)\n".utf8)) }
    func forget(_ pid: Int32) { try? input?.write(contentsOf: Data("- \(pid)\n".utf8)) }
}

/// One at a time: a program that inherited the pipe of another test's program would keep that test waiting
/// for its end.
private let spawning = Mutex(())

extension Process {
    func runAlone() throws { try spawning.withLock { _ in try run() } }
}

extension Pipe {
    /// A pipe that only the program it is given to inherits.
    static func own() -> Pipe {
        spawning.withLock { _ in
            let pipe = Pipe()
            for handle in [pipe.fileHandleForReading, pipe.fileHandleForWriting] {
                _ = fcntl(handle.fileDescriptor, F_SETFD, FD_CLOEXEC)
            }
            return pipe
        }
    }
}

/// What a program that ran to its end has left.
struct Finished: Sendable {
    let status: Int32
    let output: [UInt8]
    let errors: String

    var text: String { String(decoding: output, as: UTF8.self) }
    var json: JSON { (try? JSONParser.parse(output)) ?? .null }
}

/// Runs a program to its end.
func run(
    _ path: String, _ arguments: [String], environment: [String: String]? = nil, input: [UInt8] = []
) throws -> Finished {
    let process = Process()
    process.executableURL = URL(filePath: path)
    process.arguments = arguments
    if let environment { process.environment = environment }
    // A file, since a pipe would block whoever writes first and reads later.
    let file = try Folder()
    try Data(input).write(to: URL(filePath: "\(file.path)/input"))
    process.standardInput = try FileHandle(forReadingFrom: URL(filePath: "\(file.path)/input"))
    let (output, errors) = (Pipe.own(), Pipe.own())
    process.standardOutput = output
    process.standardError = errors
    let hasEnded = Signal()
    process.terminationHandler = { _ in hasEnded.raise() }
    try process.runAlone()
    let errorText = Box("")
    let reading = errors.fileHandleForReading
    let reader = try Core.Thread {
        let data = reading.readDataToEndOfFile()
        errorText.change { $0 = String(decoding: data, as: UTF8.self) }
    }
    let bytes = Array(output.fileHandleForReading.readDataToEndOfFile())
    _ = reader.join(until: .now + .seconds(60))
    guard hasEnded.wait(for: .seconds(60)) else { throw TimeIsUp(description: "\(path) does not end") }
    let status =
        process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
    return Finished(status: status, output: bytes, errors: errorText.value)
}

/// A folder of its own below /tmp, short enough for sockets; removed with the object.
final class Folder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/kn-gw-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failed("mkdtemp: \(errno)") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
