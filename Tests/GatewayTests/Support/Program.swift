import Core
import Glibc
import TestSupport

/// A program that runs beside the test: its log lines, and its end.
final class Program: Sendable {
    private let child: Child
    private let log = Box<[String]>([])
    private let logHasGrown = Signal()
    private let reader: Core.Thread

    init(_ path: String, _ arguments: [String], environment: [String: String]) throws {
        let pipe = try Pipe()
        child = try Child([path] + arguments, environment: environment, errors: pipe.writing)
        pipe.closeWriting()
        Reaper.shared.watch(child.processID)
        reader = try Core.Thread { [log, logHasGrown] in
            var rest: [UInt8] = []
            while case let bytes = pipe.readSome(), !bytes.isEmpty {
                rest += bytes
                while let end = rest.firstIndex(of: 0x0A) {
                    let line = String(decoding: rest[..<end], as: UTF8.self)
                    log.change { $0.append(line) }
                    rest.removeSubrange(...end)
                }
                logHasGrown.raise()
            }
        }
    }

    var processID: Int32 { child.processID }
    var isRunning: Bool { child.isRunning }
    var lines: [String] { log.value }

    func signal(_ number: Int32) { child.signal(number) }

    /// Waits for a log line with this text.
    @discardableResult
    func line(containing text: String, within limit: Duration = patience) throws -> String {
        let deadline = ContinuousClock.now + limit
        while true {
            // What is asked before was written before.
            let mayGrow = isRunning && ContinuousClock.now < deadline
            if !mayGrow { _ = reader.join(until: .now + .seconds(isRunning ? 0 : 10)) }
            if let line = lines.first(where: { $0.contains(text) }) { return line }
            guard mayGrow else {
                throw TimeIsUp(description: "no line with '\(text)' in:\n\(lines.joined(separator: "\n"))")
            }
            _ = logHasGrown.wait(until: min(deadline, .now + .milliseconds(200)))
        }
    }

    /// The exit status, 128 + n after signal n; nil when the program still runs.
    func end(within limit: Duration = patience) -> Int32? {
        guard let status = child.end(within: limit) else { return nil }
        // Its last lines are still on their way.
        _ = reader.join(until: .now + patience)
        Reaper.shared.forget(processID)
        return status
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

    private let input: Pipe?

    private static let script = """
        trap '' INT TERM HUP
        declare -A watched
        while read -r sign pid; do
            if [[ $sign == + ]]; then watched[$pid]=1; else unset "watched[$pid]"; fi
        done
        for pid in "${!watched[@]}"; do kill -KILL "$pid"; done 2>/dev/null
        """

    private init() {
        let pipe = try? Pipe()
        let shell = pipe.flatMap { try? Child(["/bin/bash", "-c", Self.script], input: $0.reading) }
        pipe?.closeReading()
        input = shell == nil ? nil : pipe
    }

    func watch(_ pid: Int32) { tell("+ \(pid)\n") }
    func forget(_ pid: Int32) { tell("- \(pid)\n") }

    private func tell(_ line: String) {
        if let input { _ = write(input.writing, line, line.utf8.count) }
    }
}
