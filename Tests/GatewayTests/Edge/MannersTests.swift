import Core
import Foundation
import Testing

/// What every answer through nginx has in common.
extension GatewayTests {
    @Suite struct Manners {
        private var instance: Instance { get throws { try Instance.running() } }

        @Test(arguments: [("--http1.1", "HTTP/1.1"), ("--http2", "HTTP/2")])
        func holdForBothVersionsOfHTTP(_ option: String, version: String) throws {
            let curl = try instance.curl.with(option)
            let key = try instance.key
            let reply = try curl.send(
                Call.post("/v1/videos", json: ["prompt": "x", "seconds": "4"]).key(key))
            #expect(reply.version == version)
            #expect(reply.status == 200)
            #expect(reply["Connection"] != "close")
            let video = try FinishedVideo.shared.get()
            let content = try curl.send(Call.get("/v1/videos/\(video.id)/content").key(key))
            #expect(content.version == version)
            #expect(content.body == video.bytes)
        }

        private func replies() throws -> [(String, Reply)] {
            let (curl, key, video) = (try instance.curl, try instance.key, try FinishedVideo.shared.get())
            let content = Call.get("/v1/videos/\(video.id)/content").key(key)
            let tag = try curl.send(content)["ETag"] ?? ""
            return [
                ("a list", try curl.send(Call.get("/v1/models").key(key))),
                ("a refused key", try curl.send(.get("/v1/models"))),
                ("a bad body", try curl.send(Call.post("/v1/videos", json: []).key(key))),
                ("an unknown address", try curl.send(.get("/nowhere"))),
                ("an unknown address of the API", try curl.send(.get("/v1/nowhere"))),
                ("a film", try curl.send(content)),
                ("a part of a film", try curl.send(content.with("Range", "bytes=0-9"))),
                ("a part beyond a film", try curl.send(content.with("Range", "bytes=99999999-"))),
                ("an unchanged film", try curl.send(content.with("If-None-Match", tag))),
                ("the health", try curl.send(.get("/api/health"))),
                ("the console", try curl.send(.get("/admin/"))),
                ("a redirection", try curl.send(.get("/"))),
            ]
        }

        @Test func includeTheSecurityHeadersOnceEach() throws {
            for (what, reply) in try replies() {
                for (name, value) in [
                    ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
                    ("Cross-Origin-Opener-Policy", "same-origin"),
                ] {
                    #expect(reply[name] == value, "\(what): \(reply.all(name))")
                }
                let isMedia = what.hasSuffix("film")
                #expect(
                    reply["Cross-Origin-Resource-Policy"] == (isMedia ? "cross-origin" : "same-origin"),
                    "\(what)")
                #expect(reply["Content-Security-Policy"]?.hasPrefix("default-src 'none'") == true, "\(what)")
                #expect(reply["Permissions-Policy"]?.contains("camera=()") == true, "\(what)")
                #expect(reply.all("Cache-Control").count <= 1, "\(what): \(reply.all("Cache-Control"))")
                #expect(reply.all("Content-Type").count <= 1, "\(what)")
                #expect(reply.all("X-Powered-By").isEmpty, "\(what)")
                #expect(reply["Server"] == "nginx", "\(what)")
            }
        }

        @Test func includeANameForEachRequest() throws {
            for (what, reply) in try replies() {
                #expect(reply["X-Request-Id"]?.wholeMatch(of: /[0-9a-f]{32}/) != nil, "\(what)")
            }
            let names = try (0..<5).map { _ in
                try instance.curl.send(.get("/v1/models"))["X-Request-Id"] ?? ""
            }
            #expect(Set(names).count == 5)
        }

        @Test func keepTheNameThatAClientGives() throws {
            let call = Call.get("/v1/models").key(try instance.key)
            for name in ["mine-1", "A.b_c-9", String(repeating: "n", count: 64)] {
                #expect(try instance.curl.send(call.with("X-Request-Id", name))["X-Request-Id"] == name)
            }
            for name in ["two words", "<script>", "a\"b", String(repeating: "n", count: 65), "é"] {
                let reply = try instance.curl.send(call.with("X-Request-Id", name))
                #expect(reply["X-Request-Id"]?.wholeMatch(of: /[0-9a-f]{32}/) != nil, "\(name)")
            }
        }

        @Test func leaveTracesInBothLogsButNoSecrets() throws {
            let name = "trace-\(TaskID.random().short)"
            let key = try instance.key
            let secret = String(key.dropFirst(20).prefix(30))
            _ = try instance.curl.send(
                Call.get("/v1/videos/sora-2-000000000000?signature=hush-\(name)").key(key).with(
                    "X-Request-Id", name))
            let home = try instance.home
            for log in ["kinora.log", "nginx-access.log"] {
                try waitUntil("\(log) names the request") {
                    try String(contentsOfFile: "\(home)/log/\(log)", encoding: .utf8).contains("\"\(name)\"")
                }
            }
            for log in try FileManager.default.contentsOfDirectory(atPath: "\(home)/log")
            where log.hasSuffix(".log") {
                let text = try String(contentsOfFile: "\(home)/log/\(log)", encoding: .utf8)
                #expect(!text.contains("hush-"), "\(log)")
                #expect(!text.contains(secret), "\(log)")
                #expect(!text.contains("sk-sandbox-default"), "\(log)")
            }
        }

        @Test func keepABodyFromHEAD() throws {
            let curl = try instance.curl
            for target in ["/v1/models", "/v1/videos/sora-2-000000000000", "/api/health", "/nowhere"] {
                let get = try curl.send(Call.get(target).key(try instance.key))
                let head = try curl.send(Call("HEAD", target).key(try instance.key))
                #expect(head.status == get.status, "\(target)")
                #expect(head["Content-Type"] == get["Content-Type"], "\(target)")
                #expect(head.body.isEmpty, "\(target)")
                #expect(!get.body.isEmpty, "\(target)")
            }
        }

        @Test func answerTheProbes() throws {
            let curl = try instance.curl
            #expect(try curl.send(.get("/livez")).text == "ok\n")
            #expect(try curl.send(.get("/readyz")).text == "ok\n")
            let health = try curl.send(.get("/api/health"))
            #expect(health.status == 200)
            #expect(health.json["status"] == "ok")
            #expect(health.json["version"] == .string(kinoraVersion))
        }
    }
}
