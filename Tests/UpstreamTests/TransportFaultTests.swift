import Core
import TestSupport
import Testing
import Upstream

/// Servers that do not keep to the protocol, or to time.
@Suite struct TransportFaultTests {
    private func withServer(
        _ script: @escaping @Sendable (LoopbackConnection) -> Void,
        _ change: (inout CurlTransport.Options) -> Void = { _ in }, _ body: (Line) throws -> Void
    ) throws {
        let line = try Line(try LoopbackServer(script), change)
        defer { line.stop() }
        try body(line)
    }

    private static let broken: [(String, @Sendable (LoopbackConnection) -> Void)] = [
        ("closes at once", { _ in }),
        ("closes after the request", { _ = $0.readRequest() }),
        (
            "resets after the request",
            { connection in
                _ = connection.readRequest()
                connection.reset()
            }
        ),
        (
            "speaks another protocol",
            { connection in
                _ = connection.readRequest()
                connection.send("SSH-2.0-OpenSSH_9.2p1\r\n")
            }
        ),
        (
            "sends an empty line for a status",
            { connection in
                _ = connection.readRequest()
                connection.send("\r\n\r\n{}")
            }
        ),
        (
            "breaks off in the head",
            { connection in
                _ = connection.readRequest()
                connection.send("HTTP/1.1 200 OK\r\nContent-Le")
            }
        ),
        (
            "half-closes in the body",
            { connection in
                _ = connection.readRequest()
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\"")
                connection.endSending()
                connection.waitForEnd()
            }
        ),
        (
            "resets in the body",
            { connection in
                _ = connection.readRequest()
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\"")
                connection.reset()
            }
        ),
        (
            "breaks off between chunks",
            { connection in
                _ = connection.readRequest()
                connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"id\r\n")
            }
        ),
        (
            "sends a chunk size that is none",
            { connection in
                _ = connection.readRequest()
                connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n")
            }
        ),
        (
            "sends a head without end",
            { connection in
                _ = connection.readRequest()
                connection.send("HTTP/1.1 200 OK\r\n")
                while connection.send("X-Filler: \(String(repeating: "x", count: 1000))\r\n") {}
            }
        ),
    ]

    /// The reset may come before curl knows that the connection stood, so that either verdict may be true.
    @Test func aResetAtOnceIsAFailureOfOneTry() throws {
        try withServer({ $0.reset() }) { line in
            let failure = try line.failure(line.submit())
            #expect(failure.error.code == .upstreamUnreachable)
            #expect(line.server.accepted.all.count == 1)
        }
    }

    @Test(arguments: broken.indices)
    func aBrokenAnswerToASubmitIsAFailureThatMayHaveArrived(_ index: Int) throws {
        let (name, script) = Self.broken[index]
        try withServer(script) { line in
            let failure = try line.failure(line.submit())
            #expect(failure.mayHaveArrived, "\(name)")
            #expect(failure.error.code == .upstreamUnreachable, "\(name)")
            #expect(line.server.accepted.all.count == 1, "\(name): sent once")
        }
    }

    @Test func aReplyThatIsTooLongIsCutOff() throws {
        let answer = Wire.reply(String(repeating: "x", count: 1001))
        try withServer({ connection in
            while connection.readRequest() != nil { connection.send(answer) }
        }) { line in
            let fitting = try line.reply(line.get(), into: .memory(bytesMax: 1001))
            #expect(fitting.body.count == 1001)
            let failure = try line.failure(line.get(), into: .memory(bytesMax: 1000))
            #expect(failure.error.code == .upstreamProtocol)
            #expect(failure.mayHaveArrived)
        }
    }

    @Test func aReplyWithoutEndIsCutOff() throws {
        try withServer({ connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while connection.send("8\r\nendless \r\n") {}
        }) { line in
            let failure = try line.failure(line.get(), into: .memory(bytesMax: 1 << 20))
            #expect(failure.error.code == .upstreamProtocol)
        }
    }

    @Test func anAnswerThatDoesNotComeInTimeIsAFailure() throws {
        try withServer({ connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1")
            connection.waitForEnd()
        }) { line in
            let began = ContinuousClock.now
            let failure = try line.failure(line.get(timeoutSeconds: 1))
            #expect(failure.error.code == .upstreamUnreachable)
            #expect(began.duration(to: .now) < .seconds(25))
        }
    }

    @Test func aHandshakeThatDoesNotEndSurelyBroughtNothing() throws {
        let isSilent: @Sendable (LoopbackConnection) -> Void = { $0.waitForEnd() }
        try withServer(isSilent) {
            $0.connectTimeoutSeconds = 1
        } _: { line in
            var call = line.submit()
            call.url = "https://127.0.0.1:\(line.server.port)/submit"
            let failure = try line.failure(call)
            #expect(!failure.mayHaveArrived)
            #expect(failure.error.code == .upstreamUnreachable)
        }
    }

    @Test func aServerThatSpeaksNoTLSSurelyGotNothing() throws {
        try withServer({ connection in
            connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            connection.waitForEnd()
        }) { line in
            var call = line.submit()
            call.url = "https://127.0.0.1:\(line.server.port)/submit"
            let failure = try line.failure(call)
            #expect(!failure.mayHaveArrived)
        }
    }

    @Test func aDownloadThatStallsIsGivenUpLongBeforeItsTime() throws {
        let file = ScratchFile()
        defer { file.remove() }
        try withServer({ connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
            connection.waitForEnd()
        }) {
            $0.stallSecondsMax = 1
        } _: { line in
            let began = ContinuousClock.now
            let failure = try line.failure(
                line.get(timeoutSeconds: 600), into: .file(path: file.path, bytesMax: 1000))
            #expect(failure.error.code == .upstreamUnreachable)
            #expect(began.duration(to: .now) < .seconds(20))
        }
    }

    /// A vendor may think for minutes before the first byte of an answer: that is no stall.
    @Test func aCallThatIsNoDownloadMayTakeAllOfItsTime() throws {
        try withServer({ connection in
            _ = connection.readRequest()
            connection.waitForEnd()
        }) {
            $0.stallSecondsMax = 1
        } _: { line in
            let began = ContinuousClock.now
            _ = try line.failure(line.submit(timeoutSeconds: 3))
            #expect(began.duration(to: .now) >= .milliseconds(2900))
        }
    }

    @Test func aURLInAnErrorTellsNeitherPasswordNorQuery() throws {
        try withServer({ _ in }) { line in
            var call = line.get()
            call.url = "http://user:hunter2@127.0.0.1:\(line.server.port)/a/b?signature=s3cr3t#f"
            let failure = try line.failure(call)
            #expect(failure.error.detail.contains("127.0.0.1:\(line.server.port)/a/b"))
            #expect(!failure.error.detail.contains("hunter2"))
            #expect(!failure.error.detail.contains("s3cr3t"))
        }
    }
}
