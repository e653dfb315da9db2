import ArgumentParser
import Core
import FastCGI
import Glibc
import Sandbox

struct SandboxCommand: KinoraCommand {
    static let configuration = CommandConfiguration(
        commandName: "sandbox",
        abstract: "Play the vendors on this machine: real media, no account, faults on demand.")

    func perform() throws(KinoraError) {
        let configuration = Configuration.current()
        Server.limitAllocatorArenas()
        Termination.block()
        let events = EventLog(level: configuration.logLevel)
        try makeDirectory(configuration.socketDirectory)
        let server = try SandboxServer(
            SandboxOptions(
                socketPath: "\(configuration.socketDirectory)/sandbox.sock",
                renderDirectory: configuration.sandboxDirectory,
                taskSeconds: Double(configuration.sandboxTaskSeconds)))
        try server.start()
        events.emit(.started(verb: "sandbox"))
        Termination.notifyReady()
        events.emit(.stopping(reason: Termination.wait()))
        events.emit(.stopped(clean: server.drain(within: .seconds(Limits.drainSecondsMax))))
        Glibc.exit(0)
    }
}
