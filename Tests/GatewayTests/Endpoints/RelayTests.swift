import Core
import Foundation
import TestSupport
import Testing

/// Text models, through nginx and the application to the sandbox and back.
extension GatewayTests {
    @Suite(.freshDatabase) struct Relay {
        private static let json = "application/json"

        private func withRelay(_ settings: [String: String] = [:], _ body: (Site) throws -> Void) throws {
            try withSite(settings) { site in
                try site.startSandbox(taskSeconds: 1)
                _ = try site.start("all")
                try body(site)
            }
        }

        private func chat(
            _ text: String, _ path: String = "/v1/chat/completions", _ more: JSONObject = [:]
        ) -> Call {
            var body: JSONObject = [
                "model": "gpt-4", "messages": [["role": "user", "content": .string(text)]],
            ]
            for (name, value) in more.members { body[name] = value }
            return .post(path, json: .object(body))
        }

        private func send(_ call: Call, to site: Site) throws -> Reply {
            let hasKey = call.headers.contains { $0.name == "Authorization" }
            return try site.curl.send(hasKey ? call : call.key(site.key))
        }

        /// As deep as JSON may be: the thread's stack must bear it.
        private static let deep = (0..<62).reduce("x" as JSON) { inner, _ in .array([inner]) }

        /// The text of a stream's pieces, and its last data.
        private func pieces(_ reply: Reply) -> (text: String, last: String) {
            let data = reply.text.split(separator: "\n\n").map { $0.dropFirst("data: ".count) }
            let text = data.compactMap { event in
                (try? JSONParser.parse(String(event)))?["choices"]?.arrayValue?.first?["delta"]?["content"]?
                    .stringValue
            }
            return (text.joined(), String(data.last ?? ""))
        }

        private func usage(_ site: Site) throws -> JSON? {
            try site.kinora(["usage", "--by", "model", "--json"]).json.arrayValue?.first {
                $0["model"] == "gpt-4"
            }
        }

        private func expectSound(_ site: Site) throws {
            let check = try site.kinora(["check", "--ledger"])
            #expect(check.status == 0, "\(check.text)\(check.errors)")
        }

        private func talks(_ site: Site) throws -> Int {
            let talks = try site.sandbox.stats()["talks_by_key"]?.objectValue?.members ?? []
            return talks.reduce(0) { $0 + Int($1.value.integerValue ?? 0) }
        }

        @Test(arguments: ["", "/api/relay"]) func theDocumentedAddressesAnswer(_ prefix: String) throws {
            try withRelay { site in
                let whole = try send(chat("你好", prefix + "/v1/chat/completions"), to: site)
                #expect(whole.status == 200 && whole["Content-Type"] == Self.json)
                #expect(
                    whole.json["choices"]?.arrayValue?.first?["message"]?["content"] == "You said: 你好")
                let streamed = try send(
                    chat("hello there", prefix + "/v1/chat/completions", ["stream": true]), to: site)
                #expect(streamed.status == 200)
                #expect(streamed["Content-Type"] == "text/event-stream; charset=utf-8")
                #expect(streamed["X-Accel-Buffering"] == nil && streamed["Content-Encoding"] == nil)
                #expect(pieces(streamed) == ("You said: hello there", "[DONE]"))
                #expect(!streamed.text.contains("prompt_tokens"))
                let embeddings = try send(
                    .post(
                        prefix + "/v1/embeddings",
                        json: ["model": "text-embedding-3-small", "input": ["a", "b"], "dimensions": 4]),
                    to: site)
                #expect(embeddings.json["data"]?.arrayValue?.count == 2)
                let models = try send(.get(prefix + "/v1/models"), to: site)
                let ids = models.json["data"]?.arrayValue?.compactMap { $0["id"]?.stringValue } ?? []
                #expect(Set(ids).isSuperset(of: ["gpt-4", "text-embedding-3-small"]))
                #expect(try send(.get(prefix + "/v1/models/gpt-4"), to: site).id == "gpt-4")
            }
        }

        /// Pictures stand in chats, and books: as long as any other JSON may be.
        @Test(arguments: ["/v1/chat/completions", "/sora/v1/chat/completions", "/llmage/v1/chat/completions"])
        func aChatMayBeLong(_ path: String) throws {
            try withRelay { site in
                let text = String(repeating: "雨", count: 500_000)
                let family: JSONObject = path.hasPrefix("/sora") ? ["model": "sora-2", "stream": false] : [:]
                let reply = try send(chat(text, path, family), to: site)
                // A model of videos bounds its prompt by itself.
                let isText = family.isEmpty
                #expect(reply.status == (isText ? 200 : 400), "\(reply.text.prefix(300))")
                #expect(reply.text.contains(isText ? "You said: 雨" : "at most 32000 characters"))
            }
        }

        @Test func theUsageIsListed() throws {
            try withRelay { site in
                _ = try send(chat("one two three"), to: site)
                _ = try send(chat("one two three", "/v1/chat/completions", ["stream": true]), to: site)
                let asked: JSONObject = ["stream": true, "stream_options": ["include_usage": true]]
                let told = try send(chat("one two three", "/v1/chat/completions", asked), to: site)
                #expect(told.text.contains(#""completion_tokens":5"#))
                try waitUntil("the usage is written down") { try usage(site)?["succeeded"] == 3 }
                let sums = try usage(site)
                #expect(sums?["input_tokens"] == 9 && sums?["output_tokens"] == 15)
                let list = try site.kinora(["model", "list", "--json"]).json.arrayValue ?? []
                #expect(
                    list.contains { $0["id"] == "gpt-4" && $0["kind"] == "chat" && $0["available"] == true })
            }
        }

        @Test func refusalsWearTheirDialectsEnvelope() throws {
            try withRelay { site in
                let broken = Call.post("/v1/chat/completions", Array(#"{"model":"#.utf8), type: Self.json)
                let form = Call.post("/v1/embeddings", form: [("model", "gpt-4")])
                let cases: [(Call, Int, String)] = [
                    (broken, 400, "invalid_request"), (form, 415, "unsupported_media_type"),
                    (chat("x", "/v1/chat/completions", ["model": "no-such"]), 404, "model_not_found"),
                    (.post("/v1/embeddings", json: ["model": "sora-2", "input": "x"]), 400, "invalid_value"),
                    (chat("x", "/v1/chat/completions", ["stream": "yes"]), 400, "invalid_value"),
                    (chat("x", "/v1/chat/completions", ["stream_options": Self.deep]), 400, "invalid_value"),
                    (
                        .post("/v1/embeddings", json: ["model": "text-embedding-3-small"]), 400,
                        "invalid_request"
                    ),
                    (.get("/v1/chat/completions"), 405, "method_not_allowed"),
                    (chat("x").key("kn_wrong"), 401, "invalid_api_key"),
                    (
                        chat("x", "/v1/chat/completions", ["temperature": "hot", "frequency": 1]), 400,
                        "upstream_request"
                    ),
                ]
                for (call, status, code) in cases {
                    let reply = try send(call, to: site)
                    #expect(reply.status == status && reply.errorCode == code, "\(reply.text)")
                    #expect(reply.json["detail"]?.stringValue == reply.errorMessage)
                    #expect(reply.json["success"] == nil)
                    var below = call
                    below.target = "/api/relay" + call.target
                    let other = try send(below, to: site)
                    #expect(other.status == status, "\(other.text)")
                    #expect(
                        other.json.objectValue?.names == ["success", "message", "code", "data", "error"])
                    #expect(other.json["success"] == false && other.json["data"] == .null)
                    #expect(other.json["code"]?.stringValue == other.errorCode)
                    #expect(other.json["message"]?.stringValue == other.errorMessage)
                    if status == 405 { #expect(other["Allow"] == "POST" && reply["Allow"] == "POST") }
                }
                let nowhere = try send(.get("/api/relay/v1/nothing"), to: site)
                #expect(nowhere.status == 404 && nowhere.json["success"] == false)
                let large = Call.post(
                    "/v1/chat/completions", [UInt8](repeating: 0x20, count: (20 << 20) + 1), type: Self.json)
                #expect(try send(large, to: site).status == 413)
            }
        }

        @Test func aRevokedKeyAndAnEmptyQuotaAreForbiddenBelowTheRelay() throws {
            try withRelay { site in
                let key = try site.kinora(["key", "create", "--json"]).json["key"]?.stringValue ?? ""
                _ = try site.kinora(["key", "revoke", key])
                // Before the process knows of the key it answers 401 in both places.
                try waitUntil("the key is known, and refused") {
                    try send(chat("x", "/api/relay/v1/chat/completions").key(key), to: site).status == 403
                }
                #expect(try send(chat("x").key(key), to: site).status == 401)
                _ = try site.kinora(["model", "price", "set", "gpt-4", "--output", "1"])
                try waitUntil("the price is known") { try send(chat("x"), to: site).status == 403 }
                let refused = try send(chat("x", "/api/relay/v1/chat/completions"), to: site)
                #expect(refused.status == 403 && refused.errorCode == "insufficient_quota")
            }
        }

        @Test func everyFaultOfOneAccountIsAnotherAccountsAnswer() throws {
            try withRelay { site in
                let second = ["account", "add", "--vendor", "openai", "--name", "second"]
                let added = try site.kinora(
                    second + ["--base-url", "https://localhost:\(site.port + 1)/openai/v1"],
                    input: Array("sk-sandbox-second".utf8))
                #expect(added.status == 0)
                try waitUntil("both accounts answer") {
                    _ = try send(chat("x"), to: site)
                    return try site.sandbox.stats()["talks_by_key"]?.objectValue?.members.count == 2
                }
                for fault in [
                    "rate_limit", "server_error", "bad_gateway", "unavailable", "half_close",
                    "truncated_json",
                    "wrong_json", "html", "lost_answer", "error_inside", "insufficient_quota", "wrong_key",
                ] {
                    try site.sandbox.arm(["fault": .string(fault), "operation": "talk"])
                    let reply = try send(chat("still here"), to: site)
                    #expect(reply.status == 200, "\(fault): \(reply.text)")
                    try site.database.rows(
                        """
                        UPDATE account SET state = 'active', exhausted_at = NULL, cooling_until = NULL,
                            consecutive_errors = 0, consecutive_throttles = 0
                        """)
                    try waitUntil("the accounts are well again") {
                        try site.kinora(["account", "list", "--json"]).json.arrayValue?.allSatisfy {
                            $0["state"] == "active"
                        } == true
                    }
                }
            }
        }

        @Test func aStreamThatBreaksOffSaysSo() throws {
            try withRelay { site in
                for fault in ["half_close", "error_inside"] {
                    try site.sandbox.arm(["fault": .string(fault), "operation": "talk"])
                    let reply = try send(
                        chat("count to 40", "/v1/chat/completions", ["stream": true]), to: site)
                    #expect(reply.status == 200)
                    let (text, last) = pieces(reply)
                    #expect(text.hasPrefix("1 2 3"))
                    let error = try JSONParser.parse(last)["error"]
                    #expect(
                        error?["type"] == "server_error" && error?["message"]?.stringValue?.isEmpty == false)
                    #expect(!reply.text.contains("org-sandbox"))
                    #expect(!reply.text.contains("[DONE]"))
                    try site.database.rows("UPDATE account SET state = 'active', cooling_until = NULL")
                    try waitUntil("the account is well again") {
                        try send(chat("x"), to: site).status == 200
                    }
                }
            }
        }

        @Test func itMakesNoDifferenceWhereTheUpstreamsBytesAreTornApart() throws {
            try withRelay { site in
                try site.sandbox.arm(["fault": "slow_body", "operation": "talk", "delay_seconds": 1])
                let reply = try send(chat("count to 30", "/v1/chat/completions", ["stream": true]), to: site)
                let (text, last) = pieces(reply)
                #expect(text == (1...30).map(String.init).joined(separator: " "))
                #expect(last == "[DONE]")
            }
        }

        @Test func anUpstreamThatHangsIsGivenUp() throws {
            try withRelay { site in
                _ = try site.kinora(["setting", "set", "relay_first_byte_seconds", "1"])
                try site.sandbox.arm(["fault": "hang", "operation": "talk", "times": 50])
                // The first may still wait for as long as was allowed before.
                let impatient = site.curl.with("--max-time", "10")
                try waitUntil("it is given up", within: .seconds(60)) {
                    let call = chat("x", "/v1/chat/completions", ["stream": true])
                    let reply = try? impatient.send(call.key(site.key))
                    return reply?.status == 502 && reply?.errorCode == "upstream_unreachable"
                }
            }
        }

        @Test func aClientThatLeavesEndsTheUpstreamsWorkAndPaysForWhatCame() throws {
            try withRelay { site in
                let user = try site.database.rows("SELECT name FROM app_user")[0][0] ?? ""
                _ = try site.kinora(["quota", "topup", user, "1000"])
                _ = try site.kinora(["model", "price", "set", "gpt-4", "--output", "1000000"])
                try site.sandbox.set(["event_seconds": .decimal("0.05")])
                try waitUntil("the price is known") {
                    try send(chat("x", "/v1/chat/completions", ["max_tokens": 100_000]), to: site).status
                        == 403
                }
                let call = chat(
                    "count to 100000", "/v1/chat/completions", ["stream": true, "max_tokens": 500])
                let impatient = site.curl.with("--max-time", "8", "--no-buffer")
                #expect(try impatient.status(of: call.key(site.key)) == 28)
                try waitUntil("the upstream was told") { try site.sandbox.stats()["cuts"] == 1 }
                try waitUntil("it is settled") {
                    try site.database.number("SELECT count(*) FROM relay") == 0
                }
                let used = try site.database.number("SELECT used_micros FROM wallet")
                #expect((1...490).contains(used / 1_000_000), "\(used)")
                #expect(try site.database.number("SELECT held_micros FROM wallet") == 0)
                try expectSound(site)
            }
        }

        @Test func aProcessKilledInTheMiddleLeavesTheBooksSound() throws {
            try withSite { site in
                try site.startSandbox(taskSeconds: 1)
                let serve = try site.start("serve")
                let calls = try longStreams(20, site)
                let used = try site.database.number("SELECT used_micros FROM wallet")
                serve.kill9()
                try expectSound(site)
                #expect(try site.database.number("SELECT held_micros FROM wallet") > 0)
                try site.database.rows("UPDATE relay SET deadline_at = now()")
                _ = try site.start("work")
                try waitUntil("what was held is released") {
                    try site.database.number("SELECT held_micros FROM wallet") == 0
                }
                #expect(try site.database.number("SELECT used_micros FROM wallet") == used)
                try expectSound(site)
                for call in calls { #expect(call.end(within: .seconds(30)) != nil) }
            }
        }

        /// Streams that go on for minutes, all under way and paid for.
        private func longStreams(_ count: Int, _ site: Site) throws -> [Child] {
            let user = try site.database.rows("SELECT name FROM app_user")[0][0] ?? ""
            _ = try site.kinora(["quota", "topup", user, "1000"])
            _ = try site.kinora(["model", "price", "set", "gpt-4", "--output", "1000"])
            try site.sandbox.set(["event_seconds": .decimal("0.05")])
            let call = chat("count to 5000", "/v1/chat/completions", ["stream": true, "max_tokens": 5000])
                .key(site.key)
            // The price must be known before: what is free holds nothing.
            try waitUntil("the price is known") {
                _ = try site.curl.with("--max-time", "2").status(of: call)
                return try site.database.number("SELECT count(*) FROM ledger WHERE relay_id IS NOT NULL") > 0
            }
            try waitUntil("that one is settled") { try underWay(site) == 0 }
            let patient = site.curl.with("--max-time", "600")
            let streams = try (0..<count).map { _ in try patient.start(call) }
            try waitUntil("all are under way and paid for") { try underWay(site) == count }
            return streams
        }

        private func underWay(_ site: Site) throws -> Int {
            try site.database.number("SELECT count(*) FROM relay WHERE held_micros > 0")
        }

        @Test func aProcessThatStopsEndsItsStreamsInTime() throws {
            try withSite { site in
                try site.startSandbox(taskSeconds: 1)
                let all = try site.start("all")
                try site.sandbox.set(["event_seconds": .decimal("0.05")])
                let told = Box<String>("")
                let call = chat("count to 5000", "/v1/chat/completions", ["stream": true]).key(site.key)
                let client = try Core.Thread {
                    if let reply = try? site.curl.send(call) { told.change { $0 = reply.text } }
                }
                try waitUntil("it is under way") { try talks(site) == 1 }
                all.signal(SIGTERM)
                #expect(client.join(until: .now + .seconds(30)))
                #expect(told.value.contains("shutting_down"))
                #expect(all.end() == 0)
            }
        }

        @Test func manyStreamsLeaveTheShortCallsAlone() throws {
            try withRelay { site in
                // More than the sandbox has threads: the rest wait, which is all the same to short calls.
                let streams = try longStreams(50, site)
                for _ in 0..<50 { #expect(try send(.get("/v1/models"), to: site).status == 200) }
                #expect(try underWay(site) == 50)
                for stream in streams {
                    stream.signal(SIGTERM)
                    #expect(stream.end(within: patience) == 128 + SIGTERM)
                }
                #expect(try send(chat("still here"), to: site).status == 200)
            }
        }
    }
}
