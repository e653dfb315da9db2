import Core
import Crypto
import TestSupport
import Testing
import Upstream

@testable import Sandbox

/// Kling's odd rules, as its documents have them. It has no SDK that could be asked.
@Suite struct KlingSandboxTests {
    private static let apiKey = "Bearer api-key-kling-sandbox-one1"

    private func client(_ sandbox: LiveSandbox, _ authorization: String = apiKey) -> FastCGIClient {
        sandbox.client(with: [("Authorization", authorization)])
    }

    /// As PyJWT would make it, of any claims.
    private func token(
        _ claims: JSON, secret: String = "sk-sandbox-one1", algorithm: String = "HS256"
    ) -> String {
        func part(_ bytes: [UInt8]) -> String {
            Core.Base64.encode(bytes).filter { $0 != "=" }.replacing("+", with: "-").replacing("/", with: "_")
        }
        let header: JSON = ["alg": .string(algorithm), "typ": "JWT"]
        let text = "\(part(header.serialized())).\(part(claims.serialized()))"
        let key = SymmetricKey(data: Array(secret.utf8))
        let code = HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key)
        return "Bearer \(text).\(part(Array(code)))"
    }

    private static let list = "/kling/v1/videos/text2video?pageNum=1&pageSize=10"

    @Test func tokensAreGoodForTheirTimeOnly() throws {
        try withSandbox { sandbox in
            let now = sandbox.clock.now.seconds
            func claims(_ start: Int64, _ end: Int64, _ issuer: String = "ak-sandbox-one1") -> JSON {
                [
                    "iss": .string(issuer), "exp": .integer(now + end), "nbf": .integer(now + start),
                ]
            }
            let answers = [
                (token(claims(-5, 1800)), "200 0"), (token(claims(0, 1)), "200 0"),
                (token(claims(1, 1800)), "401 1003"), (token(claims(-1800, 0)), "401 1004"),
                (token(claims(-5, 1800), secret: "another"), "401 1002"),
                (token(claims(-5, 1800), algorithm: "none"), "401 1002"),
                (token(claims(-5, 1800, "ak-somebody")), "401 1002"),
                (token(["iss": "ak-sandbox-one1"]), "401 1002"), ("Bearer a.b.c", "401 1002"),
                ("", "401 1001"),
            ]
            for (authorization, answer) in answers {
                let reply = try client(sandbox, authorization).send("GET", Self.list)
                #expect("\(reply.status) \(reply.json["code"]?.text ?? "")" == answer)
            }
        }
    }

    /// The token that the vendor's rule gives for these claims, computed apart from any code here.
    @Test func aKnownTokenIsRead() throws {
        let known = try #require(
            WebToken(
                """
                eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
                eyJpc3MiOiJhay10ZXN0IiwiZXhwIjoxNzY3MzI2NjQ1LCJuYmYiOjE3NjczMjQ4NDB9.\
                g1hU6YggWJi__EFIcYgTc6JzhkfUnvkwh3ebF0MB5mk
                """))
        #expect(known.claims["iss"] == "ak-test" && known.claims["exp"] == 1_767_326_645)
        #expect(known.isSigned(with: "sk-test") && !known.isSigned(with: "sk-other"))
    }

    private static let picture: JSON = .string(PictureHead.base64)

    @Test(
        arguments: [
            (
                "videos/text2video",
                ["duration": "10", "mode": "pro", "aspect_ratio": "9:16", "sound": "on"], 200
            ),
            ("videos/text2video", ["duration": 5], 400), ("videos/text2video", ["duration": "7"], 400),
            ("videos/text2video", ["model_name": "kling-v3", "duration": "7"], 200),
            ("videos/text2video", ["model_name": "kling-v1-6"], 403),
            ("videos/text2video", ["mode": "best"], 400),
            ("videos/text2video", ["sound": true], 400), ("videos/text2video", ["prompt": .null], 400),
            ("videos/text2video", ["image": picture], 400),
            ("videos/text2video", ["callback_url": "ftp://a"], 400),
            ("videos/image2video", ["image": picture, "image_tail": "https://m.example/1.png"], 200),
            ("videos/image2video", ["image": .string("data:image/png;base64,AAAA")], 400),
            ("videos/image2video", ["image_tail": picture], 400),
            ("videos/image2video", ["image": picture, "aspect_ratio": "16:9"], 400),
            ("images/generations", ["model_name": "kling-v3", "n": 9, "resolution": "2k"], 200),
            ("images/generations", ["model_name": "kling-v3", "n": 10], 400),
            (
                "images/generations", ["model_name": "kling-v3", "image": picture, "negative_prompt": "b"],
                400
            ),
            ("videos/lip-sync", [:], 404),
        ] as [(String, JSONObject, Int)])
    func whatKlingRefusesIsRefused(_ way: String, _ more: JSONObject, _ status: Int) throws {
        try withSandbox { sandbox in
            var body: JSONObject = ["prompt": "a cat"]
            for (name, value) in more.members { body[name] = value }
            let reply = try client(sandbox).send("POST", "/kling/v1/\(way)", json: .object(body))
            #expect(reply.status == status, "\(reply.text)")
            #expect((reply.json["code"] == 0) == (status == 200))
        }
    }

    /// PICTURE stands for one.
    @Test(
        arguments: [
            ("videos/multi-image2video", #"{"image_list":[{"image":PICTURE},{"image":PICTURE}]}"#, 200),
            ("videos/multi-image2video", "{}", 400),
            ("videos/multi-image2video", #"{"image_list":[]}"#, 400),
            ("videos/multi-image2video", #"{"image_list":[{"image_url":PICTURE}]}"#, 400),
            ("videos/multi-image2video", #"{"image_list":[{"image":PICTURE}],"duration":"7"}"#, 400),
            (
                "videos/multi-image2video", #"{"model_name":"kling-v2-6","image_list":[{"image":PICTURE}]}"#,
                403
            ),
            ("videos/omni-video", #"{"aspect_ratio":"1:1","duration":"10"}"#, 200),
            ("videos/omni-video", #"{"duration":"10"}"#, 400),
            ("videos/omni-video", #"{"aspect_ratio":"1:1","duration":"7"}"#, 400),
            ("videos/omni-video", #"{"aspect_ratio":"1:1","negative_prompt":"b"}"#, 400),
            ("videos/omni-video", #"{"aspect_ratio":"1:1","sound":"on"}"#, 400),
            ("videos/omni-video", #"{"aspect_ratio":"1:1","mode":"4k"}"#, 400),
            ("videos/omni-video", #"{"aspect_ratio":"1:1","model_name":"kling-v3"}"#, 403),
            ("videos/omni-video", #"{"aspect_ratio":"1:1","image_list":[{"image":PICTURE}]}"#, 400),
            (
                "videos/omni-video",
                #"{"aspect_ratio":"1:1","image_list":[{"image_url":"data:image/png;base64,AAAA"}]}"#, 400
            ),
            (
                "videos/omni-video",
                #"{"model_name":"kling-v3-omni","aspect_ratio":"1:1","mode":"4k","sound":"on","#
                    + #""duration":"15"}"#, 200
            ),
            ("images/omni-image", #"{"n":9,"resolution":"2k","aspect_ratio":"auto"}"#, 200),
            ("images/omni-image", #"{"n":10}"#, 400), ("images/omni-image", #"{"image":PICTURE}"#, 400),
            ("images/omni-image", #"{"model_name":"kling-v3"}"#, 403),
        ])
    func severalPicturesHaveRoutesOfTheirOwn(_ way: String, _ text: String, _ status: Int) throws {
        try withSandbox { sandbox in
            let text = text.replacing("PICTURE", with: Self.picture.text)
            var body = try JSONParser.parse(text).objectValue ?? [:]
            body["prompt"] = "a cat"
            let reply = try client(sandbox).send("POST", "/kling/v1/\(way)", json: .object(body))
            #expect(reply.status == status, "\(reply.text)")
        }
    }

    @Test(
        arguments: [
            (["first_frame"], "5", 200), (["first_frame"], "3", 400),
            (["first_frame", "end_frame"], "3", 200), (["end_frame"], "5", 400),
            (["end_frame", "first_frame"], "5", 400), (["first_frame", ""], "5", 200),
            (["first_frame", "end_frame", ""], "5", 400), (["last_frame"], "5", 400),
        ])
    func framesStandInTheirOrder(_ types: [String], _ seconds: String, _ status: Int) throws {
        try withSandbox { sandbox in
            let list = types.map { type -> JSON in
                type.isEmpty
                    ? ["image_url": Self.picture] : ["image_url": Self.picture, "type": .string(type)]
            }
            var body: JSONObject = ["prompt": "a cat", "duration": .string(seconds)]
            body["image_list"] = .array(list)
            let way = "/kling/v1/videos/omni-video"
            let reply = try client(sandbox).send("POST", way, json: .object(body))
            #expect(reply.status == status, "\(reply.text)")
            // Frames have their ratio themselves.
            body["aspect_ratio"] = "1:1"
            let another = try client(sandbox).send("POST", way, json: .object(body))
            #expect(another.status == 400)
        }
    }

    @Test(
        arguments: [
            ("videos/multi-image2video", "image", 4), ("videos/omni-video", "image_url", 7),
            ("images/omni-image", "image", 10),
        ])
    func aListHasAnEnd(_ way: String, _ name: String, _ most: Int) throws {
        try withSandbox { sandbox in
            for count in [1, most, most + 1] {
                let items = Array(repeating: JSON.object(JSONObject([(name, Self.picture)])), count: count)
                let body: JSON = ["prompt": "a cat", "aspect_ratio": "1:1", "image_list": .array(items)]
                let reply = try client(sandbox).send("POST", "/kling/v1/\(way)", json: body)
                #expect(reply.status == (count > most ? 400 : 200), "\(reply.text)")
                guard reply.status == 200 else { continue }
                // It is where it was made, and nowhere else.
                let id = reply.json["data"]?["task_id"]?.stringValue ?? ""
                #expect(try client(sandbox).send("GET", "/kling/v1/\(way)/\(id)").status == 200)
                #expect(try client(sandbox).send("GET", "/kling/v1/videos/image2video/\(id)").status == 404)
            }
        }
    }

    @Test(
        arguments: [
            ("text-to-video/kling-3.0-turbo", ["prompt": "a cat", "settings": ["duration": 5]], 200),
            ("text-to-video/kling-3.0-turbo", ["prompt": "a cat", "settings": ["duration": "5"]], 400),
            ("text-to-video/kling-v3", ["prompt": "a cat"], 403),
            ("image-to-video/kling-3.0", ["contents": [["type": "first_frame", "url": "https://m/1"]]], 200),
            (
                "image-to-video/kling-3.0",
                [
                    "contents": [["type": "first_frame", "url": "https://m/1"]],
                    "settings": ["aspect_ratio": "1:1"],
                ], 400
            ),
            ("image-to-video/kling-3.0", ["contents": [["type": "last_frame", "url": "https://m/1"]]], 400),
            (
                "omni-video/kling-3.0-omni", ["contents": [["type": "refer_image", "url": "https://m/1"]]],
                200
            ),
            ("omni-video/kling-3.0-omni", ["contents": [["type": "prompt", "text": "a"]]], 400),
        ] as [(String, JSON, Int)])
    func theNewerRoutesHaveRulesOfTheirOwn(_ way: String, _ body: JSON, _ status: Int) throws {
        try withSandbox { sandbox in
            let reply = try client(sandbox).send("POST", "/kling/\(way)", json: body)
            #expect(reply.status == status, "\(reply.text)")
            if status == 200 { #expect(reply.json["data"]?["status"] == "submitted") }
            let now = sandbox.clock.now.seconds
            let token = token(
                ["iss": "ak-sandbox-one1", "exp": .integer(now + 9), "nbf": .integer(now)])
            #expect(try client(sandbox, token).send("POST", "/kling/\(way)", json: body).status == 401)
        }
    }

    @Test func aTaskIsFoundWhereItIsAndByItsOwnersName() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            let body: JSON = ["model_name": "kling-v2-6", "prompt": "a cat", "external_task_id": "mine-1"]
            let made = try client.send("POST", "/kling/v1/videos/text2video", json: body).json
            #expect(made["data"]?["task_info"]?["external_task_id"] == "mine-1")
            let id = made["data"]?["task_id"]?.stringValue ?? ""
            for name in [id, "mine-1"] {
                let polled = try client.send("GET", "/kling/v1/videos/text2video/\(name)")
                #expect(polled.json["data"]?["task_id"] == .string(id))
                #expect(try client.send("GET", "/kling/v1/videos/image2video/\(name)").status == 404)
                #expect(try client.send("GET", "/kling/tasks?task_ids=\(name)").json["data"] == [])
            }
            #expect(try client.send("POST", "/kling/v1/videos/text2video", json: body).status == 400)
            #expect(try sandbox.stats()["accepted"] == 1)
            let another = self.client(sandbox, "Bearer api-key-kling-sandbox-two2")
            #expect(try another.send("GET", "/kling/v1/videos/text2video/mine-1").status == 404)
            #expect(try another.send("POST", "/kling/v1/videos/text2video", json: body).status == 200)
        }
    }

    /// The adapter with keys of both kinds, and models of both generations.
    @Test(
        arguments: [
            ("ak-sandbox-one1:sk-sandbox-one1", "kling-v2-6"), ("api-key-kling-sandbox-one1", "kling-v3"),
            ("api-key-kling-sandbox-one1", "kling-3.0-turbo"),
            ("ak-sandbox-one1:sk-sandbox-one1", "kling-v3-omni"),
        ])
    func everyKeyMakesFilms(_ key: String, _ model: String) throws {
        try withConversation(with: "kling", key: key) { talk in
            let job = talk.job(model: model)
            let lookUp = try #require(talk.vendor.lookUp(.video))
            func found() throws -> [String] {
                let reply = try talk.send(lookUp(job, talk.account))
                let page = try talk.vendor.found(reply, for: job, talk.account)
                #expect(page.isClear && page.nextPage == nil)
                return page.candidates
            }
            #expect(try found() == [])
            let ticket = try talk.submitted(job)
            #expect(try found() == [ticket])
            let film = try talk.send(try talk.film(of: ticket))
            #expect(film.headers["x-accel-redirect"]?.hasSuffix(".mp4") == true)
            let credit = try talk.vendor.credits(
                talk.vendor.balance(talk.account, at: talk.sandbox.clock.now).map { try talk.send($0) })
            #expect(credit == 200_000_000_000)
        }
    }

    @Test func aWrongSecretAndAnUnfitKeyAreRefused() throws {
        try withConversation(with: "kling", key: "ak-sandbox-one1:sk-sandbox-two2") { talk in
            #expect(throws: KinoraError.self) { try talk.submitted() }
            let refusal = try talk.probed()
            #expect(refusal?.code == .upstreamCredential)
        }
        try withConversation(with: "kling", key: "ak-sandbox-one1:sk-sandbox-one1") { talk in
            let error = #expect(throws: KinoraError.self) { try talk.submitted(model: "kling-3.0-turbo") }
            #expect(error?.code == .upstreamModelClosed)
        }
    }

    @Test func packsAreUsedUp() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            try sandbox.settings(["credit": 1])
            func online() throws -> [Int64?] {
                let json = try client.send("GET", "/kling/account/costs?start_time=1&end_time=2").json
                return (json["data"]?["resource_pack_subscribe_infos"]?.arrayValue ?? [])
                    .filter { $0["status"] == "online" }.map { $0["remaining_quantity"]?.integerValue }
            }
            #expect(try online() == [100])
            _ = try client.send("POST", "/kling/v1/videos/text2video", json: ["prompt": "a cat"])
            #expect(try online() == [90])
            try sandbox.settings(["credit": 0])
            #expect(try online() == [])
            let refused = try client.send("POST", "/kling/v1/videos/text2video", json: ["prompt": "a cat"])
            #expect(refused.status == 429 && refused.json["code"] == 1102)
            #expect(try client.send("GET", "/kling/account/costs").status == 400)
        }
    }
}
