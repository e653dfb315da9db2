import Core
import Foundation
import TestSupport
import Testing
import Upstream

@Suite struct DownloadTests {
    private func withScratch(
        _ script: @escaping @Sendable (LoopbackConnection) -> Void, _ body: (Line, ScratchFile) throws -> Void
    ) throws {
        let file = ScratchFile()
        defer { file.remove() }
        let line = try Line(try LoopbackServer(script))
        defer { line.stop() }
        try body(line, file)
    }

    private static let content: [UInt8] = (0..<(1 << 20)).map {
        UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8)
    }

    private static let sendContent: @Sendable (LoopbackConnection) -> Void = { connection in
        _ = connection.readRequest()
        connection.send(
            "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: \(content.count)\r\n\r\n")
        connection.send(content)
    }

    @Test func aFileHoldsExactlyTheBytesThatCame() throws {
        try withScratch(Self.sendContent) { line, file in
            let reply = try line.reply(
                line.get(), into: .file(path: file.path, bytesMax: Self.content.count))
            #expect(reply.status == 200)
            #expect(reply.headers["content-type"] == "video/mp4")
            #expect(reply.fileBytes == Self.content.count)
            let bytes = try file.bytes
            #expect(bytes == Self.content)
            let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions]
            #expect(mode as? Int == 0o600)
        }
    }

    @Test func theFirstBytesAreToldAsWell() throws {
        try withScratch({ connection in
            _ = connection.readRequest()
            connection.send(Wire.reply(#"{"error":{"code":"gone"}}"#, "404 Not Found"))
        }) { line, file in
            let reply = try line.reply(line.get(), into: .file(path: file.path, bytesMax: 1000))
            #expect(reply.status == 404)
            #expect(reply.body == Array(#"{"error":{"code":"gone"}}"#.utf8))
        }
    }

    @Test func aResultThatIsTooLongIsCutOff() throws {
        try withScratch(Self.sendContent) { line, file in
            let failure = try line.failure(
                line.get(), into: .file(path: file.path, bytesMax: Self.content.count - 1))
            #expect(failure.error.code == .upstreamProtocol)
        }
    }

    @Test func nothingIsLeftOfADownloadThatNeverStarted() throws {
        try withScratch({ _ = $0.readRequest() }) { line, file in
            _ = try line.failure(line.get(), into: .file(path: file.path, bytesMax: 1000))
            #expect(!file.exists)
            var refused = line.get()
            refused.url = "http://10.0.0.1/"
            _ = try line.failure(refused, into: .file(path: file.path, bytesMax: 1000))
            #expect(!file.exists)
        }
    }

    @Test func anEmptyResultIsNoFile() throws {
        try withScratch({ connection in
            _ = connection.readRequest()
            connection.send(Wire.reply(""))
        }) { line, file in
            let reply = try line.reply(line.get(), into: .file(path: file.path, bytesMax: 1000))
            #expect(reply.fileBytes == 0)
            #expect(!file.exists)
        }
    }

    @Test func aFileThatExistsIsNotTouched() throws {
        try withScratch(Self.sendContent) { line, file in
            try file.write([1, 2, 3])
            let failure = try line.failure(line.get(), into: .file(path: file.path, bytesMax: 1 << 21))
            #expect(failure.error.code == .storageFailed)
            let bytes = try file.bytes
            #expect(bytes == [1, 2, 3])
        }
    }

    @Test func aFolderThatIsMissingIsOurFault() throws {
        try withScratch(Self.sendContent) { line, file in
            let failure = try line.failure(
                line.get(), into: .file(path: file.path + "/missing/x", bytesMax: 1 << 21))
            #expect(failure.error.code == .storageFailed)
        }
    }

    @Test func stoppingDropsCallsWithoutTheirCompletionsAndKeepsNoHalfFile() throws {
        let file = ScratchFile()
        defer { file.remove() }
        let ended = Happening<Int>()
        let server = try LoopbackServer { connection in
            guard let request = connection.readRequest() else { return }
            if request.line.contains("/content") {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
            }
            connection.waitForEnd()
            ended.note(connection.number)
        }
        let line = try Line(server)
        defer { line.stop() }
        let download = line.begin(line.get("/content"), into: .file(path: file.path, bytesMax: 1000))
        let submits = (0..<20).map { line.begin(line.submit("/\($0)")) }
        #expect(server.requests.wait { $0.count == 21 })
        #expect(eventually { file.exists })
        let began = ContinuousClock.now
        line.transport.stop()
        #expect(began.duration(to: .now) < .seconds(20))
        #expect(ended.wait { $0.count == 21 }, "every connection is closed")
        #expect(!file.exists)
        #expect(download.ended.all.isEmpty)
        #expect(submits.allSatisfy { $0.ended.all.isEmpty })
    }

    @Test func aCallAfterTheStopIsDropped() throws {
        let line = try Line(try LoopbackServer.answering { _ in Wire.reply() })
        defer { line.stop() }
        #expect(try line.reply(line.get()).status == 200)
        line.transport.stop()
        let late = (0..<100).map { _ in line.begin(line.submit()) }
        line.transport.stop()
        #expect(late.allSatisfy { $0.ended.all.isEmpty })
        #expect(line.server.requests.all.count == 1)
    }
}
