import Core
import Glibc
import Synchronization
import TestSupport
import Testing
import Upstream

/// Replies that are read while they come.
@Suite struct CurlLinesTests {
    private static let head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

    private func chunk(_ text: String) -> String { "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n" }

    private func withServer(
        _ script: @escaping @Sendable (LoopbackConnection) -> Void,
        _ body: (CurlLines, LoopbackServer) throws -> Void
    ) throws {
        let server = try LoopbackServer(script)
        defer { server.stop() }
        var options = CurlTransport.Options()
        options.egress = EgressGuard(exceptions: ["\(server.host):\(server.port)"])
        try body(CurlLines(options), server)
    }

    private func open(
        _ lines: CurlLines, _ server: LoopbackServer, firstByte: Duration = .seconds(20),
        idle: Duration = .seconds(20), total: Duration = .seconds(30), curlSeconds: Int = 60,
        hangUp: Int32? = nil, while isWanted: @escaping () -> Bool = { true }
    ) throws(KinoraError) -> LiveReply {
        let url = "http://\(server.host):\(server.port)"
        let account = VendorAccount(row: 1, baseURL: url, credential: Secret("sk-line"))
        let call = HTTPCall(
            .post, url + "/x", body: .jsonBytes(Array(#"{"a":1}"#.utf8)), timeoutSeconds: curlSeconds)
        let limits = LiveReply.Limits(firstByte: firstByte, idle: idle, deadline: .now + total)
        return try lines.open(call, to: account, within: limits, while: .init(hangUp: hangUp, isWanted))
    }

    private func text(_ bytes: [UInt8]?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

    @Test func bytesAreThereAsSoonAsTheyWereSent() throws {
        let go = Signal()
        try withServer { connection in
            _ = connection.readRequest()
            connection.send(Self.head + "3\r\none\r\n")
            _ = go.wait(for: patience)
            connection.send("3\r\ntwo\r\n0\r\n\r\n")
            connection.waitForEnd()
        } _: { lines, server in
            let reply = try open(lines, server)
            #expect(reply.status == 200 && reply.headers["content-type"] == "text/event-stream")
            #expect(try text(reply.next()) == "one")
            go.raise()
            #expect(try text(reply.next()) == "two")
            #expect(try reply.next() == nil)
            #expect(try reply.next() == nil)
            #expect(server.requests.all.first?.text == #"{"a":1}"#)
        }
    }

    @Test func aConnectionThatCameToItsEndIsUsedAgain() throws {
        try withServer { connection in
            while connection.readRequest() != nil { connection.send(Wire.reply("fine")) }
        } _: { lines, server in
            for _ in 0..<5 {
                let reply = try open(lines, server)
                #expect(try text(reply.rest(bytesMax: 100)) == "fine")
                reply.close()
            }
            #expect(server.accepted.all.count == 1)
        }
    }

    @Test func aKeptConnectionThatHasDiedIsReplacedWithoutANoise() throws {
        try withServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(Wire.reply("fine"))
        } _: { lines, server in
            for _ in 0..<3 {
                let body = try open(lines, server).rest(bytesMax: 100)
                #expect(text(body) == "fine")
            }
            #expect(server.accepted.all.count == 3)
        }
    }

    @Test func endingACallEndsItsConnection() throws {
        let ended = Signal()
        try withServer { connection in
            _ = connection.readRequest()
            connection.send(Self.head + "3\r\none\r\n")
            connection.waitForEnd()
            ended.raise()
        } _: { lines, server in
            let reply = try open(lines, server)
            #expect(try text(reply.next()) == "one")
            reply.close()
            #expect(ended.wait(for: patience))
            #expect(try reply.next() == nil)
        }
    }

    @Test func whoeverForgetsACallEndsIt() throws {
        let ended = Signal()
        try withServer { connection in
            _ = connection.readRequest()
            connection.send(Self.head)
            connection.waitForEnd()
            ended.raise()
        } _: { lines, server in
            _ = try open(lines, server)
            #expect(ended.wait(for: patience))
        }
    }

    /// The client's own connection wakes it, long before anybody would ask.
    @Test func aClientThatLeavesEndsTheCallAtOnce() throws {
        // A machine may stand still once.
        let fastest = try (0..<5).map { _ in try timeUntilAClientThatLeavesIsMissed() }.min()
        #expect(try #require(fastest) < .milliseconds(900))
    }

    private func timeUntilAClientThatLeavesIsMissed() throws -> Duration {
        let ended = Signal()
        let time = Mutex(Duration.zero)
        var pair: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
        defer { close(pair[0]) }
        let (client, isGone) = (pair[1], Box(false))
        try withServer { connection in
            _ = connection.readRequest()
            connection.send(Self.head + "3\r\none\r\n")
            isGone.value.store(true, ordering: .releasing)
            close(client)
            connection.waitForEnd()
            ended.raise()
        } _: { lines, server in
            let start = ContinuousClock.now
            let reply = try open(lines, server, hangUp: pair[0]) { !isGone.value.load(ordering: .acquiring) }
            #expect { while try reply.next() != nil {} } throws: { ($0 as? KinoraError)?.code == .clientGone }
            time.withLock { $0 = start.duration(to: .now) }
            #expect(ended.wait(for: patience))
        }
        return time.withLock { $0 }
    }

    /// Who gets to look too late finds the call ended by its own limit: it was the time all the same.
    @Test func aThreadThatWasHeldUpSaysThatTheTimeIsOver() throws {
        var pair: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
        defer { pair.forEach { close($0) } }
        try #require(write(pair[1], "x", 1) == 1)
        try withServer { connection in
            _ = connection.readRequest()
            connection.waitForEnd()
        } _: { lines, server in
            #expect {
                _ = try open(lines, server, total: .seconds(1), curlSeconds: 1, hangUp: pair[0]) {
                    // Holds the thread up, as a busy machine does.
                    _ = Signal().wait(for: .milliseconds(2500))
                    return true
                }
            } throws: { ($0 as? KinoraError)?.code == .taskDeadline }
        }
    }

    private final class Box: Sendable {
        let value: Atomic<Bool>
        init(_ value: Bool) { self.value = Atomic(value) }
    }

    enum Silence: CaseIterable { case beforeTheHead, afterTheHead, inTheMiddle }

    @Test(arguments: Silence.allCases) func silenceIsNotWaitedForForEver(_ silence: Silence) throws {
        try withServer { connection in
            _ = connection.readRequest()
            if silence != .beforeTheHead { connection.send(Self.head) }
            if silence == .inTheMiddle { connection.send("3\r\none\r\n") }
            connection.waitForEnd()
        } _: { lines, server in
            let short = Duration.milliseconds(300)
            #expect {
                let reply = try open(
                    lines, server, firstByte: silence == .inTheMiddle ? .seconds(20) : short, idle: short)
                while try reply.next() != nil {}
            } throws: { ($0 as? KinoraError)?.code == .upstreamUnreachable }
        }
    }

    @Test func anAnswerThatNeverEndsIsEnded() throws {
        try withServer { connection in
            _ = connection.readRequest()
            connection.send(Self.head)
            while connection.send("1\r\nx\r\n") {}
        } _: { lines, server in
            #expect {
                let reply = try open(lines, server, total: .milliseconds(500))
                while try reply.next() != nil {}
            } throws: { ($0 as? KinoraError)?.code == .taskDeadline }
        }
    }

    @Test func aProcessThatStopsEndsWhatIsUnderWay() throws {
        try withServer { connection in
            _ = connection.readRequest()
            connection.send(Self.head + "3\r\none\r\n")
            connection.waitForEnd()
        } _: { lines, server in
            let reply = try open(lines, server)
            #expect(try text(reply.next()) == "one")
            lines.cutOff(at: .now)
            #expect { try reply.next() } throws: { ($0 as? KinoraError)?.code == .shuttingDown }
        }
    }

    @Test(arguments: [false, true]) func anAnswerThatBreaksOffIsAnError(_ isReset: Bool) throws {
        try withServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            if isReset { connection.reset() }
        } _: { lines, server in
            #expect {
                let reply = try open(lines, server)
                while try reply.next() != nil {}
            } throws: { ($0 as? KinoraError)?.code == .upstreamUnreachable }
        }
    }

    @Test func aReplyMayBeLongerThanIsWanted() throws {
        try withServer { connection in
            _ = connection.readRequest()
            connection.send(Wire.reply(String(repeating: "x", count: 100_000)))
            connection.waitForEnd()
        } _: { lines, server in
            let reply = try open(lines, server)
            #expect { _ = try reply.rest(bytesMax: 10_000) } throws: {
                ($0 as? KinoraError)?.code == .upstreamProtocol
            }
        }
    }

    /// Whoever does not read does not make the upstream's bytes pile up in memory.
    @Test func theReaderSetsThePace() throws {
        let sent = Guarded(0)
        let stalled = Signal()
        try withServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 268435456\r\n\r\n")
            let piece = [UInt8](repeating: 0x61, count: 1 << 20)
            for _ in 0..<256 {
                guard connection.send(piece) else { break }
                sent.withLock { $0 += piece.count }
            }
            stalled.raise()
        } _: { lines, server in
            let reply = try open(lines, server)
            _ = try reply.next()
            // Socket buffers of both ends hold some of it; nothing else does.
            #expect(!stalled.wait(for: .milliseconds(500)))
            #expect(sent.withLock { $0 } < 64 << 20)
            reply.close()
        }
    }

    @Test func anAddressInsideIsRefused() throws {
        let server = try LoopbackServer { _ in }
        defer { server.stop() }
        #expect { try open(CurlLines(), server) } throws: { ($0 as? KinoraError)?.code == .addressRefused }
    }

    @Test func interimHeadsAreNotTheHead() throws {
        try withServer { connection in
            _ = connection.readRequest()
            connection.send(
                "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + Wire.reply("late", "404 Not Found"))
        } _: { lines, server in
            let reply = try open(lines, server)
            #expect(reply.status == 404)
            #expect(try text(reply.rest(bytesMax: 100)) == "late")
        }
    }
}
