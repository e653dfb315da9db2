import Core
import Foundation
import TestSupport
import Testing

/// Early answers to requests whose body nobody wanted, on connections that are used again: every reply must
/// be the reply to its own request.
extension GatewayTests {
    @Suite(.freshDatabase) struct Desynchronisation {
        private struct Bad: Sendable {
            let status: Int
            let records: [UInt8]
            /// Whether the connection can carry another request.
            let isKept: Bool

            init(_ status: Int, _ request: FastCGIRequest, key: String, isKept: Bool = true) {
                self.status = status
                var request = request
                request.headers.append(("Authorization", "Bearer \(key)"))
                request.keepsConnection = true
                records = request.records()
                self.isKept = isKept
            }
        }

        private static func badRequests(key: String) -> [Bad] {
            let body = Forgery.bytes(1 << 20, key: key)
            let json = [(name: "Content-Type", value: "application/json")]
            func post(_ target: String, _ headers: [(name: String, value: String)] = json) -> FastCGIRequest {
                FastCGIRequest("POST", target, headers: headers, body: body)
            }
            var tooLong = post("/v1/videos")
            tooLong.parameters = [("CONTENT_LENGTH", String(21 << 20))]
            var understated = post("/v1/nothing")
            understated.parameters = [("CONTENT_LENGTH", "10")]
            var twice = post("/v1/videos")
            twice.body += body
            return [
                Bad(401, post("/v1/videos"), key: "kn_wrong"), Bad(404, post("/v1/nothing"), key: key),
                Bad(405, post("/v1/models"), key: key), Bad(400, post("/v1/videos"), key: key),
                Bad(415, post("/v1/videos", [("Content-Type", "video/mp4")]), key: key),
                Bad(400, post("/v1/videos", [("Content-Type", "multipart/form-data; boundary=b")]), key: key),
                Bad(404, understated, key: key),
                Bad(200, FastCGIRequest("GET", "/livez", body: body), key: key),
                // An answer before the announced end, and more than is worth draining: these end the
                // connection.
                Bad(413, tooLong, key: key, isKept: false), Bad(401, twice, key: "kn_wrong", isKept: false),
            ]
        }

        /// Sends a request of its own and expects its own answer.
        private static func expectOwnAnswer(
            on connection: FastCGIConnection, _ name: String, key: String
        ) throws {
            var request = FastCGIRequest(
                "GET", "/v1/models/\(name)", headers: [("Authorization", "Bearer \(key)")])
            request.keepsConnection = true
            let reply = try connection.answer(to: request)
            guard reply.isComplete, reply.status == 404, reply.text.contains("'\(name)'") else {
                throw Failed("\(name) was answered: \(reply.isComplete) \(reply.status) \(reply.text)")
            }
        }

        @Test func doesNotHappenOnTheSocket() throws {
            try withSite { site in
                let serve = try site.start("serve", ["KINORA_FAST_THREADS": "4"])
                let bad = Self.badRequests(key: site.key)
                let (key, socket) = (site.key, site.fastSocket)
                let rounds = Box(0)
                try concurrently(4, within: .seconds(240)) { thread in
                    var connection = try FastCGIConnection(socketPath: socket)
                    for round in 0..<2500 {
                        let bad = bad[(round + thread) % bad.count]
                        // Where the connection ends with the answer, the rest of a body may find nobody.
                        do { try connection.send(bad.records) } catch let fault as FastCGIConnection.Fault
                            where !bad.isKept
                        {
                            guard fault.code == EPIPE else { throw fault }
                        }
                        let reply = try connection.readReply()
                        guard reply.isComplete, reply.status == bad.status,
                            !reply.text.contains(Forgery.trace)
                        else {
                            throw Failed("wanted \(bad.status), got \(reply.status) \(reply.text)")
                        }
                        if !bad.isKept {
                            guard try connection.receive() == nil else {
                                throw Failed("more came after \(bad.status)")
                            }
                            connection = try FastCGIConnection(socketPath: socket)
                        }
                        try Self.expectOwnAnswer(on: connection, "own-\(thread)-\(round)", key: key)
                        rounds.change { $0 += 1 }
                    }
                }
                #expect(rounds.value == 10_000)
                #expect(serve.isRunning)
                #expect(!serve.lines.contains { $0.contains(Forgery.trace) || $0.contains("6.6.6.6") })
            }
        }

        /// nginx keeps connections to the application and sends anybody's next request on them.
        @Test func doesNotHappenThroughNginx() throws {
            let instance = try Instance.running()
            let folder = try Folder()
            try Data(Forgery.bytes(1 << 20, key: instance.key)).write(
                to: URL(filePath: "\(folder.path)/body"))
            let pairs = 2500
            try concurrently(4, within: .seconds(280)) { thread in
                var config: [String] = []
                for number in 0..<pairs {
                    let target = ["videos", "nothing", "models"][number % 3]
                    let key = number % 3 == 0 ? "kn_wrong" : instance.key
                    config += Self.operation(
                        instance, target, key: key,
                        [
                            "data-binary = \"@\(folder.path)/body\"",
                            "header = \"Content-Type: application/json\"",
                        ])
                    config += Self.operation(
                        instance, "models/own-\(thread)-\(number)", key: instance.key, [])
                }
                let path = "\(folder.path)/config-\(thread)"
                try config.dropLast().joined(separator: "\n").write(
                    toFile: path, atomically: true, encoding: .utf8)
                let finished = try run("/usr/bin/curl", ["-q", "--config", path])
                let lines = finished.text.split(separator: "\n")
                guard finished.status == 0, lines.count == pairs * 2 else {
                    throw Failed("curl: \(finished.status), \(lines.count) answers, \(finished.errors)")
                }
                for number in 0..<pairs {
                    let status = ["401", "404", "405"][number % 3]
                    guard lines[number * 2].hasSuffix(" \(status)"),
                        !lines[number * 2].contains(Forgery.trace),
                        lines[number * 2 + 1].contains("'own-\(thread)-\(number)'")
                    else { throw Failed("\(lines[number * 2]) then \(lines[number * 2 + 1])") }
                }
            }
            let log = try String(contentsOfFile: "\(instance.home)/log/kinora.log", encoding: .utf8)
            #expect(!log.contains("\"\(Forgery.trace)\""))
            #expect(!log.contains("6.6.6.6"))
        }

        /// One call of a curl configuration. Its answer becomes one line: the body and the status.
        private static func operation(
            _ instance: Instance, _ target: String, key: String, _ more: [String]
        ) -> [String] {
            [
                "url = \"\(instance.url)/v1/\(target)\"", "cacert = \"\(instance.authority)\"", "silent",
                "show-error",
                "noproxy = \"*\"", "http1.1", "header = \"Expect:\"",
                "header = \"Authorization: Bearer \(key)\"",
                "write-out = \" %{http_code}\\n\"",
            ] + more + ["next"]
        }
    }
}
