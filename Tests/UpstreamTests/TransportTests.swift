import Core
import Glibc
import Synchronization
import TestSupport
import Testing
import Upstream

@Suite struct TransportTests {
    private func withServer(
        _ answer: @escaping @Sendable (LoopbackRequest) -> String = { _ in Wire.reply() },
        _ body: (Line) throws -> Void
    ) throws {
        let line = try Line(try LoopbackServer.answering(answer))
        defer { line.stop() }
        try body(line)
    }

    @Test func aRequestArrivesAsItWasBuilt() throws {
        try withServer { line in
            _ = try line.reply(line.submit("/v1/videos?a=b%20c", .json(["prompt": "猫", "seconds": 4])))
            let request = try #require(line.server.requests.all.first)
            #expect(request.line == "POST /v1/videos?a=b%20c HTTP/1.1")
            #expect(request.values(of: "host") == ["127.0.0.1:\(line.server.port)"])
            #expect(request.values(of: "authorization") == ["Bearer \(Line.secret)"])
            #expect(request.values(of: "content-type") == ["application/json"])
            #expect(request.values(of: "user-agent") == ["Kinora/\(kinoraVersion)"])
            #expect(request.values(of: "expect") == [])
            #expect(request.text == #"{"prompt":"猫","seconds":4}"#)
        }
    }

    @Test(arguments: [Method.get, .post, .put, .patch, .delete])
    func everyMethodIsSentAsItself(_ method: Method) throws {
        try withServer { line in
            let body: HTTPCall.Body = method == .get || method == .delete ? .none : .json([])
            let reply = try line.reply(HTTPCall(method, line.url + "/x", body: body))
            #expect(reply.status == 200)
            #expect(line.server.requests.all.map(\.line) == ["\(method.rawValue) /x HTTP/1.1"])
        }
    }

    @Test func aReplyIsGivenWithItsStatusHeadersAndBytes() throws {
        let answer = """
            HTTP/1.1 418 I'm a teapot\r\nContent-Length: 4\r\nX-Two:  spaces  \r\n\
            RETRY-AFTER: 7\r\n\r\n\u{0}ab\n
            """
        try withServer { _ in
            answer
        } _: { line in
            let reply = try line.reply(line.get())
            #expect(reply.status == 418)
            #expect(reply.headers["x-two"] == "spaces")
            #expect(reply.retryAfterSeconds == 7)
            #expect(reply.body == Array("\u{0}ab\n".utf8))
            #expect(reply.fileBytes == 0)
        }
    }

    @Test func aChunkedReplyIsPutTogether() throws {
        let answer = """
            HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
            3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: 1\r\n\r\n
            """
        try withServer { _ in
            answer
        } _: { line in
            let reply = try line.reply(line.get())
            #expect(reply.body == Array("abcde".utf8))
        }
    }

    @Test func anInterimReplyIsNotTheReply() throws {
        let interim = "HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n"
        try withServer { _ in
            interim + Wire.reply("{}", "202 Accepted")
        } _: { line in
            let reply = try line.reply(line.submit())
            #expect(reply.status == 202)
            #expect(reply.headers["x-early"] == nil)
        }
    }

    @Test func aRedirectIsAReplyAndNotFollowed() throws {
        let answer: @Sendable (LoopbackRequest) -> String = { _ in
            Wire.reply("", "302 Found", "Location: /elsewhere\r\n")
        }
        try withServer(answer) { line in
            let reply = try line.reply(line.get())
            #expect(reply.status == 302)
            #expect(reply.headers["location"] == "/elsewhere")
            #expect(line.server.requests.all.count == 1)
        }
    }

    @Test func oneConnectionCarriesOneRequestAfterAnother() throws {
        try withServer { line in
            for number in 0..<30 { _ = try line.reply(line.get("/\(number)")) }
            _ = try line.reply(line.submit())
            #expect(line.server.accepted.all.count == 1)
            #expect(line.server.requests.all.count == 31)
        }
    }

    @Test func manyCallsAreUnderWayAtOnceOnOneThread() throws {
        let all = 60
        let arrived = Happening<Int>()
        let server = try LoopbackServer { connection in
            while connection.readRequest() != nil {
                arrived.note(connection.number)
                // Nobody is answered before everybody has arrived.
                _ = arrived.wait { $0.count >= all }
                connection.send(Wire.reply())
            }
        }
        let line = try Line(server)
        defer { line.stop() }
        let threads = Mutex<Set<UInt>>([])
        let replies = Happening<Int>()
        let account = VendorAccount(row: 1, baseURL: line.url, credential: Secret("k"))
        for _ in 0..<all {
            line.transport.send(line.get(), to: account, into: .memory(bytesMax: 100)) { result in
                _ = threads.withLock { $0.insert(UInt(pthread_self())) }
                replies.note((try? result.get())?.status ?? 0)
            }
        }
        #expect(replies.wait { $0.count == all })
        #expect(replies.all.allSatisfy { $0 == 200 })
        #expect(threads.withLock(\.count) == 1)
    }

    @Test func callsBeyondTheConnectionsWaitTheirTurn() throws {
        let line = try Line(try LoopbackServer.answering { _ in Wire.reply() }) {
            $0.connectionsPerHostMax = 2
        }
        defer { line.stop() }
        let pending = (0..<20).map { line.begin(line.get("/\($0)")) }
        for call in pending { #expect(try call.result().get().status == 200) }
        #expect(line.server.accepted.all.count <= 2)
        #expect(Set(line.server.requests.all.map(\.line)).count == 20)
    }

    @Test func aSubmitWhoseTurnComesTooLateIsNotSent() throws {
        let held = Happening<Int>()
        let server = try LoopbackServer { connection in
            while connection.readRequest() != nil {
                _ = held.wait { !$0.isEmpty }
                connection.send(Wire.reply())
            }
        }
        let line = try Line(server) { $0.connectionsPerHostMax = 1 }
        defer { line.stop() }
        let first = line.begin(line.get("/first"))
        #expect(server.requests.wait { $0.count == 1 })
        var late = line.submit("/late", .none)
        late.beginBefore = .now
        let second = line.begin(late)
        held.note(1)
        #expect(try first.result().get().status == 200)
        guard case .failure(let failure) = try second.result() else {
            Issue.record("a late submit was sent")
            return
        }
        #expect(!failure.mayHaveArrived)
        #expect(failure.error.code.accountFault == nil, "no account is to blame for Kinora's own line")
        #expect(server.requests.all.count == 1)
    }

    @Test(
        arguments: [
            ("retry-after", "7", 7), ("retry-after", "0", 0), ("retry-after", "-1", nil),
            ("retry-after", "1.5", 2), ("retry-after", "nan", nil), ("retry-after", "inf", 86_400),
            ("retry-after", "86400", 86_400), ("retry-after", "90000", 86_400), ("retry-after", "soon", nil),
            ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT", nil), ("retry-after-ms", "1", 1),
            ("retry-after-ms", "1500", 2), ("retry-after-ms", "0", 0), ("retry-after-ms", "-5", nil),
            ("retry-after-ms", "99999999999999999999", 86_400),
        ] as [(String, String, Int?)])
    func aTimeToWaitIsReadOrIgnored(_ header: String, _ value: String, _ seconds: Int?) {
        #expect(HTTPReply(status: 429, headers: [header: value]).retryAfterSeconds == seconds)
    }

    /// Of the clock that made it.
    @Test(
        arguments: [
            ("Wed, 21 Oct 2026 07:29:30 GMT", 90), ("Wed, 21 Oct 2026 07:27:00 GMT", 0),
            ("Fri, 23 Oct 2026 07:28:00 GMT", 86_400),
        ])
    func aDateToWaitForIsRead(_ date: String, _ seconds: Int) {
        let headers = ["retry-after": date, "date": "Wed, 21 Oct 2026 07:28:00 GMT"]
        #expect(HTTPReply(status: 503, headers: headers).retryAfterSeconds == seconds)
    }

    @Test func millisecondsToWaitStandBeforeSeconds() {
        let headers = ["retry-after": "60", "retry-after-ms": "2000"]
        #expect(HTTPReply(status: 429, headers: headers).retryAfterSeconds == 2)
    }
}
