import Core
import Foundation
import TestSupport
import Testing

/// Characters and the caller's statistics, through nginx to the sandbox's bridge and back.
extension GatewayTests {
    @Suite(.freshDatabase) struct Characters {
        private static let fields = [
            ("model", "sora-video-10s"), ("timestamps", "0,3"), ("username", "my_character"),
            ("display_name", "我的角色"), ("instruction_set", "Always speak politely."),
            ("safety_instruction_set", "Avoid unsafe content."),
        ]

        private func form(_ film: [UInt8], _ mount: String = "") -> Call {
            .post(
                "\(mount)/v1/characters", form: Self.fields, files: [FormFile(field: "video", bytes: film)])
        }

        private func json(_ film: [UInt8], _ more: JSONObject = [:]) -> Call {
            var body: JSONObject = ["video": .string(Base64.encode(film))]
            for (name, value) in more.members { body[name] = value }
            return .post("/v1/characters", json: .object(body))
        }

        @Test func aCharacterIsMadeListedFetchedAndForgotten() throws {
            let film = try film(2)
            try withBridge { bridge in
                let made = try bridge.send(form(film))
                #expect(made.status == 200, "\(made.text)")
                let id = made.id
                #expect(id.wholeMatch(of: /char_[0-9a-f]{12}/) != nil && made.json["object"] == "character")
                #expect(made.json["model"] == "sora-video-10s" && made.json["created"]?.integerValue != nil)
                let data = made.json["data"]
                #expect(data?["username"] == "my_character" && data?["display_name"] == "我的角色")
                #expect(data?["message"] == "Character created successfully")
                let cameo = try #require(data?["cameo_id"]?.stringValue)

                let second = try bridge.send(json(film))
                #expect(second.status == 200 && second.id != id, "\(second.text)")
                let list = try bridge.send(.get("/sora/v1/characters")).json["characters"]?.arrayValue
                #expect(list?.compactMap { $0["id"]?.stringValue } == [second.id, id])
                for name in [id, cameo] {
                    let one = try bridge.send(.get("/v1/characters/\(name)")).json["character"]
                    #expect(one?["status"] == "finalized" && one?["id"]?.stringValue == id)
                    #expect(one?["instruction_set"] == "Always speak politely.")
                }
                // What is somebody else's is not there.
                for call in [Call.get("/v1/characters/\(id)"), .delete("/v1/characters/\(cameo)")] {
                    let theirs = try bridge.send(call, asOperator: true)
                    #expect(theirs.status == 404 && theirs.json["error"]?["code"] == "character_not_found")
                }
                #expect(try bridge.send(.get("/v1/characters"), asOperator: true).json["characters"] == [])
                let gone = try bridge.send(.delete("/sora/v1/characters/\(id)"))
                #expect(gone.status == 200 && gone.json["success"] == true)
                #expect(try bridge.send(.get("/v1/characters/\(id)")).status == 404)
                #expect(try bridge.site.sandbox.accepted() == 2)
            }
        }

        @Test func ofManyRequestsWithOneKeyOneIsMade() throws {
            let film = try film(2)
            try withBridge { bridge in
                let call = json(film, ["username": "me"]).with("Idempotency-Key", "one")
                let replies = Box<[Reply]>([])
                let threads = try (0..<6).map { _ in
                    try Core.Thread {
                        let reply = (try? bridge.send(call)) ?? Reply(status: 0)
                        replies.change { $0.append(reply) }
                    }
                }
                for thread in threads { #expect(thread.join(until: .now + .seconds(30))) }
                #expect(replies.value.allSatisfy { [200, 409, 429].contains($0.status) })
                let ids = Set(replies.value.filter { $0.status == 200 }.map(\.id))
                #expect(ids.count == 1)
                let again = try bridge.send(call)
                #expect(again.status == 200 && ids == [again.id])
                let other = json(film, ["username": "you"]).with("Idempotency-Key", "one")
                #expect(try bridge.send(other).status == 422)
                #expect(try bridge.site.sandbox.accepted() == 1)
            }
        }

        /// The bridge makes it, and its answer is lost on the way.
        @Test(arguments: ["lost_answer", "half_close", "truncated_json"])
        func aLostAnswerIsAskedForAgain(_ fault: String) throws {
            let film = try film(2)
            try withBridge { bridge in
                try bridge.site.sandbox.arm(
                    ["fault": .string(fault), "vendor": "bridge", "operation": "submit"])
                let call = json(film).with("Idempotency-Key", "one")
                #expect(try bridge.send(call).status == 502)
                let list = try bridge.send(.get("/v1/characters")).json["characters"]?.arrayValue
                #expect(list?.compactMap { $0["status"]?.stringValue } == ["processing"])
                let again = try bridge.send(call)
                #expect(again.status == 200, "\(again.text)")
                #expect(try bridge.site.sandbox.accepted() == 1)
                #expect(try bridge.send(.get("/v1/characters")).json["characters"]?.arrayValue?.count == 1)
            }
        }

        @Test func whatIsWrongIsSaidAndNothingIsLeft() throws {
            let film = try film(2)
            try withBridge { bridge in
                for (call, status, code, field) in [
                    (.post("/v1/characters", json: [:]), 400, "invalid_request", "video"),
                    (.post("/v1/characters", json: ["video": "!"]), 400, "invalid_value", "video"),
                    (json(Array("no film".utf8)), 400, "invalid_value", "video"),
                    (form(try picture()), 400, "invalid_value", "video"),
                    (json(film, ["video_base64": "AAAA"]), 400, "invalid_value", "video_base64"),
                    (json(film, ["timestamps": "3,0"]), 400, "invalid_value", "timestamps"),
                    (json(film, ["username": "a b"]), 400, "invalid_value", "username"),
                    (json(film, ["model": "no-such"]), 404, "model_not_found", "model"),
                    (json(film, ["model": "gpt-image-2"]), 400, "invalid_value", "model"),
                    (json(film, ["video": "http://127.0.0.1/a.mp4"]), 400, "address_refused", "video"),
                    (json(film, ["username": "taken"]), 409, "already_exists", nil),
                ] as [(Call, Int, String, String?)] {
                    let reply = try bridge.send(call)
                    #expect(reply.status == status, "\(reply.text)")
                    #expect(reply.json["error"]?["code"]?.stringValue == code, "\(reply.text)")
                    #expect(reply.json["error"]?["param"]?.stringValue == field)
                }
                #expect(try bridge.send(.get("/v1/characters")).json["characters"] == [])
                #expect(try bridge.site.sandbox.accepted() == 0)
                #expect(try bridge.site.curl.send(form(film)).status == 401)
                let left = try FileManager.default.contentsOfDirectory(atPath: "\(bridge.site.home)/spool")
                #expect(left.isEmpty)
            }
        }

        @Test func withoutABridgeNoneIsMade() throws {
            let film = try film(2)
            try withBridge(answering: nil) { bridge, _ in
                for call in [form(film), json(film)] {
                    let reply = try bridge.send(call)
                    #expect(reply.status == 501 && reply.json["error"]?["code"] == "not_supported")
                    #expect(reply.json["detail"]?.stringValue?.contains("KINORA_BRIDGE_URL") == true)
                }
                #expect(try bridge.send(.get("/v1/characters")).json["characters"] == [])
                #expect(try bridge.send(.get("/v1/stats")).status == 200)
            }
        }

        // Statistics

        @Test func whatTheCallerHadMadeIsCounted() throws {
            try withBridge { bridge in
                let none = try bridge.send(.get("/v1/stats"))
                #expect(none.json["success"] == true && none.json["stats"]?["total_tokens"] == 1)
                #expect(none.json["stats"]?["total_videos"] == 0)
                for prompt in ["a harbour", "[sandbox:fail] a harbour"] {
                    let submit = try bridge.send(
                        .post("/v1/videos", json: ["prompt": .string(prompt), "seconds": "4"]))
                    #expect(submit.status == 200, "\(submit.text)")
                    let video = try bridge.send(.get("/v1/videos/\(submit.id)?wait=60"))
                    #expect(["completed", "failed"].contains(video.json["status"]?.stringValue))
                }
                var stats: JSON? = nil
                try waitUntil("both are counted", within: .seconds(30)) {
                    stats = try bridge.send(.get("/sora/v1/stats")).json["stats"]
                    return stats?["total_videos"] == 1 && stats?["total_errors"] == 1
                }
                #expect(stats?["today_videos"] == 1 && stats?["today_errors"] == 1)
                #expect(stats?["active_tokens"] == 1 && stats?["total_images"] == 0)
                let others = try bridge.send(.get("/v1/stats"), asOperator: true).json["stats"]
                #expect(others?["total_videos"] == 0 && others?["total_errors"] == 0)
            }
        }

        // Chats

        private func chat(_ film: [UInt8], _ prompt: String, _ more: JSONObject = [:]) -> Call {
            var body: JSONObject = [
                "model": "sora-2", "messages": [["role": "user", "content": .string(prompt)]],
                "video": .string(Base64.encode(film)),
            ]
            for (name, value) in more.members { body[name] = value.isNull ? nil : value }
            return .post("/v1/chat/completions", json: .object(body))
        }

        @Test func aChatMakesACharacter() throws {
            let film = try film(2)
            try withBridge { bridge in
                let options: JSON = ["timestamps": "0,3", "username": "my_character", "display_name": "Me"]
                let reply = try bridge.send(chat(film, "", ["character_options": options]))
                #expect(reply.status == 200, "\(reply.text)")
                let message = reply.json["choices"]?.arrayValue?.first?["message"]
                let told = try JSONParser.parse(message?["content"]?.stringValue ?? "")
                #expect(told["type"] == "character" && told["username"] == "my_character")
                #expect(message?["metadata"]?["cameo_id"] == told["cameo_id"])
                let id = try #require(told["character_id"]?.stringValue)
                #expect(try bridge.send(.get("/v1/characters/\(id)")).status == 200)

                let stream = try bridge.send(chat(film, "", ["stream": true]))
                #expect(stream["Content-Type"]?.hasPrefix("text/event-stream") == true)
                #expect(
                    stream.text.contains("character_creation") && stream.text.hasSuffix("data: [DONE]\n\n"))
                #expect(try bridge.site.sandbox.stats()["by_vendor"] == ["bridge": 2])
            }
        }

        @Test func aChatMakesTheVideoWithIt() throws {
            let film = try film(2)
            try withBridge { bridge in
                let reply = try bridge.send(
                    chat(film, "she waves", ["character_options": ["username": "me"]]))
                #expect(reply.status == 200, "\(reply.text)")
                let content = reply.json["choices"]?.arrayValue?.first?["message"]?["content"]?.stringValue
                #expect(try JSONParser.parse(content ?? "")["type"] == "video")
                let prompts = try bridge.site.database.rows("SELECT prompt FROM task_input")
                #expect(prompts == [["@me she waves"]])
                #expect(try bridge.send(.get("/v1/characters")).json["characters"]?.arrayValue?.count == 1)
                // What is refused anyway leaves no character.
                let refused = try bridge.send(chat(film, "she waves", ["seconds": 99]))
                #expect(refused.status == 400 && refused.json["error"]?["param"] == "seconds")
                let none = try bridge.send(chat(film, "x", ["video": .null, "character_options": [:]]))
                #expect(none.status == 400 && none.json["error"]?["param"] == "video")
                #expect(try bridge.site.sandbox.stats()["by_vendor"] == ["bridge": 1, "openai": 1])
            }
        }
    }
}
