import Core
import Foundation
import TestSupport
import Testing
import Upstream

/// A transport that may reach one loopback server, and calls through it.
final class Line: Sendable {
    let transport: CurlTransport
    let server: LoopbackServer
    static let secret = "sk-line-0123456789abcdef"

    /// The environment names proxies, as an operator's shell may: none of the calls here may heed them. Set
    /// before the first call and never changed, since curl reads it on other threads.
    private static let hostileEnvironment: Void = {
        for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            setenv(name, "http://127.0.0.1:9", 1)
        }
        setenv("no_proxy", "through-the-proxy.invalid", 1)
    }()

    init(
        _ server: LoopbackServer, _ change: (inout CurlTransport.Options) -> Void = { _ in }
    ) throws {
        Self.hostileEnvironment
        self.server = server
        var options = CurlTransport.Options()
        options.egress = EgressGuard(exceptions: ["\(server.host):\(server.port)"])
        change(&options)
        transport = try CurlTransport(options)
        try transport.start()
    }

    var url: String { "http://\(server.host):\(server.port)" }

    static let authorization = [("Authorization", Secret("Bearer \(secret)"))]

    /// A submit: a POST that costs money.
    func submit(
        _ path: String = "/submit", _ body: HTTPCall.Body = .json(["prompt": "a cat"]),
        timeoutSeconds: Int = 20
    ) -> HTTPCall {
        HTTPCall(
            .post, url + path, headers: Self.authorization, body: body, timeoutSeconds: timeoutSeconds,
            isRepeatable: false)
    }

    func get(_ path: String = "/poll", timeoutSeconds: Int = 20) -> HTTPCall {
        HTTPCall(.get, url + path, headers: Self.authorization, timeoutSeconds: timeoutSeconds)
    }

    /// Sends without waiting.
    func begin(
        _ call: HTTPCall, into sink: ReplySink = .memory(bytesMax: 1 << 20), proxy: String? = nil
    ) -> Pending {
        let pending = Pending()
        let account = VendorAccount(
            row: 1, baseURL: url, credential: Secret(Self.secret), proxyURL: proxy)
        transport.send(call, to: account, into: sink) { pending.ended.note($0) }
        return pending
    }

    func send(
        _ call: HTTPCall, into sink: ReplySink = .memory(bytesMax: 1 << 20)
    ) throws -> Result<HTTPReply, TransportFailure> {
        try begin(call, into: sink).result()
    }

    func reply(
        _ call: HTTPCall, into sink: ReplySink = .memory(bytesMax: 1 << 20)
    ) throws -> HTTPReply {
        try send(call, into: sink).get()
    }

    struct Answered: Error { let status: Int }

    /// The failure of a call that must not bring a reply. No failure may tell the account's secret.
    func failure(
        _ call: HTTPCall, into sink: ReplySink = .memory(bytesMax: 1 << 20)
    ) throws -> TransportFailure {
        switch try send(call, into: sink) {
        case .success(let reply): throw Answered(status: reply.status)
        case .failure(let failure):
            #expect(!"\(failure) \(failure.error.debugDescription)".contains(Self.secret))
            return failure
        }
    }

    func stop() {
        transport.stop()
        server.stop()
    }
}

/// A call under way.
struct Pending: Sendable {
    let ended = Happening<Result<HTTPReply, TransportFailure>>()

    struct NeverEnded: Error {}

    func result() throws -> Result<HTTPReply, TransportFailure> {
        guard ended.wait(until: { !$0.isEmpty }) else { throw NeverEnded() }
        return ended.all[0]
    }
}

/// Replies as text.
enum Wire {
    static func reply(_ body: String = "{}", _ status: String = "200 OK", _ headers: String = "") -> String {
        """
        HTTP/1.1 \(status)\r
        Content-Type: application/json\r
        Content-Length: \(body.utf8.count)\r
        \(headers)\r
        \(body)
        """
    }
}

/// A file that is gone when the test is.
struct ScratchFile {
    let path = NSTemporaryDirectory() + "kinora-upstream-" + UUID().uuidString

    var exists: Bool { FileManager.default.fileExists(atPath: path) }
    var bytes: [UInt8] { get throws { try [UInt8](Data(contentsOf: URL(filePath: path))) } }

    func write(_ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(filePath: path)) }
    func remove() { try? FileManager.default.removeItem(atPath: path) }
}
