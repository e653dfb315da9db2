import Core
import Foundation
import TestSupport
import Testing

extension GatewayTests {
    @Suite struct Images {
        private static let create = "/v1/images/generations"

        private func draw(
            _ gateway: Gateway, _ more: JSONObject = [:], at path: String = create, prefer: String? = nil
        ) throws -> Reply {
            var body: JSONObject = ["model": "gpt-image-2", "prompt": "a cat — 猫", "size": "64x64"]
            for (name, value) in more.members { body[name] = value }
            let call = Call.post(path, json: .object(body))
            return try gateway.send(prefer.map { call.with("Prefer", $0) } ?? call)
        }

        private func urls(_ reply: Reply) -> [String] {
            (reply.json["data"]?.arrayValue ?? []).compactMap { $0["url"]?.stringValue }
        }

        @Test(arguments: Doorway.allCases)
        func comeWithTheAnswer(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let reply = try draw(gateway, ["n": 2])
                #expect(reply.status == 200, "\(reply.text)")
                #expect(reply["Content-Type"] == "application/json")
                #expect(reply["Cache-Control"] == "no-store")
                let age = Int64(Date.now.timeIntervalSince1970) - (reply.json["created"]?.integerValue ?? 0)
                #expect((-2...60).contains(age))
                #expect(urls(reply).count == 2)
            }
        }

        @Test func areFetchedByTheirLinkWithoutAKey() throws {
            try withGateway(through: .nginx) { gateway in
                let url = try #require(urls(try draw(gateway)).first)
                let instance = try Instance.running()
                #expect(url.hasPrefix(instance.url + "/media/"), "\(url)")
                let path = String(url.dropFirst(instance.url.count))
                let picture = try gateway.sendAnonymously(.get(path))
                #expect(picture.status == 200 && picture["Content-Type"] == "image/png")
                #expect(MediaType(sniffing: picture.body) == .png)
                #expect(try gateway.sendAnonymously(.get(path + "0")).status == 403)
                let part = try gateway.sendAnonymously(Call.get(path).with("Range", "bytes=0-7"))
                #expect(part.status == 206 && part.body == Array(picture.body.prefix(8)))
            }
        }

        @Test(arguments: [Doorway.fastcgi, .nginx])
        func comeAsBase64OnDemand(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let reply = try draw(gateway, ["n": 2, "response_format": "b64_json", "size": "1024x1024"])
                let data = try #require(reply.json["data"]?.arrayValue)
                let pictures = data.compactMap {
                    $0["b64_json"]?.stringValue.flatMap { Base64.decode($0.utf8) }
                }
                #expect(pictures.count == 2)
                #expect(pictures.allSatisfy { MediaType(sniffing: $0) == .png && $0.count > 1000 })
                #expect(data.allSatisfy { $0["url"] == nil })
            }
        }

        @Test(arguments: Doorway.allCases)
        func areTasksThatCanBeAskedForLater(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                for (more, prefer) in [(["async": true], nil), ([:], "respond-async")]
                    as [(JSONObject, String?)]
                {
                    let accepted = try draw(gateway, more, prefer: prefer)
                    #expect(accepted.status == 202)
                    #expect(accepted.json["object"] == "task" && accepted.json["type"] == "image")
                    #expect(accepted.json["status"] == "queued")
                    let id = accepted.id
                    #expect(id.hasPrefix("task_"))
                    let ended = try gateway.send(.get("/v1/tasks/\(id)?wait=30"))
                    #expect(ended.json["status"] == "succeeded")
                    #expect(ended.json["progress"] == 100)
                    #expect(
                        ended.json["result_url"]?.stringValue?.hasSuffix("/v1/tasks/\(id)/result") == true)
                    #expect(urls(try gateway.send(.get("/v1/tasks/\(id)/result"))).count == 1)
                    #expect(try gateway.send(.delete("/v1/tasks/\(id)")).json["deleted"] == true)
                    #expect(try gateway.send(.get("/v1/tasks/\(id)")).status == 404)
                    #expect(try gateway.send(.get("/v1/tasks/\(id)/result")).status == 404)
                }
            }
        }

        @Test(arguments: Doorway.allCases)
        func oneIdFindsATaskOfAnyKind(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let video = try gateway.submit("as a task").id
                let task = try gateway.send(.get("/v1/tasks/\(video)"))
                #expect(task.json["object"] == "task" && task.json["type"] == "video")
                #expect(task.id.wholeMatch(of: /task_[0-9a-f-]{36}/) != nil)
                #expect(try gateway.send(.get("/v1/videos/\(task.id)")).id == video)
                let picture = try draw(gateway, ["async": true]).id
                #expect(try gateway.send(.get("/v1/videos/\(picture)")).json["model"] == "gpt-image-2")
                let stranger = gateway.keys.stranger
                #expect(try gateway.send(Call.get("/v1/tasks/\(picture)").key(stranger)).status == 404)
                let result = try gateway.send(Call.get("/v1/tasks/\(picture)/result").key(stranger))
                #expect(result.status == 404 && result.errorCode == "task_not_found")
            }
        }

        // Inside the test process they would lie where no worker looks.
        @Test(arguments: [Doorway.fastcgi, .nginx])
        func areEditedFromReferences(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let png = Self.png
                let fields = [("prompt", "older"), ("model", "gpt-image-2"), ("size", "64x64")]
                for files in [["image"], ["image[]", "image[]"], ["image[0]", "image[1]"]] {
                    for path in ["/v1/images/edits", "/v1/images/compositions"] {
                        let reply = try gateway.send(
                            .post(path, form: fields, files: files.map { FormFile(field: $0, bytes: png) }))
                        #expect(reply.status == 200, "\(files) \(reply.text)")
                        #expect(urls(reply).count == 1)
                    }
                }
                let text = Base64.encode(png)
                for image in [
                    .string("data:image/png;base64," + text), [.string(text), ["url": .string(text)]],
                ] as [JSON] {
                    #expect(urls(try draw(gateway, ["image": image], at: "/v1/images/edits")).count == 1)
                    #expect(urls(try draw(gateway, ["images": image])).count == 1)
                }
            }
        }

        /// A real one, a single pixel.
        private static let png =
            Base64.decode(
                ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
                    + "AABJRU5ErkJggg==").utf8)!

        @Test(arguments: Doorway.allCases)
        func badRequestsAreRefusedByName(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let cases: [(JSONObject, Int, String, String)] = [
                    (["prompt": ""], 400, "missing_parameter", "prompt"),
                    (["prompt": "  "], 400, "missing_parameter", "prompt"),
                    (["model": "no-such"], 404, "model_not_found", "model"),
                    (["model": "sora-2"], 404, "model_not_found", "model"),
                    (["n": 0], 400, "invalid_value", "n"), (["n": 11], 400, "invalid_value", "n"),
                    (["n": "x"], 400, "invalid_value", "n"),
                    (["model": "sora-image", "size": .null, "n": 2], 400, "invalid_value", "n"),
                    (["size": "17x17"], 400, "invalid_value", "size"),
                    (["model": "dall-e-3", "size": "64x64"], 400, "invalid_value", "size"),
                    (["quality": "best"], 400, "invalid_value", "quality"),
                    (["output_compression": 101], 400, "invalid_value", "output_compression"),
                    (["image": "bm90IGEgcGljdHVyZQ=="], 400, "invalid_value", "image"),
                    (["image": "data:image/png;base64,!"], 400, "invalid_value", "image"),
                    (["image": "https://example.com/a.png"], 400, "invalid_value", "image"),
                    (["response_format": "gif"], 400, "invalid_value", "response_format"),
                    (["stream": true], 400, "invalid_value", "stream"),
                ]
                for (more, status, code, field) in cases {
                    let reply = try draw(gateway, more)
                    #expect(
                        (reply.status, reply.errorCode, reply.errorField) == (status, code, field),
                        "\(JSON.object(more).text): \(reply.text)")
                    #expect(reply.json["detail"]?.stringValue == reply.errorMessage)
                }
                let missing = try draw(gateway, at: "/v1/images/edits")
                #expect((missing.status, missing.errorField) == (400, "image"))
                #expect(missing.errorMessage == "Missing required parameter: image")
            }
        }

        @Test(arguments: Doorway.allCases)
        func aPrefixFixesTheFamily(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                #expect(urls(try draw(gateway, at: "/sora" + Self.create)).count == 1)
                let other = try draw(gateway, at: "/jimeng" + Self.create)
                #expect((other.status, other.errorCode) == (404, "model_not_found"))
                let own = try draw(
                    gateway, ["model": "jimeng-4.5", "size": .null], at: "/jimeng" + Self.create)
                #expect(urls(own).count == 1)
                // One submit after the other.
                let three = try draw(
                    gateway, ["model": "jimeng-4.5", "size": .null, "n": 3], at: "/jimeng" + Self.create)
                #expect(urls(three).count == 3)
                let five = try draw(gateway, ["model": "jimeng-4.5", "n": 5], at: "/jimeng" + Self.create)
                #expect(five.status == 400)
            }
        }

        @Test(arguments: Doorway.allCases)
        func aKeyForOnceIsAnsweredOnce(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let name = "picture-\(UUID().uuidString)"
                func send(_ prompt: String) throws -> Reply {
                    try gateway.send(
                        Call.post(
                            Self.create, json: ["prompt": .string(prompt), "async": true, "size": "64x64"]
                        ).with("Idempotency-Key", name))
                }
                let first = try send("once")
                #expect(try send("once").id == first.id)
                #expect(try send("twice").status == 422)
            }
        }

        @Test func aContentRefusalIsOneAndIsNotSentAgain() throws {
            try withGateway(through: .nginx) { gateway in
                let reply = try draw(
                    gateway, ["prompt": .string("[sandbox:content_refusal] \(UUID().uuidString)")])
                #expect((reply.status, reply.errorCode) == (400, "content_policy_violation"))
                #expect(reply["x-should-retry"] == "false")
                let task = try #require(reply.json["error"]?["task_id"]?.stringValue)
                let seen = try gateway.send(.get("/v1/tasks/\(task)"))
                #expect(seen.json["error"]?["code"] == "content_policy_violation")
            }
        }

        @Test func theWaitThatIsOverNamesTheTask() throws {
            try withGateway(through: .nginx) { gateway in
                let reply = try draw(
                    gateway, ["prompt": .string("[sandbox:slow_body] \(UUID().uuidString)")], prefer: "wait=1"
                )
                #expect((reply.status, reply.errorCode) == (408, "task_timeout"))
                #expect(reply.json["error"]?["type"] == "timeout_error")
                let task = try #require(reply.json["error"]?["task_id"]?.stringValue)
                let ended = try gateway.send(.get("/v1/tasks/\(task)/result?wait=60"))
                #expect(ended.status == 200 && urls(ended).count == 1)
            }
        }
    }
}
