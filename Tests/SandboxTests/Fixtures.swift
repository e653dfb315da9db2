import Core
import Foundation
import Synchronization
import TestSupport

@testable import Sandbox

/// A clock that moves when told.
final class ManualClock: WallClock {
    private let time = Mutex(Timestamp(seconds: 1_767_000_000))
    var now: Timestamp { time.withLock { $0 } }
    func advance(by duration: Duration) { time.withLock { $0 = $0 + duration } }
}

extension Draft {
    static func sample(_ prompt: String = "a quiet harbour") -> Draft {
        Draft(model: "sora-2", prompt: prompt, seconds: 4, size: FrameSize(1280, 720))
    }
}

extension Owner {
    static let first = Owner(vendor: "openai", key: "sk-sandbox-one1")
    static let second = Owner(vendor: "openai", key: "sk-sandbox-two2")
}

/// A directory of its own, removed with the object.
final class Folder: Sendable {
    let path = NSTemporaryDirectory() + "kn-sandbox-" + UUID().uuidString.prefix(8)
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit {
        // A server's last thread may take its socket away at the same moment, which ends a removal half done.
        for _ in 0..<3 { try? FileManager.default.removeItem(atPath: path) }
    }
}

/// A sandbox on a socket of its own, with a client that has a good key.
struct LiveSandbox {
    let client: FastCGIClient
    let clock: ManualClock
    let server: SandboxServer
    let folder: Folder
    let log: LogLines

    /// A client that asks with these headers, at a vendor's own host.
    func client(with headers: [(String, String)]) -> FastCGIClient {
        var client = client
        client.headers = headers + [("Host", "vendor.example")]
        return client
    }

    /// The path of a file that an answer hands to nginx.
    func file(of reply: FastCGIReply) -> String? {
        reply["X-Accel-Redirect"].map { "\(folder.path)/films/\($0.dropFirst("/_rendered/".count))" }
    }

    func settings(_ json: JSON) throws { _ = try client.send("POST", "/_sandbox/settings", json: json) }

    func arm(_ json: JSON) throws -> FastCGIReply { try client.send("POST", "/_sandbox/faults", json: json) }

    func stats() throws -> JSON { try client.send("GET", "/_sandbox/stats").json }

    func submit(_ prompt: String = "a quiet harbour") throws -> FastCGIReply {
        try client.send("POST", "/openai/v1/videos", json: ["model": "sora-2", "prompt": JSON(prompt)])
    }

    /// Moves the clock past the task's time and polls until its film is rendered.
    func finish(_ id: String) throws -> JSON {
        clock.advance(by: .seconds(60))
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            let json = try client.send("GET", "/openai/v1/videos/\(id)").json
            let isFinal = ["completed", "failed"].contains(json["status"]?.stringValue)
            if isFinal || ContinuousClock.now > deadline { return json }
            usleep(20_000)
        }
    }
}

/// The first bytes of a PNG: as much of a picture as most vendors look at.
enum PictureHead {
    static let base64 = Core.Base64.encode([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0])
    static let dataURL: JSON = .string("data:image/png;base64," + base64)
}

final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
}

func withSandbox(
    render: SandboxSettings.Render = .none, threads: Int = 8, _ body: (LiveSandbox) throws -> Void
) throws {
    let folder = try Folder()
    let clock = ManualClock()
    let log = LogLines()
    let options = SandboxOptions(
        socketPath: "\(folder.path)/s.sock", renderDirectory: "\(folder.path)/films", threads: threads)
    let server = try SandboxServer(options, clock: clock) { log.add($0) }
    try server.start()
    defer { _ = server.drain(within: .seconds(10)) }
    var client = FastCGIClient(socketPath: options.socketPath)
    client.headers = [("Authorization", "Bearer sk-sandbox-one1")]
    let sandbox = LiveSandbox(client: client, clock: clock, server: server, folder: folder, log: log)
    if render != .prompt { try sandbox.settings(["render": JSON(render.rawValue)]) }
    try body(sandbox)
}

/// A multipart body of text fields and files.
func multipart(
    _ fields: [(String, String)], files: [(field: String, name: String, bytes: [UInt8])] = []
) -> FastCGIRequest {
    var body: [UInt8] = []
    for (name, value) in fields {
        body += Array("--b\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n".utf8)
    }
    for file in files {
        let disposition = "form-data; name=\"\(file.field)\"; filename=\"\(file.name)\""
        body += Array("--b\r\nContent-Disposition: \(disposition)\r\nContent-Type: text/plain\r\n\r\n".utf8)
        body += file.bytes + Array("\r\n".utf8)
    }
    body += Array("--b--\r\n".utf8)
    return FastCGIRequest(
        "POST", "/openai/v1/videos", headers: [("Content-Type", "multipart/form-data; boundary=b")],
        body: body)
}

/// Runs a program. Fails when the program does.
@discardableResult
func succeed(_ program: String, _ arguments: [String]) throws -> Finished {
    let finished = try run(program, arguments)
    guard finished.status == 0 else {
        throw ProgramFailed(description: "\(program) ended with \(finished.status): \(finished.errors)")
    }
    return finished
}
