import CProcesses
public import Core
import Glibc

/// Starts programs by their argument vector, never through a shell. They inherit the three descriptors they
/// are given and nothing else: whoever holds the end of another's pipe or socket by accident keeps its reader
/// waiting.
public enum Spawn {
    /// A pipe of which no program inherits an end that it is not given. The caller closes both.
    public static func pipe() throws(KinoraError) -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        guard kn_pipe(&ends) == 0 else { throw fault("pipe", errno) }
        return (ends[0], ends[1])
    }

    /// Starts a program and gives its process number. Signals are as if started from a shell, whatever this
    /// thread blocks and ignores; it leads a group of its own, so that Ctrl-C reaches its starter alone.
    /// - Parameters:
    ///   - arguments: The first is the program's name, looked up in this process's PATH, or its path.
    ///   - environment: All of it, `NAME=value` each.
    ///   - input, output, errors: What it has as descriptors 0, 1 and 2; without one it has /dev/null. Each
    ///     is its own number here or one above 2: the others are being replaced.
    public static func program(
        _ arguments: [String], environment: [String], input: Int32? = nil, output: Int32? = nil,
        errors: Int32? = nil
    ) throws(KinoraError) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, source) in [input, output, errors].enumerated() {
            let number = Int32(number)
            if let source {
                posix_spawn_file_actions_adddup2(&actions, source, number)
            } else {
                let mode = number == 0 ? O_RDONLY : O_WRONLY
                posix_spawn_file_actions_addopen(&actions, number, "/dev/null", mode, 0)
            }
        }
        _ = kn_close_from(&actions, 3)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
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

        let (vector, settings) = (copies(arguments), copies(environment))
        defer { for text in vector + settings { free(text) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, arguments[0], &actions, &attributes, vector, settings)
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
