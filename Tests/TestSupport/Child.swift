public import Core
import Glibc
import Processes
import Synchronization

/// A program that a test has started. Foundation's `Process` is not used: it hands the descriptors of one
/// program to another that starts at the same moment.
public final class Child: Sendable {
    public let processID: Int32
    private let exit: Exit

    /// How it ended, which its thread notes.
    private final class Exit: Sendable {
        struct State {
            var status: Int32?
            var cpuSeconds = 0.0
        }

        let state = Mutex(State())
        let isKnown = Signal()

        func wait(for pid: Int32) {
            var info = siginfo_t()
            while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
            // From here on the number may be another's, whom no signal must reach.
            state.withLock { state in
                var (status, usage): (Int32, rusage) = (0, rusage())
                var waited: Int32 = -1
                repeat { waited = wait4(pid, &status, 0, &usage) } while waited < 0 && errno == EINTR
                let signal = status & 0x7F
                // Whom somebody else has waited for ends with what no program ends with.
                state.status = waited != pid ? -1 : signal == 0 ? status >> 8 & 0xFF : 128 + signal
                state.cpuSeconds = [usage.ru_utime, usage.ru_stime].reduce(0) {
                    $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6
                }
            }
            isKnown.raise()
        }
    }

    /// - Parameters:
    ///   - arguments: The first is the program, looked up in PATH.
    ///   - environment: All of it; the test's own when there is none.
    ///   - input, output, errors: Its descriptors 0, 1 and 2; /dev/null where there is none.
    public init(
        _ arguments: [String], environment: [String: String]? = nil, input: Int32? = nil,
        output: Int32? = nil, errors: Int32? = nil
    ) throws {
        let variables = environment.map { $0.map { "\($0)=\($1)" } } ?? Self.ownEnvironment
        let pid = try Spawn.program(
            arguments, environment: variables, input: input, output: output, errors: errors)
        let exit = Exit()
        (processID, self.exit) = (pid, exit)
        _ = try Thread { exit.wait(for: pid) }
    }

    private static var ownEnvironment: [String] {
        var variables: [String] = []
        var next = environ
        while let text = next.pointee {
            variables.append(String(cString: text))
            next += 1
        }
        return variables
    }

    public var isRunning: Bool { exit.state.withLock { $0.status == nil } }

    public func signal(_ number: Int32) {
        exit.state.withLock { if $0.status == nil { kill(processID, number) } }
    }

    /// The exit status, 128 + n after signal n; nil when the program still runs.
    public func end(within limit: Duration) -> Int32? {
        _ = exit.isKnown.wait(for: limit, clearing: false)
        return exit.state.withLock { $0.status }
    }

    /// What it has used, user and system, once it has ended.
    public var cpuSeconds: Double { exit.state.withLock { $0.cpuSeconds } }
}

/// A pipe that no program inherits unless it is given an end of it. What is still open is closed with it.
public final class Pipe: Sendable {
    public let reading: Int32
    public let writing: Int32
    private let open: Mutex<(reading: Bool, writing: Bool)> = Mutex((true, true))

    public init() throws { (reading, writing) = try Spawn.pipe() }

    deinit {
        closeReading()
        closeWriting()
    }

    /// What is there, as soon as something is; empty at the end.
    public func readSome() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
            var got = 0
            repeat { got = read(reading, buffer.baseAddress, buffer.count) } while got < 0 && errno == EINTR
            count = max(0, got)
        }
    }

    /// Everything up to the end.
    public func readToEnd() -> [UInt8] {
        var bytes: [UInt8] = []
        while case let more = readSome(), !more.isEmpty { bytes += more }
        return bytes
    }

    public func closeReading() {
        open.withLock { open in
            if open.reading { close(reading) }
            open.reading = false
        }
    }

    public func closeWriting() {
        open.withLock { open in
            if open.writing { close(writing) }
            open.writing = false
        }
    }
}

/// What a program that ran to its end has left.
public struct Finished: Sendable {
    /// 128 + n after signal n.
    public let status: Int32
    public let output: [UInt8]
    public let errors: String
    public let cpuSeconds: Double

    public var text: String { String(decoding: output, as: UTF8.self) }
    public var json: JSON { (try? JSONParser.parse(output)) ?? .null }
}

/// A program could not be run to its end.
public struct ProgramFailed: Error, CustomStringConvertible {
    public let description: String
    public init(description: String) { self.description = description }
}

/// Runs a program, looked up in PATH, to its end.
public func run(
    _ program: String, _ arguments: [String], environment: [String: String]? = nil, input: [UInt8] = []
) throws -> Finished {
    // A file, since a pipe would block whoever writes first and reads later.
    guard let file = tmpfile() else { throw ProgramFailed(description: "tmpfile: \(errno)") }
    defer { fclose(file) }
    guard fwrite(input, 1, input.count, file) == input.count, fseek(file, 0, SEEK_SET) == 0 else {
        throw ProgramFailed(description: "no room for the input: \(errno)")
    }
    let output = try Pipe()
    let errors = try Pipe()
    let child = try Child(
        [program] + arguments, environment: environment, input: fileno(file), output: output.writing,
        errors: errors.writing)
    output.closeWriting()
    errors.closeWriting()
    let complaint = Happening<[UInt8]>()
    _ = try Thread { complaint.note(errors.readToEnd()) }
    let bytes = output.readToEnd()
    guard complaint.wait(within: .seconds(60), until: { !$0.isEmpty }),
        let status = child.end(within: .seconds(60))
    else { throw ProgramFailed(description: "\(program) does not end") }
    return Finished(
        status: status, output: bytes, errors: String(decoding: complaint.all[0], as: UTF8.self),
        cpuSeconds: child.cpuSeconds)
}
