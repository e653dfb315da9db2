import Core
import FastCGI
import Foundation
import Synchronization
import TestSupport

@testable import FCGIApp

/// The three ways in. A scenario that holds for all of them holds for the application, its FastCGI server and
/// nginx.
enum Doorway: String, CaseIterable, Sendable, CustomStringConvertible {
    /// A responder inside the test process, on the instance's database.
    case inProcess
    /// The instance's Unix sockets, as nginx would speak to them.
    case fastcgi
    /// HTTPS through the instance's nginx.
    case nginx

    var description: String { rawValue }
}

/// One of the doorways, open. Sends with the instance's key unless the call has one of its own.
struct Gateway {
    let keys: Keyring
    private let perform: (Call) throws -> Reply

    fileprivate init(keys: Keyring, perform: @escaping (Call) throws -> Reply) {
        self.keys = keys
        self.perform = perform
    }

    func send(_ call: Call) throws -> Reply {
        let hasKey = call.headers.contains { ["Authorization", "X-API-Key"].contains($0.name) }
        return try perform(hasKey ? call : call.key(keys.owner))
    }

    /// Sends without any key.
    func sendAnonymously(_ call: Call) throws -> Reply { try perform(call) }

    /// Submits a video that the sandbox makes quickly.
    func submit(_ prompt: String = "a quiet harbour", _ more: JSONObject = [:]) throws -> Reply {
        var body: JSONObject = ["model": "sora-2", "prompt": .string(prompt), "seconds": "4"]
        for (name, value) in more.members { body[name] = value }
        return try send(.post("/v1/videos", json: .object(body)))
    }

    /// Waits for the end of a task and gives it.
    func finish(_ id: String) throws -> Reply {
        var reply = Reply(status: 0)
        try waitUntil("\(id) ends") {
            reply = try send(.get("/v1/videos/\(id)?wait=20"))
            return ["completed", "failed", "cancelled"].contains(reply.json["status"]?.stringValue)
        }
        return reply
    }
}

/// Opens a doorway to the running instance, whose sandbox is told to hurry.
func withGateway(through doorway: Doorway, _ body: (Gateway) throws -> Void) throws {
    let instance = try Instance.running()
    let keys = try Keyring.shared.get()
    switch doorway {
    case .inProcess:
        let folder = try Folder()
        var environment = instance.environment
        // Files that root makes among those of the instance would stand in its way.
        for name in ["MEDIA", "SPOOL", "SOCKET"] {
            environment["KINORA_\(name)_DIR"] = "\(folder.path)/\(name)"
        }
        let service = try Service(
            .init(isServing: false, isWorking: false), Configuration(environment: environment),
            events: Silence())
        try service.start()
        defer { _ = service.drain() }
        let (fast, slow) = (service.responder(.fast), service.responder(.slow))
        try body(
            Gateway(keys: keys) { call in
                let responder = call.isPatient ? slow : fast
                guard let response = responder.respond(to: Arrival(call)) else { return Reply(status: 499) }
                return Reply(response)
            })
    case .fastcgi:
        try body(
            Gateway(keys: keys) { call in
                let socket = call.isPatient ? instance.slowSocket : instance.fastSocket
                let reply = try FastCGIClient(socketPath: socket).send(call.fastCGI)
                guard reply.isComplete else { throw TimeIsUp(description: "the answer broke off") }
                return Reply(status: reply.status, headers: reply.headers, body: reply.body)
            })
    case .nginx:
        try body(Gateway(keys: keys) { call in try instance.curl.send(call) })
    }
}

/// Hears everything and says nothing.
struct Silence: EventSink {
    func emit(_ event: Event) {}
}

/// A call that arrives without any wire.
private final class Arrival: Incoming {
    let head: RequestHead
    let isClientGone = false
    private var rest: ArraySlice<UInt8>

    init(_ call: Call) {
        func header(_ name: String) -> String { call.headers.last { $0.name == name }?.value ?? "" }
        head = RequestHead(
            method: Method(rawValue: call.method), target: call.target, contentType: header("Content-Type"),
            contentLengthBytes: call.body.isEmpty ? nil : call.body.count, clientAddress: "127.0.0.1",
            requestID: "test", authorization: Secret(header("Authorization")),
            apiKeyHeader: Secret(header("X-API-Key")), idempotencyKey: header("Idempotency-Key"),
            prefer: header("Prefer"), accept: header("Accept"))
        rest = call.body[...]
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(KinoraError) -> Int {
        let piece = rest.prefix(buffer.count)
        buffer.copyBytes(from: piece)
        rest = rest.dropFirst(piece.count)
        return piece.count
    }
}

extension Call {
    /// Whether nginx would give it to the slow pool, as nginx/parts/http/pool.conf says.
    fileprivate var isPatient: Bool {
        let isForm = headers.contains { $0.name == "Content-Type" && $0.value.hasPrefix("multipart/") }
        let prefersWaiting = headers.contains { $0.name == "Prefer" && $0.value.contains("wait") }
        let isOfPictures = ["/images/", "/videos/generations", "/result"].contains(where: target.contains)
        return isForm || prefersWaiting || isOfPictures || target.contains("?wait=")
            || target.contains("&wait=")
    }

    var fastCGI: FastCGIRequest { FastCGIRequest(method, target, headers: headers, body: body) }
}

extension Reply {
    fileprivate init(_ response: Response) {
        let body = response.pieces.reduce(into: response.body) { body, piece in
            switch piece {
            case .bytes(let bytes): body += bytes
            case .base64(let file):
                body +=
                    Base64.encode(FileManager.default.contents(atPath: file.path).map(Array.init) ?? []).utf8
            }
        }
        self.init(status: response.status, headers: response.headers, body: body)
        if let file = response.internalFile { headers.append(("X-Accel-Redirect", file)) }
    }
}
