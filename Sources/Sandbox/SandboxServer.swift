internal import FastCGI
import Glibc
public import Core

public struct SandboxOptions: Sendable {
    /// The Unix socket on which the sandbox speaks FastCGI; an nginx server of its own stands before it.
    public var socketPath: String
    /// Where rendered films are put, made when missing. nginx serves it as the internal location
    /// `/_rendered/`. Leftovers of an earlier run are removed from it.
    public var renderDirectory: String
    /// Requests answered at once. One that a fault holds occupies its thread.
    public var threads: Int
    /// The least time a task takes; `POST /_sandbox/settings` changes it for tasks that come.
    public var taskSeconds: Double

    public init(socketPath: String, renderDirectory: String, threads: Int = 16, taskSeconds: Double = 3) {
        self.socketPath = socketPath
        self.renderDirectory = renderDirectory
        self.threads = threads
        self.taskSeconds = taskSeconds
    }
}

/// The vendor sandbox: plays upstream vendors for tests, demonstrations and newcomers without an account. It
/// keeps its state in memory only.
public final class SandboxServer: Sendable {
    private let world: World
    private let server: Server

    /// Binds the socket and prepares the render directory. Throws `configuration`.
    public convenience init(_ options: SandboxOptions) throws(KinoraError) {
        try self.init(options, clock: SystemClock()) { line in
            let bytes = Array("kinora sandbox: \(line)\n".utf8)
            _ = write(STDERR_FILENO, bytes, bytes.count)
        }
    }

    init(
        _ options: SandboxOptions, clock: any WallClock, log: @escaping @Sendable (String) -> Void
    ) throws(KinoraError) {
        guard (0...86_400).contains(options.taskSeconds), options.threads > 0 else {
            throw KinoraError(
                .configuration, "The sandbox needs a thread, and a task time from 0 to 86400 seconds.")
        }
        let files = try FileStore(directory: options.renderDirectory)
        world = World(
            settings: SandboxSettings(taskSeconds: options.taskSeconds),
            studio: Studio(files: files, log: log),
            clock: clock)
        var serverOptions = Server.Options(socketPath: options.socketPath, threads: options.threads)
        serverOptions.copiesAllHeaders = true
        server = try Server(
            serverOptions,
            handler: Responder(world: world, intake: Intake(spoolDirectory: files.spoolDirectory)))
    }

    /// Starts answering and returns.
    public func start() throws(KinoraError) {
        try world.studio.start()
        try server.start()
    }

    /// Lets go of requests that faults hold, ends renderings, and lets the others finish. True when all did
    /// within the limit.
    public func drain(within limit: Duration) -> Bool {
        let deadline = ContinuousClock.now + limit
        world.stop()
        world.studio.stop()
        let areRequestsDone = server.drain(within: limit)
        return world.studio.join(until: deadline) && areRequestsDone
    }
}
