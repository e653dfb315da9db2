import Core
import Foundation
import TestSupport
import Testing
import Upstream

/// Files that go out as they are, and calls without a body in the answer: what a bucket needs.
@Suite struct FileTests {
    private func put(_ line: Line, _ file: ScratchFile, timeoutSeconds: Int = 20) -> HTTPCall {
        HTTPCall(
            .put, line.url + "/bucket/key", headers: [("x-amz-date", Secret("now"))],
            body: .file(path: file.path, type: .mp4), timeoutSeconds: timeoutSeconds)
    }

    @Test func aFileGoesOutByteByByte() throws {
        let line = try Line(.answering { _ in Wire.reply("", "200 OK", "ETag: \"0a\"\r\n") })
        defer { line.stop() }
        let file = ScratchFile()
        defer { file.remove() }
        let bytes = (0..<300_001).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try file.write(bytes)
        let reply = try line.reply(put(line, file))
        #expect(reply.status == 200 && reply.headers["etag"] == "\"0a\"")
        let request = try #require(line.server.requests.all.first)
        #expect(request.line == "PUT /bucket/key HTTP/1.1")
        #expect(request.values(of: "content-type") == ["video/mp4"])
        #expect(request.values(of: "content-length") == ["300001"])
        #expect(request.values(of: "transfer-encoding") == [] && request.values(of: "expect") == [])
        #expect(request.body == bytes)
        #expect(file.exists)
    }

    @Test func aFileThatIsMissingIsNotSent() throws {
        let line = try Line(.answering { _ in Wire.reply() })
        defer { line.stop() }
        let failure = try line.failure(put(line, ScratchFile()))
        #expect(failure.error.code == .storageFailed && !failure.mayHaveArrived)
        #expect(line.server.requests.all.isEmpty)
    }

    @Test func aPeerThatBreaksOffHalfWayIsAFailure() throws {
        let line = try Line(
            LoopbackServer { connection in
                if connection.readHead() != nil { connection.reset() }
            })
        defer { line.stop() }
        let file = ScratchFile()
        defer { file.remove() }
        try file.write([UInt8](repeating: 7, count: 20 << 20))
        #expect(try line.failure(put(line, file)).error.code == .upstreamUnreachable)
    }

    @Test func aPeerThatStopsReadingIsGivenUp() throws {
        let mayEnd = Signal()
        let line = try Line(
            LoopbackServer { connection in
                if connection.readHead() != nil { _ = mayEnd.wait(for: patience, clearing: false) }
            }
        ) { $0.stallSecondsMax = 1 }
        defer { line.stop() }
        let file = ScratchFile()
        defer { file.remove() }
        try file.write([UInt8](repeating: 7, count: 20 << 20))
        // Long before its time.
        let failure = try line.failure(put(line, file, timeoutSeconds: 600))
        #expect(failure.error.code == .upstreamUnreachable)
        mayEnd.raise()
    }

    /// The length in the answer to HEAD is that of a body which does not come.
    @Test func headWaitsForNoBody() throws {
        let line = try Line(.answering { _ in "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" })
        defer { line.stop() }
        for _ in 0..<2 {
            let reply = try line.reply(HTTPCall(.head, line.url + "/key", timeoutSeconds: 5))
            #expect(reply.status == 200 && reply.headers["content-length"] == "500" && reply.body.isEmpty)
        }
        #expect(line.server.requests.all.map(\.line) == ["HEAD /key HTTP/1.1", "HEAD /key HTTP/1.1"])
        #expect(line.server.accepted.all.count == 1, "the connection is kept")
    }

    /// For the one peer that the operator names; never for an address of a client or vendor.
    @Test func anOpenGuardReachesThisMachine() throws {
        let server = try LoopbackServer.answering { _ in Wire.reply() }
        let line = try Line(server) { $0.egress = .open }
        defer { line.stop() }
        #expect(try line.reply(line.get()).status == 200)
        #expect(EgressGuard.open.allows([10, 0, 0, 1], port: 9000))
        #expect(!EgressGuard().allows([10, 0, 0, 1], port: 9000))
    }
}
