import ArgumentParser
import Core
import FastCGI
import Glibc

struct Serve: KinoraCommand {
    static let configuration = CommandConfiguration(abstract: "Answer requests from nginx.")
    func perform() throws(KinoraError) {
        try runService(.init(isServing: true, isWorking: false), verb: "serve")
    }
}

struct Work: KinoraCommand {
    static let configuration = CommandConfiguration(abstract: "Run tasks at the vendors.")
    func perform() throws(KinoraError) {
        try runService(.init(isServing: false, isWorking: true), verb: "work")
    }
}

struct All: KinoraCommand {
    static let configuration = CommandConfiguration(abstract: "Serve and work in one process.")
    func perform() throws(KinoraError) {
        try runService(.init(isServing: true, isWorking: true), verb: "all")
    }
}

/// A relayed stream holds two or three descriptors, and what a service gets by default is 1,024. What runs
/// out of them would seem to be the vendors' fault.
private func allowAllDescriptors() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = max(limit.rlim_cur, min(limit.rlim_max, 65_536))
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}

/// Runs until a signal, then drains.
private func runService(_ roles: Service.Roles, verb: String) throws(KinoraError) {
    let configuration = try Configuration.current().validated()
    Server.limitAllocatorArenas()
    allowAllDescriptors()
    Termination.block()
    let service = try Service(roles, configuration, events: EventLog(level: configuration.logLevel))
    try service.start()
    service.events.emit(.started(verb: verb))
    Termination.notifyReady()
    service.events.emit(.stopping(reason: Termination.wait()))
    // Threads that did not finish in time must not keep the process.
    exit(service.drain() ? 0 : 1)
}
