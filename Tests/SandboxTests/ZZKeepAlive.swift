import Core
import Foundation
import Testing

@testable import Sandbox

@Test(.enabled(if: ProcessInfo.processInfo.environment["SBX_KEEP"] != nil)) func keepAlive() throws {
    let server = try SandboxServer(
        SandboxOptions(socketPath: "/tmp/sbx/s.sock", renderDirectory: "/tmp/sbx/rendered"))
    try server.start()
    while FileManager.default.fileExists(atPath: "/tmp/sbx/keep") { usleep(100_000) }
    #expect(server.drain(within: .seconds(5)))
}
