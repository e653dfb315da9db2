import Core
import Foundation
import TestSupport
import Testing

/// What goes through the bridge, from the client to the sandbox that plays one and back.
extension GatewayTests {
    @Suite(.freshDatabase) struct Bridges {
        private static let wish: JSON = [
            "prompt": "多镜头多角度拍摄...", "expansion_level": "long", "duration_s": 15,
        ]

        // Answers

        @Test(arguments: ["", "/sora"])
        func everybodyMayAskForWhatIsPublic(_ mount: String) throws {
            try withBridge { bridge in
                func json(_ call: Call) throws -> JSON {
                    let reply = try bridge.send(call)
                    #expect(reply.status == 200, "\(call.target): \(reply.text)")
                    #expect(reply["Cache-Control"] == "no-store")
                    return reply.json
                }
                let profile = try json(.get("\(mount)/v1/profiles/john_doe"))
                #expect(profile["success"] == true && profile["profile"]?["username"] == "john_doe")
                let unicode = try json(.get("\(mount)/v1/profiles/%E7%8C%AB"))
                #expect(unicode["profile"]?["username"] == "猫")

                let posts = try json(.get("\(mount)/v1/users/user-xxx/feed?limit=10"))
                #expect(posts["user_id"] == "user-xxx" && posts["feed"]?["items"]?.arrayValue?.count == 10)
                let cursor = try #require(posts["feed"]?["cursor"]?.stringValue)
                let next = try json(.get("\(mount)/v1/users/user-xxx/feed?limit=100&cursor=\(cursor)"))
                #expect(next["feed"]?["items"]?.arrayValue?.count == 15 && next["feed"]?["cursor"] == .null)

                let found = try json(.get("\(mount)/v1/characters/search?username=john&intent=cameo&limit=5"))
                #expect(found["query"] == "john" && found["count"] == 2)
                #expect(found["results"]?.arrayValue?.allSatisfy { $0["can_cameo"] == true } == true)

                let feed = try json(.get("\(mount)/v1/feed?limit=3&cut=nf2_top"))
                #expect(feed["cut"] == "nf2_top" && feed["count"] == 3 && feed["cursor"] == "3")
                #expect(feed["items"]?.arrayValue?[0]["attachment"]?["duration_seconds"]?.doubleValue == 10)

                let written = try json(.post("\(mount)/v1/enhance_prompt", json: Self.wish))
                #expect(written["enhanced_prompt"]?.stringValue?.contains("多镜头多角度拍摄") == true)
            }
        }

        @Test func operatorsMayAskForWhatIsOfAnAccount() throws {
            try withBridge { bridge in
                func json(_ target: String) throws -> JSON {
                    let reply = try bridge.send(.get(target), asOperator: true)
                    #expect(reply.status == 200, "\(target): \(reply.text)")
                    return reply.json
                }
                let invite = try json("/v1/invite-codes")
                #expect(invite["invite_code"] == "SBX101" && invite["remaining_count"] == 9)
                #expect(invite["total_count"] == 10 && invite["email"] == "sandbox@sandbox.example")
                for list in ["pending-tasks", "pending-tasks-v2"] {
                    let tasks = try json("/sora/v1/tokens/1/\(list)")
                    #expect(tasks["token_id"] == 1 && tasks["count"] == 2)
                }
                let task = try json("/v1/tokens/1/tasks/task_running")
                #expect(task["success"] == true && task["task"]?["progress_pct"]?.doubleValue == 0.5)
                let own = try json("/v1/tokens/1/profile-feed?limit=10")
                #expect(own["token_id"] == 1 && own["feed"]?["items"]?.arrayValue?.count == 10)
                #expect(try json("/v1/profiles/john?token_id=1")["profile"]?["username"] == "john")
                let missing = [
                    "/v1/tokens/7/pending-tasks", "/v1/feed?token_id=7", "/v1/tokens/1/tasks/task_done",
                ]
                for (target, code) in zip(
                    missing, ["account_not_found", "account_not_found", "task_not_found"])
                {
                    let reply = try bridge.send(.get(target), asOperator: true)
                    #expect(reply.status == 404 && reply.json["error"]?["code"]?.stringValue == code)
                }
            }
        }

        // Refusals

        @Test func othersMayNot() throws {
            try withBridge { bridge in
                for target in [
                    "/v1/invite-codes", "/v1/tokens/1/pending-tasks", "/v1/tokens/1/pending-tasks-v2",
                    "/v1/tokens/1/tasks/task_running", "/sora/v1/tokens/1/profile-feed",
                    "/v1/profiles/john?token_id=1", "/v1/feed?token_id=1",
                    "/v1/characters/search?username=john&token_id=1", "/v1/users/u/feed?token_id=1",
                ] {
                    let reply = try bridge.send(.get(target))
                    #expect(reply.status == 403, "\(target): \(reply.text)")
                    #expect(reply.json["error"]?["code"] == "forbidden")
                    #expect(reply.json["detail"]?.stringValue?.isEmpty == false)
                    #expect(try bridge.site.curl.send(.get(target)).status == 401)
                }
                let wish = Call.post("/v1/enhance_prompt?token_id=1", json: Self.wish)
                #expect(try bridge.send(wish).status == 403)
            }
        }

        @Test func whatIsWrongIsSaid() throws {
            try withBridge { bridge in
                let before = try bridge.site.sandbox.stats()["requests"]
                for (call, field) in [
                    (.get("/v1/feed?limit=0"), "limit"), (.get("/v1/feed?cut=best"), "cut"),
                    (.get("/v1/feed?token_id=x"), "token_id"), (.get("/v1/users/u/feed?limit=x"), "limit"),
                    (.get("/v1/users/u/feed?cursor=" + String(repeating: "x", count: 2049)), "cursor"),
                    (.get("/v1/characters/search"), "username"),
                    (.get("/v1/characters/search?username=a&intent=b"), "intent"),
                    (.get("/v1/tokens/x/pending-tasks"), "token_id"),
                    (.post("/v1/enhance_prompt", json: [:]), "prompt"),
                    (.post("/v1/enhance_prompt", json: ["prompt": "a", "duration_s": 4]), "duration_s"),
                    (
                        .post("/v1/enhance_prompt", json: ["prompt": "a", "expansion_level": "x"]),
                        "expansion_level"
                    ),
                ] as [(Call, String)] {
                    let reply = try bridge.send(call)
                    #expect(reply.status == 400, "\(call.target): \(reply.text)")
                    #expect(reply.json["error"]?["param"]?.stringValue == field)
                }
                #expect(try bridge.send(.get("/v1/profiles/nobody")).status == 404)
                #expect(try bridge.send(.post("/v1/feed", json: [:])).status == 405)
                // Only what nobody but the bridge could know was asked there.
                let asked = try bridge.site.sandbox.stats()["requests"]
                #expect(asked?.integerValue == (before?.integerValue ?? 0) + 1)
            }
        }

        @Test func withoutABridgeTheSettingIsNamed() throws {
            try withBridge(answering: nil) { bridge, _ in
                for target in [
                    "/v1/invite-codes", "/v1/profiles/john", "/v1/users/u/feed",
                    "/v1/characters/search?username=a",
                    "/v1/feed", "/v1/tokens/1/pending-tasks", "/v1/tokens/1/pending-tasks-v2",
                    "/v1/tokens/1/tasks/t", "/v1/tokens/1/profile-feed", "/sora/v1/feed",
                ] {
                    let reply = try bridge.send(.get(target), asOperator: true)
                    #expect(reply.status == 501, "\(target): \(reply.text)")
                    #expect(reply.json["error"]?["code"] == "not_supported")
                    #expect(reply.json["detail"]?.stringValue?.contains("KINORA_BRIDGE_URL") == true)
                }
                #expect(try bridge.send(.post("/v1/enhance_prompt", json: Self.wish)).status == 501)
                #expect(try bridge.send(.get("/v1/models")).status == 200)
            }
        }

        @Test func whatTheBridgeSuffersHasItsStatus() throws {
            try withBridge { bridge in
                for (fault, status, code) in [
                    ("rate_limit", 429, "upstream_rate"), ("concurrency", 429, "upstream_concurrency"),
                    ("server_error", 502, "upstream_server"), ("bad_gateway", 502, "upstream_server"),
                    ("html", 502, "upstream_protocol"), ("wrong_json", 502, "upstream_protocol"),
                    ("truncated_json", 502, "upstream_protocol"),
                    ("wrong_key", 502, "upstream_account_error"),
                    ("half_close", 502, "upstream_unreachable"), ("slow_body", 200, nil),
                ] as [(String, Int, String?)] {
                    let armed: JSON = [
                        "fault": .string(fault), "vendor": "bridge", "delay_seconds": .decimal("0.2"),
                    ]
                    try bridge.site.sandbox.arm(armed)
                    let reply = try bridge.send(.get("/v1/profiles/john"))
                    #expect(reply.status == status, "\(fault): \(reply.text)")
                    #expect(reply.json["error"]?["code"]?.stringValue == code, "\(fault)")
                    #expect((reply["Retry-After"] != nil) == (status == 429))
                }
                #expect(try bridge.send(.get("/v1/profiles/john")).status == 200)
            }
        }

        /// Bytes of somebody who is no bridge.
        @Test func nothingThatIsNoAnswerIsPassedOn() throws {
            let long = String(repeating: "x", count: Limits.bridgeReplyBytesMax + 1)
            try withBridge(answering: { _ in nil }) { bridge, receiver in
                for (status, body, headers) in [
                    (200, "<html>secret-of-theirs</html>", ""),
                    (200, #"{"result": {"profile": "\#(long)"}}"#, ""),
                    (200, #"{"result": {"profile": ["secret-of-theirs"]}}"#, ""),
                    (302, "", "Location: http://127.0.0.1:1/secret-of-theirs\r\n"),
                ] {
                    receiver.answers { _ in Receiver.reply(status, body, headers: headers) }
                    let reply = try bridge.send(.get("/v1/profiles/john"))
                    #expect(reply.status == 502 && reply.json["error"]?["code"] == "upstream_protocol")
                    #expect(!reply.text.contains("secret-of-theirs"))
                }
            }
        }

        @Test func aBridgeThatHangsOrDiesHoldsUpNobodyElse() throws {
            let answer: Receiver.Answer = { _ in nil }
            try withBridge(answering: answer) { bridge, receiver in
                let caught = Box<[Int]>([])
                let threads = try (0..<4).map { _ in
                    try Core.Thread {
                        let reply = try? bridge.send(.get("/v1/profiles/john"))
                        caught.change { $0.append(reply?.status ?? 0) }
                    }
                }
                #expect(receiver.waits(for: 4))
                // The user's places are taken; everything that needs no bridge is answered as ever.
                let fifth = try bridge.send(.get("/v1/profiles/john"))
                #expect(fifth.status == 429 && fifth.json["error"]?["code"] == "queue_full")
                #expect(fifth["Retry-After"] == "2")
                #expect(try bridge.send(.get("/v1/models")).status == 200)
                receiver.stop()
                for thread in threads { #expect(thread.join(until: .now + patience)) }
                #expect(caught.value == [502, 502, 502, 502])
                let dead = try bridge.send(.get("/v1/profiles/john"))
                #expect(dead.status == 502 && dead.json["error"]?["code"] == "upstream_unreachable")
            }
        }

        @Test func itsKeyStandsInNoLogAndNoAnswer() throws {
            let echo: Receiver.Answer = { message in
                let told = message.headers["authorization"] ?? "nothing"
                let json: JSON = ["error": ["code": "failed", "message": .string("telltale \(told)")]]
                return Receiver.reply(500, json.text)
            }
            try withBridge(answering: echo) { bridge, receiver in
                let reply = try bridge.send(.get("/v1/profiles/john"))
                #expect(reply.status == 502 && !reply.text.contains("telltale"))
                #expect(receiver.received.all.last?.headers["authorization"] == "Bearer \(BridgeSite.key)")
                bridge.all.signal(SIGTERM)
                #expect(bridge.all.end() != nil)
                let rows = try bridge.site.database.rows("SELECT to_jsonb(e)::text FROM event_log e")
                for log in [rows.compactMap { $0[0] }, bridge.all.lines] {
                    #expect(log.contains { $0.contains("telltale") })
                    #expect(!log.contains { $0.contains(BridgeSite.key) })
                }
            }
        }

        // kinora check

        @Test func theConfigurationIsProved() throws {
            try withBridge { bridge in
                let site = bridge.site
                let url = "https://localhost:\(site.port + 1)/bridge"
                func faults(_ url: String, _ more: [String: String] = [:]) throws -> String {
                    let checked = try site.kinora(
                        ["check"], BridgeSite.settings(site, url).merging(more) { $1 })
                    #expect(!checked.text.contains(BridgeSite.key))
                    return checked.status == 0 ? "" : checked.text
                }
                #expect(try faults(url) == "")
                #expect(
                    try faults("https://localhost:\(site.port + 1)/openai").contains("KINORA_BRIDGE_URL: "))
                #expect(try faults("http://bridge.example").contains("KINORA_BRIDGE_URL must be https"))
                #expect(try faults("bridge").contains("KINORA_BRIDGE_URL must be an http or https address."))
                let nowhere = ["KINORA_BRIDGE_KEY_FILE": "/nowhere/key"]
                #expect(
                    try faults(url, nowhere).contains("KINORA_BRIDGE_KEY_FILE: /nowhere/key: No such file"))
                let other = "\(site.home)/other.key"
                for (text, mode, words) in [
                    ("wrong-key", 0o600, "The bridge refused its key."), ("two words", 0o600, "nothing else"),
                    ("", 0o600, "nothing else"), ("bridge-sandbox-1", 0o644, "can be read by others"),
                ] {
                    try Data(text.utf8).write(to: URL(filePath: other))
                    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: other)
                    let said = try faults(url, ["KINORA_BRIDGE_KEY_FILE": other])
                    #expect(said.contains(words), "\(text): \(said)")
                }
            }
        }
    }
}
