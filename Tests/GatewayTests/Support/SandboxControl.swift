import Core
import TestSupport

/// The sandbox's control interface, straight over its socket.
struct SandboxControl: Sendable {
    let client: FastCGIClient

    init(socketPath: String) { client = FastCGIClient(socketPath: socketPath) }

    /// Films of a size and length are rendered once, tasks take `taskSeconds`.
    func hurry(taskSeconds: Double) throws {
        _ = try client.send(
            "POST", "/_sandbox/settings",
            json: ["render": "reuse", "task_seconds": .decimal(String(taskSeconds))])
    }

    func set(_ settings: JSON) throws {
        _ = try client.send("POST", "/_sandbox/settings", json: settings)
    }

    func arm(_ fault: JSON) throws { _ = try client.send("POST", "/_sandbox/faults", json: fault) }

    func reset() throws { _ = try client.send("DELETE", "/_sandbox") }

    func stats() throws -> JSON { try client.send("GET", "/_sandbox/stats").json }

    /// Tasks accepted since the last reset.
    func accepted() throws -> Int { Int(try stats()["accepted"]?.integerValue ?? -1) }
}
