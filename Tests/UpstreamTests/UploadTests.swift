import Core
import Crypto
import Foundation
import TestSupport
import Testing
import Upstream

@Suite struct UploadTests {
    private func file(
        _ path: String, name: String = "input_reference", filename: String = "r.png"
    ) -> HTTPCall.Part {
        .file(name: name, path: path, filename: filename, type: .png)
    }

    private func random(_ count: Int) -> [UInt8] {
        var source = SystemRandomNumberGenerator()
        return (0..<count / 8).flatMap { _ in withUnsafeBytes(of: source.next()) { Array($0) } }
    }

    @Test func aFormArrivesByteForByte() throws {
        let scratch = ScratchFile()
        defer { scratch.remove() }
        let bytes = random(3 << 20)
        try scratch.write(bytes)
        let server = try LoopbackServer { connection in
            _ = connection.readRequest(keeping: 8 << 20)
            connection.send(Wire.reply())
        }
        let line = try Line(server)
        defer { line.stop() }
        let parts: [HTTPCall.Part] = [
            .text(name: "model", value: "sora-2"), .text(name: "prompt", value: "two\r\nlines -- 猫"),
            file(scratch.path), .text(name: "empty", value: ""),
        ]
        _ = try line.reply(line.submit("/videos", .multipart(parts)))

        let request = try #require(server.requests.all.first)
        let type = try #require(request.values(of: "content-type").first)
        let boundary = try #require(type.split(separator: "boundary=").last)
        #expect(type.hasPrefix("multipart/form-data; boundary="))
        #expect(request.values(of: "content-length") == [String(request.body.count)])
        let head = """
            --\(boundary)\r\nContent-Disposition: form-data; name="model"\r\n\r\nsora-2\r\n\
            --\(boundary)\r\nContent-Disposition: form-data; name="prompt"\r\n\r\ntwo\r\nlines -- 猫\r\n\
            --\(boundary)\r\nContent-Disposition: form-data; name="input_reference"; filename="r.png"\r\n\
            Content-Type: image/png\r\n\r\n
            """
        let tail = """
            \r\n--\(boundary)\r\nContent-Disposition: form-data; name="empty"\r\n\r\n\r\n--\(boundary)--\r\n
            """
        #expect(request.body == Array(head.utf8) + bytes + Array(tail.utf8))
    }

    /// By the hash of what then goes out, files included, and the clock of the transport.
    @Test func aCallIsSignedAsItLeaves() throws {
        let picture = ScratchFile()
        defer { picture.remove() }
        let bytes = random(300_000)
        try picture.write(bytes)
        let server = try LoopbackServer { connection in
            _ = connection.readRequest(keeping: 8 << 20)
            connection.send(Wire.reply())
        }
        let line = try Line(server)
        defer { line.stop() }
        let file = HTTPCall.InlineFile(mark: "mark-1", path: picture.path, type: .png, isBare: true)
        var call = line.submit("/tasks", .jsonWithFiles(["image": "mark-1"], [file]))
        call.signing = { hash, now in [("X-Hash", Secret(hash)), ("X-Time", Secret("\(now.seconds)"))] }
        let before = SystemClock().now.seconds
        _ = try line.reply(call)
        let request = try #require(server.requests.all.first)
        #expect(request.values(of: "x-hash") == [Hex.text(SHA256.hash(data: request.body))])
        let time = request.values(of: "x-time").first.flatMap { Int64($0) }
        #expect((before...SystemClock().now.seconds).contains(try #require(time)))
        #expect(try JSONParser.parse(request.body)["image"] == .string(Base64.encode(bytes)))
    }

    @Test func aSignatureCannotAddAHeader() throws {
        let server = try LoopbackServer { connection in connection.send(Wire.reply()) }
        let line = try Line(server)
        defer { line.stop() }
        var call = line.submit("/tasks", .json([:]))
        call.signing = { _, _ in [("Authorization", Secret("a\r\nX-Other: b"))] }
        #expect(throws: TransportFailure.self) { try line.reply(call) }
        #expect(server.requests.all.isEmpty)
    }

    @Test(arguments: [0, 1, 2, 3, 300_000, 300_001, 300_002])
    func filesStandInJSONAsDataURLs(_ count: Int) throws {
        let first = ScratchFile(), second = ScratchFile()
        defer { [first, second].forEach { $0.remove() } }
        let bytes = Array(random(count + 8).prefix(count))
        try first.write(bytes)
        try second.write([1])
        let server = try LoopbackServer { connection in
            _ = connection.readRequest(keeping: 8 << 20)
            connection.send(Wire.reply())
        }
        let line = try Line(server)
        defer { line.stop() }
        // In another order than they are given in, and twice as much text as they are named in.
        let json: JSON = ["b": "mark-2", "a": ["mark-1"], "prompt": "猫 \"mark\""]
        let files = [
            HTTPCall.InlineFile(mark: "mark-1", path: first.path, type: .png),
            HTTPCall.InlineFile(mark: "mark-2", path: second.path, type: .mp3),
        ]
        _ = try line.reply(line.submit("/tasks", .jsonWithFiles(json, files)))
        let request = try #require(server.requests.all.first)
        #expect(request.values(of: "content-length") == [String(request.body.count)])
        #expect(request.values(of: "content-type") == ["application/json"])
        let arrived = try JSONParser.parse(request.body)
        #expect(arrived["b"] == "data:audio/mpeg;base64,AQ==")
        #expect(arrived["a"] == [.string("data:image/png;base64," + Base64.encode(bytes))])
        #expect(arrived["prompt"] == json["prompt"])
    }

    @Test func everyFormHasABoundaryOfItsOwn() throws {
        let line = try Line(try LoopbackServer.answering { _ in Wire.reply() })
        defer { line.stop() }
        for _ in 0..<3 {
            _ = try line.reply(line.submit("/", .multipart([.text(name: "a", value: "b")])))
        }
        #expect(Set(line.server.requests.all.flatMap { $0.values(of: "content-type") }).count == 3)
    }

    @Test func aLargeFileIsSentInBoundedMemory() throws {
        let scratch = ScratchFile()
        defer { scratch.remove() }
        try scratch.write([])
        let size = 128 << 20
        try #require(truncate(scratch.path, size) == 0)
        // The least of a few: others of the same process need memory too.
        let growths = try (0..<3).map { _ in try growth(sending: scratch.path, of: size) }
        #expect(growths.min() ?? .max < 48 << 20, "grew by \(growths.map { $0 >> 20 }) MiB")
    }

    /// How many bytes more than before the process has at most.
    private func growth(sending path: String, of size: Int) throws -> Int {
        let before = try residentBytes()
        let server = try LoopbackServer { connection in
            _ = connection.readRequest(keeping: 0)
            connection.send(Wire.reply())
        }
        let line = try Line(server)
        defer { line.stop() }
        let pending = line.begin(line.submit("/videos", .multipart([file(path)]), timeoutSeconds: 120))
        var most = 0
        #expect(
            pending.ended.wait(within: .seconds(120)) {
                most = max(most, (try? residentBytes()) ?? .max)
                return !$0.isEmpty
            })
        #expect(try pending.result().get().status == 200)
        #expect(try #require(server.requests.all.first).bodyBytes > size)
        return most - before
    }

    private func residentBytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        return (Int(status.split(separator: " ")[1]) ?? 0) * Int(getpagesize())
    }

    @Test func aFileThatShrinksMeanwhileIsAFailure() throws {
        let scratch = ScratchFile()
        defer { scratch.remove() }
        try scratch.write([UInt8](repeating: 1, count: 4 << 20))
        let server = try LoopbackServer { connection in
            guard connection.readHead() != nil else { return }
            truncate(scratch.path, 0)
            connection.waitForEnd()
        }
        let line = try Line(server)
        defer { line.stop() }
        let parts = [file(scratch.path), file(scratch.path, name: "second")]
        let failure = try line.failure(line.submit("/videos", .multipart(parts), timeoutSeconds: 3))
        #expect(failure.mayHaveArrived)
    }

    // Nothing that a value says may become a header, a part or a request of its own.

    @Test(arguments: [
        "k\r\nX-Evil: 1", "k\nX-Evil: 1", "k\rX-Evil: 1", "k\r\n\r\nGET /evil HTTP/1.1\r\n\r\n", "k\u{0}",
        "k\u{1}",
        "k\u{7F}",
    ])
    func aHeaderValueWithControlCharactersIsNotSent(_ value: String) throws {
        let line = try Line(try LoopbackServer.answering { _ in Wire.reply() })
        defer { line.stop() }
        var call = line.submit()
        call.headers = [("Authorization", Secret("Bearer \(value)"))]
        let failure = try line.failure(call)
        #expect(!failure.mayHaveArrived)
        #expect(failure.error.code == .upstreamCredential)
        #expect(!failure.error.debugDescription.contains("X-Evil"))
        #expect(line.server.accepted.all.isEmpty)
    }

    @Test func aURLWithControlCharactersIsNotSent() throws {
        let line = try Line(try LoopbackServer.answering { _ in Wire.reply() })
        defer { line.stop() }
        for path in ["/a\r\nX-Evil: 1", "/a HTTP/1.1\r\nX-Evil: 1\r\n\r\nGET /b", "/a\u{7F}"] {
            var call = line.get()
            call.url = line.url + path
            #expect(try !line.failure(call).mayHaveArrived)
        }
        #expect(line.server.requests.all.isEmpty)
    }

    @Test func aNameInAFormCannotLeaveItsQuotes() throws {
        let scratch = ScratchFile()
        defer { scratch.remove() }
        try scratch.write([1])
        let line = try Line(try LoopbackServer.answering { _ in Wire.reply() })
        defer { line.stop() }
        let parts: [HTTPCall.Part] = [
            .text(name: "a\"; filename=\"b", value: "c"),
            file(scratch.path, name: "d\r\nX-Evil: 1", filename: "e\"\r\n\r\nf"),
        ]
        _ = try line.reply(line.submit("/", .multipart(parts)))
        let text = try #require(line.server.requests.all.first).text
        #expect(text.contains(#"name="a%22; filename=%22b""#))
        #expect(text.contains(#"name="d%0D%0AX-Evil: 1"; filename="e%22%0D%0A%0D%0Af""#))
    }
}
