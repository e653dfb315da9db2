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

/// Runs programs by their argument vector, never through a shell: nice, without input, with a time limit. All
/// of them can be ended at once.
public final class ChildProcesses: Sendable {
    /// What of a program is read; the other goes nowhere.
    public enum Stream: Int32, Sendable {
        case output = 1
        case errors = 2
    }

    private struct Running: Sendable {
        var pids: Set<pid_t> = []
        var isClosed = false
    }

    /// Also held while a program starts: between `pipe` and its close-on-exec flags no other may be started,
    /// since it would inherit the pipe and keep it open.
    private let running = Mutex(Running())
    /// Most bytes that are kept of what a program writes.
    private static let textBytesMax = 4096

    public init() {}

    /// Kills what runs and refuses what comes.
    public func close() {
        running.withLock { running in
            running.isClosed = true
            for pid in running.pids { kill(pid, SIGKILL) }
        }
    }

    /// Runs a program to its end. The first argument is its name, looked up in PATH.
    public func run(
        _ arguments: [String], limit: Duration, reading stream: Stream = .errors
    ) throws(KinoraError) -> ChildExit {
        let (pid, end) = try start(arguments, stream)
        let deadline = ContinuousClock.now + limit
        var text: [UInt8] = []
        let isTimedOut = !Self.collect(from: end, into: &text, until: deadline)
        Glibc.close(end)
        if isTimedOut { kill(pid, SIGKILL) }
        // The number must not be free for another process while `close` may still send it a signal.
        var info = siginfo_t()
        while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        running.withLock { _ = $0.pids.remove(pid) }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7F
        return ChildExit(
            code: signal == 0 ? status >> 8 & 0xFF : 128 + signal,
            text: String(decoding: text, as: UTF8.self), isTimedOut: isTimedOut)
    }

    /// Reads what a program writes to its end, which is also the end of the program. False when the time was
    /// over.
    private static func collect(
        from descriptor: Int32, into text: inout [UInt8], until deadline: ContinuousClock.Instant
    ) -> Bool {
        var buffer = [UInt8](repeating: 0, count: textBytesMax)
        while true {
            let left = ContinuousClock.now.duration(to: deadline).microseconds / 1000
            guard left > 0 else { return false }
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
            var ends: [Int32] = [-1, -1]
            guard pipe(&ends) == 0 else { throw Self.fault("pipe", errno) }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            defer { Glibc.close(ends[1]) }
            do throws(KinoraError) {
                let pid = try Self.spawn(arguments, stream, into: ends[1])
                running.pids.insert(pid)
                // Rendering must not slow down what is being measured beside it.
                _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(pid), 10)
                return (pid, ends[0])
            } catch {
                Glibc.close(ends[0])
                throw error
            }
        }
    }

    private static func spawn(
        _ arguments: [String], _ stream: Stream, into end: Int32
    ) throws(KinoraError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        for other in [Stream.output, .errors] where other != stream {
            posix_spawn_file_actions_addopen(&actions, other.rawValue, "/dev/null", O_WRONLY, 0)
        }
        posix_spawn_file_actions_adddup2(&actions, end, stream.rawValue)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Signals as if started from a shell, whatever this thread blocks and ignores; and a group of its
        // own, so that Ctrl-C reaches the sandbox alone, which then ends its children in order.
        var none = sigset_t()
        sigemptyset(&none)
        var usual = sigset_t()
        sigfillset(&usual)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &usual)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags =
            Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETPGROUP)
        posix_spawnattr_setflags(&attributes, Int16(flags))

        // Nothing of this process's environment, which may hold secrets.
        let settings = ["PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", "AV_LOG_FORCE_NOCOLOR=1"]
        let vector = copies(arguments)
        let environment = copies(settings)
        defer { for text in vector + environment { free(text) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, arguments[0], &actions, &attributes, vector, environment)
        guard code == 0 else { throw fault(arguments[0], code) }
        return pid
    }

    /// C strings and the null pointer that ends them; the caller frees them.
    private static func copies(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
        texts.map { strdup($0) } + [nil]
    }

    private static func fault(_ what: String, _ code: Int32) -> KinoraError {
        KinoraError(.internalFault, detail: "cannot start \(what): \(String(cString: strerror(code)))")
    }
}
