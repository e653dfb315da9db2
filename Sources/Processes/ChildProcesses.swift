public import Core
import Glibc
import Synchronization

/// How a program ended.
public struct ChildExit: Sendable {
    /// The exit code; 128 plus the signal when a signal ended it.
    public let code: Int32
    /// The last of what it wrote.
    public let text: String
    public let isTimedOut: Bool
}

/// Runs programs by their argument vector, never through a shell: without input, with a time limit. All of
/// them can be ended at once.
public final class ChildProcesses: Sendable {
    /// What of a program is read; the other goes nowhere.
    public enum Stream: Int32, Sendable {
        case output = 1
        case errors = 2
    }

    /// What a program may use. One that takes more processor time is killed, whose exit code is then 137.
    public struct Bounds: Sendable {
        public let memoryBytes: Int
        public let processorSeconds: Int

        public init(memoryBytes: Int, processorSeconds: Int) {
            self.memoryBytes = memoryBytes
            self.processorSeconds = processorSeconds
        }
    }

    private struct Running: Sendable {
        var pids: Set<pid_t> = []
        var isClosed = false
    }

    /// Also held while a program starts, so that none comes behind `close`.
    private let running = Mutex(Running())
    /// Most bytes that are kept of what a program writes.
    private static let textBytesMax = 4096
    /// The exit codes of prlimit and of the dynamic loader for a program that is not there or cannot run.
    private static let notStarted: Set<Int32> = [126, 127]
    /// Nothing else of this process's environment, which may hold secrets.
    private static let environment = [
        "PATH=\(getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin")",
        "LC_ALL=C.UTF-8", "AV_LOG_FORCE_NOCOLOR=1",
    ]

    /// Added to this process's own.
    private let niceness: Int32

    public init(niceness: Int32 = 0) { self.niceness = niceness }

    /// Kills what runs and refuses what comes.
    public func close() {
        running.withLock { running in
            running.isClosed = true
            for pid in running.pids { kill(pid, SIGKILL) }
        }
    }

    /// Runs a program to its end. The first argument is its name, looked up in PATH. Throws `internalFault`
    /// when it cannot be started, and `shuttingDown` when `close` has come in between.
    public func run(
        _ arguments: [String], limit: Duration, within bounds: Bounds? = nil,
        reading stream: Stream = .errors
    ) throws(KinoraError) -> ChildExit {
        let limiting = bounds.map(Self.limiting) ?? []
        let (pid, end) = try start(limiting + arguments, stream)
        let deadline = ContinuousClock.now + limit
        var text: [UInt8] = []
        let isTimedOut = !Self.collect(from: end, into: &text, until: deadline)
        Glibc.close(end)
        if isTimedOut { kill(pid, SIGKILL) }
        // The number must not be free for another process while `close` may still send it a signal.
        var info = siginfo_t()
        while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        let isClosed = running.withLock { running in
            running.pids.remove(pid)
            return running.isClosed
        }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7F
        guard signal == 0 || !isClosed else { throw KinoraError(.shuttingDown) }
        let code = signal == 0 ? status >> 8 & 0xFF : 128 + signal
        let said = String(decoding: text, as: UTF8.self)
        if !limiting.isEmpty, Self.notStarted.contains(code) {
            throw KinoraError(.internalFault, detail: "cannot start \(arguments[0]): exit \(code) \(said)")
        }
        return ChildExit(code: code, text: said, isTimedOut: isTimedOut)
    }

    /// What sets the limits and becomes the program: set from here, they may come too late.
    private static func limiting(to bounds: Bounds) -> [String] {
        let (memory, seconds) = (
            mostOf(bounds.memoryBytes, RLIMIT_DATA), mostOf(bounds.processorSeconds, RLIMIT_CPU)
        )
        return ["prlimit", "--data=\(memory)", "--cpu=\(seconds)"]
    }

    /// Nobody may have more than this process itself.
    private static func mostOf(_ wanted: Int, _ resource: __rlimit_resource) -> UInt64 {
        var own = rlimit()
        guard getrlimit(__rlimit_resource_t(resource.rawValue), &own) == 0 else { return UInt64(wanted) }
        return min(UInt64(wanted), UInt64(own.rlim_max))
    }

    /// Reads what a program writes to its end, which is also the end of the program. False when the time was
    /// over.
    private static func collect(
        from descriptor: Int32, into text: inout [UInt8], until deadline: ContinuousClock.Instant
    ) -> Bool {
        var buffer = [UInt8](repeating: 0, count: textBytesMax)
        // Whoever was held up looks once more: at the last words, and at the end behind them.
        var looksLeft = 2
        while true {
            let left = max(ContinuousClock.now.duration(to: deadline).microseconds / 1000, 0)
            if left == 0 {
                guard looksLeft > 0 else { return false }
                looksLeft -= 1
            }
            var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&item, 1, Int32(clamping: left)) > 0 else { continue }
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return true }
            text = (text + buffer[..<count]).suffix(textBytesMax)
        }
    }

    private func start(
        _ arguments: [String], _ stream: Stream
    ) throws(KinoraError) -> (pid: pid_t, end: Int32) {
        try running.withLock { (running) throws(KinoraError) in
            guard !running.isClosed else { throw KinoraError(.shuttingDown) }
            let (reading, writing) = try Spawn.pipe()
            defer { Glibc.close(writing) }
            do throws(KinoraError) {
                let pid = try Spawn.program(
                    arguments, environment: Self.environment, output: stream == .output ? writing : nil,
                    errors: stream == .errors ? writing : nil)
                running.pids.insert(pid)
                if niceness != 0 {
                    _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(pid), niceness)
                }
                return (pid, reading)
            } catch {
                Glibc.close(reading)
                throw error
            }
        }
    }
}
