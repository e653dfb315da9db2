import Core
import TestSupport
import Testing
import Upstream

/// A vendor charges for every submit that it reads: curl must never send one again by itself, as it likes to
/// when a kept connection dies without an answer.
@Suite struct OnceTests {
    /// Answers the first request of the first connection, so that the connection is kept, and does with the
    /// next one what `fate` says. Later connections would answer properly: a repeated request is seen there.
    private func withKeptConnection(
        _ fate: @escaping @Sendable (LoopbackConnection) -> Void, _ body: (Line) throws -> Void
    ) throws {
        let server = try LoopbackServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(Wire.reply())
            if connection.number == 1 { return fate(connection) }
            while connection.readRequest() != nil { connection.send(Wire.reply()) }
        }
        let line = try Line(server)
        defer { line.stop() }
        #expect(try line.reply(line.get("/first")).status == 200)
        try body(line)
    }

    private static let fates: [(String, @Sendable (LoopbackConnection) -> Void)] = [
        ("read whole, then closed", { _ = $0.readRequest() }),
        (
            "read whole, then reset",
            { connection in
                _ = connection.readRequest()
                connection.reset()
            }
        ),
        (
            "only the head read, then closed",
            { connection in
                if let head = connection.readHead() { connection.note(head) }
            }
        ),
        (
            "only the head read, then reset",
            { connection in
                if let head = connection.readHead() { connection.note(head) }
                connection.reset()
            }
        ),
    ]

    @Test(arguments: fates.indices)
    func aSubmitOnAKeptConnectionThatDiesIsSentOnce(_ fate: Int) throws {
        try withKeptConnection(Self.fates[fate].1) { line in
            let failure = try line.failure(line.submit())
            #expect(failure.mayHaveArrived, "\(Self.fates[fate].0)")
            #expect(failure.error.code == .upstreamUnreachable)
            #expect(seen("/submit", by: line.server) == 1, "\(Self.fates[fate].0)")
        }
    }

    @Test(arguments: fates.indices)
    func aSubmitWithoutABodyIsSentOnceToo(_ fate: Int) throws {
        try withKeptConnection(Self.fates[fate].1) { line in
            let failure = try line.failure(line.submit("/submit", .none))
            #expect(failure.mayHaveArrived)
            #expect(seen("/submit", by: line.server) == 1, "\(Self.fates[fate].0)")
        }
    }

    @Test func aSubmitWithAFileIsSentOnce() throws {
        let file = ScratchFile()
        defer { file.remove() }
        try file.write([UInt8](repeating: 7, count: 3 << 20))
        try withKeptConnection({ connection in
            if let head = connection.readHead() { connection.note(head) }
            connection.reset()
        }) { line in
            let part = HTTPCall.Part.file(
                name: "input_reference", path: file.path, filename: "r.png", type: .png)
            let failure = try line.failure(line.submit("/submit", .multipart([part])))
            #expect(failure.mayHaveArrived)
            #expect(seen("/submit", by: line.server) == 1)
        }
    }

    @Test func aPollOnAKeptConnectionThatDiesMayBeSentAgain() throws {
        try withKeptConnection({ _ = $0.readRequest() }) { line in
            let reply = try line.reply(line.get("/poll"))
            #expect(reply.status == 200)
            #expect(seen("/poll", by: line.server) == 2)
        }
    }

    @Test func aSubmitOnAFreshConnectionThatDiesIsSentOnce() throws {
        let server = try LoopbackServer { _ = $0.readRequest() }
        let line = try Line(server)
        defer { line.stop() }
        let failure = try line.failure(line.submit())
        #expect(failure.mayHaveArrived)
        #expect(seen("/submit", by: server) == 1)
    }

    @Test func aKeptConnectionThatWasClosedWhileIdleIsNotUsed() throws {
        let closed = Happening<Int>()
        let server = try LoopbackServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(Wire.reply())
            if connection.number > 1 { return connection.waitForEnd() }
            connection.close()
            closed.note(1)
        }
        let line = try Line(server)
        defer { line.stop() }
        #expect(try line.reply(line.get("/first")).status == 200)
        #expect(closed.wait { !$0.isEmpty })
        #expect(try line.reply(line.submit()).status == 200)
        #expect(seen("/submit", by: server) == 1)
    }

    @Test func aRefusedConnectionSurelyBroughtNothing() throws {
        let port = try ClosedPort()
        let line = try Line(try LoopbackServer.answering { _ in Wire.reply() }) {
            $0.egress = EgressGuard(exceptions: ["127.0.0.1:\(port.number)"])
        }
        defer { line.stop() }
        var call = line.submit()
        call.url = "http://127.0.0.1:\(port.number)/submit"
        let failure = try line.failure(call)
        #expect(!failure.mayHaveArrived)
        #expect(failure.error.code == .upstreamUnreachable)
    }

    @Test func aNameThatDoesNotExistSurelyBroughtNothing() throws {
        let line = try Line(try LoopbackServer.answering { _ in Wire.reply() })
        defer { line.stop() }
        var call = line.submit()
        // RFC 6761: this never resolves, and no resolver needs to be asked.
        call.url = "http://nobody.invalid/submit"
        let failure = try line.failure(call)
        #expect(!failure.mayHaveArrived)
        #expect(failure.error.code == .upstreamUnreachable)
    }

    @Test func aRefusedAddressSurelyBroughtNothing() throws {
        let line = try Line(try LoopbackServer.answering { _ in Wire.reply() }) { $0.egress = EgressGuard() }
        defer { line.stop() }
        let failure = try line.failure(line.submit())
        #expect(!failure.mayHaveArrived)
        #expect(failure.error.code == .addressRefused)
        #expect(line.server.accepted.all.isEmpty)
    }

    /// localhost has two addresses, and curl tries one after the other: the one is refused here, the other
    /// takes the request.
    @Test(arguments: [true, false])
    func aNameWithARefusedAddressAndAnotherMayHaveBroughtIt(_ isOnIPv6: Bool) throws {
        let line = try Line(try LoopbackServer(onIPv6: isOnIPv6) { _ = $0.readRequest() })
        defer { line.stop() }
        var call = line.submit()
        call.url = "http://localhost:\(line.server.port)/submit"
        let failure = try line.failure(call)
        #expect(failure.mayHaveArrived)
        #expect(failure.error.code == .upstreamUnreachable)
        #expect(seen("/submit", by: line.server) == 1)
    }

    @Test func aMissingFileSurelyBroughtNothing() throws {
        let line = try Line(try LoopbackServer.answering { _ in Wire.reply() })
        defer { line.stop() }
        let part = HTTPCall.Part.file(
            name: "input_reference", path: ScratchFile().path, filename: "r.png", type: .png)
        let failure = try line.failure(line.submit("/submit", .multipart([part])))
        #expect(!failure.mayHaveArrived)
        #expect(failure.error.code == .storageFailed)
        #expect(line.server.accepted.all.isEmpty)
    }

    @Test func anUnansweredSubmitMayHaveArrived() throws {
        let server = try LoopbackServer { connection in
            _ = connection.readRequest()
            connection.waitForEnd()
        }
        let line = try Line(server)
        defer { line.stop() }
        // On a machine that hangs the second may be over before anything has arrived.
        var failure: TransportFailure?
        for seconds in [1, 5, 20] where server.requests.all.isEmpty {
            failure = try line.failure(line.submit(timeoutSeconds: seconds))
        }
        #expect(failure?.mayHaveArrived == true)
        #expect(failure?.error.code == .upstreamUnreachable)
        #expect(seen("/submit", by: server) == 1)
    }

    /// How often a path was asked for, once every connection that curl may have made is known.
    private func seen(_ path: String, by server: LoopbackServer) -> Int {
        server.requests.all.count { $0.line.contains(" \(path) ") }
    }
}
