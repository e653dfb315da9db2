import Core
import Foundation
import TestSupport
import Testing

/// A body that may be long is taken only of who has a key, and nothing of it before that is known.
extension GatewayTests {
    @Suite(.freshDatabase) struct Admission {
        private static let long = [UInt8](repeating: 0x61, count: 300_000)

        private func withServing(_ body: (Site) throws -> Void) throws {
            try withSite { site in
                _ = try site.start("serve")
                try site.startNginx()
                try body(site)
            }
        }

        private func post(_ target: String, type: String = "application/json") -> Call {
            .post(target, Self.long, type: type)
        }

        private func inChunks(_ call: Call) -> Call { call.with("Transfer-Encoding", "chunked") }

        /// How many bodies nginx has written to the disk: it logs each.
        private func spooled(_ site: Site) throws -> Int {
            let log = try String(contentsOfFile: "\(site.home)/log/nginx-error.log", encoding: .utf8)
            return log.components(separatedBy: "buffered to a temporary file").count - 1
        }

        @Test(arguments: ["--http1.1", "--http2"])
        func isRefusedBeforeAnythingReachesTheDisk(_ version: String) throws {
            try withServing { site in
                let curl = site.curl.with(version)
                let calls = [
                    post("/v1/videos"), post("/v1/videos?wait=30"), inChunks(post("/v1/videos")),
                    post("/v1/videos", type: "multipart/form-data; boundary=b"),
                    post("/v1/chat/completions"), inChunks(post("/v1/chat/completions")),
                    post("/v1/batches", type: "application/jsonl"), post("/api/user/redemption"),
                    post("/v1/nowhere"),
                ]
                for call in calls {
                    #expect(try curl.send(call).status == 401, "\(call.target)")
                    #expect(try curl.send(call.key("kn_wrong")).status == 401, "\(call.target)")
                }
                #expect(try spooled(site) == 0)
                for call in calls {
                    let status = try curl.send(call.key(site.key)).status
                    #expect(![401, 403, 413, 502].contains(status), "\(call.target): \(status)")
                }
                #expect(try spooled(site) == calls.count)
                let other = post("/v1/videos").with("X-API-Key", site.key)
                #expect(try curl.send(other).status == 400, "the other place of a key")
            }
        }

        @Test func isNobodysWhereNoBodyIsTaken() throws {
            try withServing { site in
                for target in ["/livez", "/openapi.json", "/api/health?wait=1", "/media/x.mp4"] {
                    #expect(try site.curl.send(post(target).key(site.key)).status == 413, "\(target)")
                }
                // nginx refuses it before it has looked for a place, and so without any limit.
                var trace = Call("TRACE", "/v1/videos").key(site.key)
                trace.body = Self.long
                let refused = try site.curl.with("--http1.1").send(trace)
                #expect(refused.status == 405 && refused.errorCode == "method_not_allowed")
                #expect(try spooled(site) == 0)
                // Over HTTP/2 a GET may have one without saying so.
                var get = inChunks(.get("/v1/models")).key(site.key)
                get.body = Self.long
                #expect(try site.curl.with("--http2").send(get).status == 413)
            }
        }

        /// Each API has an envelope of its own, and one another status for a key that was taken back.
        @Test func isRefusedAsAShortBodyIs() throws {
            let instance = try Instance.running()
            for target in [
                "/v1/videos", "/v1/videos/x/remix", "/v1/images/generations", "/v1/chat/completions",
                "/v1/batches", "/v1/enhance_prompt", "/sora/v1/videos", "/jimeng/v1/videos/generations",
                "/openart/api/generate", "/api/generate", "/llmage/v1/video/generations",
                "/llmage/v1/chat/completions", "/api/video/submit", "/api/relay/v1/images/generations",
                "/api/relay/v1/chat/completions", "/api/user/redemption",
            ] {
                for key in [nil, "kn_wrong", try Keyring.shared.get().revoked] {
                    func refusal(_ body: [UInt8]) throws -> Reply {
                        let call = Call.post(target, body, type: "application/json")
                        return try instance.curl.send(key.map(call.key) ?? call)
                    }
                    let short = try refusal(Array("{}".utf8))
                    let long = try refusal(Self.long)
                    #expect([401, 403].contains(short.status), "\(target)")
                    #expect(long.status == short.status && long.text == short.text, "\(target): \(long.text)")
                    for name in ["Content-Type", "Cache-Control", "WWW-Authenticate", "Retry-After"] {
                        #expect(long.all(name) == short.all(name), "\(target), \(name)")
                    }
                    #expect(long["KN-Refusal"] == nil)
                }
            }
        }

        @Test func isRefusedToWhoAsksBeforeItIsSent() throws {
            let folder = try Folder()
            try Data(Self.long).write(to: URL(filePath: "\(folder.path)/long"))
            let curl = try Instance.running().curl.with(
                "--http1.1", "--upload-file", "\(folder.path)/long", "--header", "Expect: 100-continue",
                "--expect100-timeout", "60", "--write-out", "|%{size_upload}")
            let call = Call("POST", "/v1/videos").with("Content-Type", "application/json")
            let refused = try curl.send(call.key("kn_wrong"))
            #expect(refused.status == 401 && refused.text.hasSuffix("|0"), "\(refused.text)")
            let taken = try curl.send(call.key(try Instance.running().key))
            #expect(taken.status == 400 && taken.text.hasSuffix("|300000"), "\(taken.text)")
        }

        /// What comes of the body is thrown away.
        @Test func leavesTheConnectionToTheNextRequest() throws {
            let instance = try Instance.running()
            func head(_ line: String, key: String, _ more: String) -> String {
                "\(line) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(key)\r\n\(more)\r\n\r\n"
            }
            let first = head("POST /v1/videos", key: "kn_wrong", "Content-Length: \(Self.long.count)")
            let second = head("GET /v1/models", key: instance.key, "Connection: close")
            let finished = try run(
                "/usr/bin/openssl",
                [
                    "s_client", "-quiet", "-connect", instance.url.replacing("https://", with: ""),
                    "-CAfile", instance.authority, "-verify_return_error",
                ],
                input: Array(first.utf8) + Self.long + Array(second.utf8))
            #expect(finished.text.hasPrefix("HTTP/1.1 401"))
            #expect(finished.text.contains("HTTP/1.1 200"))
            #expect(finished.text.contains("\"object\":\"list\""))
        }

        @Test func isWrittenDownOnce() throws {
            try withServing { site in
                _ = try site.curl.send(post("/v1/videos").key("kn_wrong"))
                _ = try site.curl.send(post("/v1/videos").key(site.key))
                try waitUntil("both are written") {
                    try site.database.number("SELECT count(*) FROM request_log") >= 2
                }
                let rows = try site.database.rows(
                    "SELECT status, route, error_code FROM request_log ORDER BY status DESC")
                #expect(rows.map { $0[0] } == ["401", "400"])
                #expect(rows[0] == ["401", "/v1/videos", "invalid_api_key"])
            }
        }

        @Test func waitsForTheApplication() throws {
            try withSite { site in
                try site.startNginx()
                let reply = try site.curl.send(post("/v1/videos").key(site.key))
                #expect(reply.status == 502 && reply.errorCode == "bad_gateway")
                #expect(reply["Retry-After"] == "2")
                #expect(try spooled(site) == 0)
            }
        }
    }
}
