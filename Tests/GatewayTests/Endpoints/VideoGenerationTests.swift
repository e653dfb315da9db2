import Core
import Foundation
import TestSupport
import Testing

/// Videos as the answer of their request, through nginx and the application to the sandbox and back.
extension GatewayTests {
    @Suite(.freshDatabase) struct VideoGenerations {
        private static let create = "/v1/videos/generations"

        /// The sandbox plays the service that makes Jimeng's models too.
        private func withStudio(_ body: (Site) throws -> Void) throws {
            try withSite { site in
                try site.startSandbox(taskSeconds: 0.2)
                for model in ["pixeldance", "seaweed"] {
                    #expect(try site.kinora(["route", "add", model, "openai", "sora-2"]).status == 0)
                }
                _ = try site.start("all")
                try body(site)
            }
        }

        private func film(
            _ site: Site, _ more: JSONObject = [:], at path: String = create, prefer: String? = nil
        ) throws -> Reply {
            var body: JSONObject = ["model": "sora-2", "prompt": "a cat — 猫", "seconds": 4]
            for (name, value) in more.members { body[name] = value }
            let call = Call.post(path, json: .object(body)).key(site.key)
            return try site.curl.send(prefer.map { call.with("Prefer", $0) } ?? call)
        }

        private static let ofJimeng: JSONObject = ["model": "pixeldance", "seconds": 10]

        private func urls(_ reply: Reply) -> [String] {
            (reply.json["data"]?.arrayValue ?? []).compactMap { $0["url"]?.stringValue }
        }

        private func isFilm(_ url: String, _ site: Site) throws -> Bool {
            let path = String(url.dropFirst("https://localhost:\(site.port)".count))
            let film = try site.curl.send(.get(path))
            return film.status == 200 && film["Content-Type"] == "video/mp4"
                && MediaType(sniffing: film.body) == .mp4
        }

        @Test func aVideoComesWithTheAnswer() throws {
            try withStudio { site in
                let reply = try film(site)
                #expect(reply.status == 200, "\(reply.text)")
                #expect(reply["Content-Type"] == "application/json" && reply["Cache-Control"] == "no-store")
                let age = Int64(Date.now.timeIntervalSince1970) - (reply.json["created"]?.integerValue ?? 0)
                #expect((-2...60).contains(age))
                let url = try #require(urls(reply).first)
                #expect(try isFilm(url, site))
                let whole = try film(site, ["response_format": "b64_json"])
                let text = whole.json["data"]?.arrayValue?.first?["b64_json"]?.stringValue
                #expect(text.flatMap { Base64.decode($0.utf8) }.map { MediaType(sniffing: $0) } == .mp4)
            }
        }

        @Test func aReferenceIsTakenInEveryForm() throws {
            try withStudio { site in
                let png = try picture("1280x720")
                let text = Base64.encode(png)
                for image in [
                    .string("data:image/png;base64," + text), .string(text), [["url": .string(text)]],
                ] as [JSON] {
                    #expect(urls(try film(site, ["image": image])).count == 1)
                }
                for field in ["image_file_1", "files", "file_paths", "image"] {
                    let reply = try site.curl.send(
                        Call.post(
                            Self.create,
                            form: [("prompt", "a cat"), ("model", "seaweed"), ("duration", "10")],
                            files: [FormFile(field: field, bytes: png)]
                        ).key(site.key))
                    #expect(reply.status == 200 && urls(reply).count == 1, "\(field): \(reply.text)")
                }
            }
        }

        @Test func itMayBeATaskToAskForLater() throws {
            try withStudio { site in
                for (more, prefer) in [(["async": true], nil), ([:], "respond-async")]
                    as [(JSONObject, String?)]
                {
                    let accepted = try film(site, more, prefer: prefer)
                    #expect(accepted.status == 202 && accepted.json["object"] == "task")
                    #expect(accepted.json["type"] == "video" && accepted.json["status"] == "queued")
                    let id = accepted.id
                    let ended = try site.curl.send(Call.get("/v1/tasks/\(id)?wait=30").key(site.key))
                    #expect(ended.json["status"] == "succeeded", "\(ended.text)")
                    let result = try site.curl.send(Call.get("/v1/tasks/\(id)/result").key(site.key))
                    #expect(urls(result).count == 1)
                    #expect(try site.curl.send(Call.get("/v1/videos/\(id)").key(site.key)).status == 200)
                }
            }
        }

        @Test func theWaitThatIsOverNamesTheTaskWhichGoesOn() throws {
            try withStudio { site in
                let slow: JSONObject = ["prompt": "[sandbox:slow_body content] late"]
                let reply = try film(site, slow, prefer: "wait=1")
                #expect((reply.status, reply.errorCode) == (408, "task_timeout"), "\(reply.text)")
                #expect(reply["x-should-retry"] == "false")
                let task = try #require(reply.json["error"]?["task_id"]?.stringValue)
                let ended = try site.curl.send(Call.get("/v1/tasks/\(task)/result?wait=60").key(site.key))
                #expect(ended.status == 200 && urls(ended).count == 1)
                #expect(try site.kinora(["setting", "set", "video_wait_seconds", "1"]).status == 0)
                try waitUntil("the shorter wait is known") {
                    try film(site, slow).status == 408
                }
            }
        }

        @Test func aRefusalOfTheContentIsToldAsSuch() throws {
            try withStudio { site in
                let reply = try film(site, ["prompt": "[sandbox:content_refusal] no"])
                #expect((reply.status, reply.errorCode) == (400, "content_policy_violation"))
                let failed = try film(site, ["prompt": "[sandbox:fail] no"])
                #expect((failed.status, failed.errorCode) == (500, "generation_failed"), "\(failed.text)")
                #expect(failed["x-should-retry"] == "false")
            }
        }

        @Test func aKeyForOnceIsAnsweredOnce() throws {
            try withStudio { site in
                func send(_ prompt: String) throws -> Reply {
                    try site.curl.send(
                        Call.post(Self.create, json: ["model": "sora-2", "prompt": .string(prompt)])
                            .key(site.key).with("Idempotency-Key", "once"))
                }
                let (first, second) = (try send("a"), try send("a"))
                #expect(first.status == 200 && second.status == 200)
                #expect(try send("b").status == 422)
                #expect(try site.database.number("SELECT count(*) FROM task") == 1)
            }
        }

        @Test func badRequestsAreRefusedByName() throws {
            try withStudio { site in
                let cases: [(JSONObject, Int, String, String)] = [
                    (["prompt": ""], 400, "missing_parameter", "prompt"),
                    (["prompt": " \n"], 400, "missing_parameter", "prompt"),
                    (["prompt": 7], 400, "invalid_value", "prompt"),
                    (["model": "no-such"], 404, "model_not_found", "model"),
                    (["model": "gpt-image-2"], 404, "model_not_found", "model"),
                    (["model": "gpt-4"], 404, "model_not_found", "model"),
                    (["n": 0], 400, "invalid_value", "n"), (["n": 5], 400, "invalid_value", "n"),
                    (["seconds": 5], 400, "invalid_value", "seconds"),
                    (["size": "17x17"], 400, "invalid_value", "size"),
                    (["model": "pixeldance", "seconds": 4], 400, "invalid_value", "seconds"),
                    (
                        ["model": "pixeldance", "seconds": 5, "resolution": "8k"], 400, "invalid_value",
                        "resolution"
                    ),
                    (["model": "pixeldance", "seconds": 5, "ratio": "wide"], 400, "invalid_value", "ratio"),
                    (["model": "seaweed", "seconds": 5], 400, "missing_parameter", "image"),
                    (["image": "bm90IGEgcGljdHVyZQ=="], 400, "invalid_value", "image"),
                    (["image": "data:image/png;base64,!"], 400, "invalid_value", "image"),
                    (
                        ["image": .string("https://127.0.0.1:\(site.port)/a.png")], 400, "address_refused",
                        "image"
                    ),
                    (["image": "http://169.254.169.254/latest"], 400, "address_refused", "image"),
                    (["image": [.string(Self.png), .string(Self.png)]], 400, "invalid_value", "image[1]"),
                    (["response_format": "gif"], 400, "invalid_value", "response_format"),
                    (["stream": true], 400, "invalid_value", "stream"),
                    (["functionMode": "omni_reference"], 400, "invalid_value", "model"),
                ]
                for (more, status, code, field) in cases {
                    let reply = try film(site, more)
                    #expect(
                        (reply.status, reply.errorCode, reply.errorField) == (status, code, field),
                        "\(JSON.object(more).text): \(reply.text)")
                    #expect(reply.json["detail"]?.stringValue == reply.errorMessage)
                }
                #expect(try site.database.number("SELECT count(*) FROM task") == 0)
                let get = try site.curl.send(Call.get(Self.create).key(site.key))
                #expect(get.status == 405 && get["Allow"] == "POST")
                #expect(try site.curl.send(.post(Self.create, json: ["prompt": "x"])).status == 401)
                let large = Call.post(
                    Self.create, [UInt8](repeating: 0x20, count: (20 << 20) + 1), type: "application/json")
                #expect(try site.curl.send(large.key(site.key)).status == 413)
            }
        }

        /// A real one, a single pixel.
        private static let png =
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

        @Test func aPrefixFixesTheFamily() throws {
            try withStudio { site in
                func models(_ prefix: String) throws -> [JSON] {
                    try site.curl.send(Call.get(prefix + "/v1/models").key(site.key)).json["data"]?
                        .arrayValue ?? []
                }
                for family in ["sora", "jimeng"] {
                    let own = try models("/\(family)")
                    #expect(!own.isEmpty && own.allSatisfy { $0["owned_by"]?.stringValue == family })
                }
                let ids = try models("/jimeng").compactMap { $0["id"]?.stringValue }
                #expect(ids == ["pixeldance", "seaweed"])
                let (all, ofSora) = (try models("").count, try models("/sora").count)
                #expect(all > ofSora + ids.count)
                func status(_ path: String) throws -> Int {
                    try site.curl.send(Call.get(path).key(site.key)).status
                }
                #expect(try status("/jimeng/v1/models/pixeldance") == 200)
                #expect(try status("/sora/v1/models/pixeldance") == 404)
                #expect(try status("/jimeng/media/x.mp4") == 404)

                #expect(urls(try film(site, at: "/sora" + Self.create)).count == 1)
                #expect(urls(try film(site, Self.ofJimeng, at: "/jimeng" + Self.create)).count == 1)
                for (more, prefix) in [([:], "/jimeng"), (Self.ofJimeng, "/sora")] as [(JSONObject, String)] {
                    for path in [Self.create, "/v1/videos"] {
                        let other = try film(site, more, at: prefix + path)
                        #expect(
                            (other.status, other.errorCode) == (404, "model_not_found"), "\(prefix)\(path)")
                    }
                }
                let usual = try film(
                    site, ["model": .null, "seconds": .null, "async": true],
                    at: "/jimeng" + Self.create)
                #expect(usual.json["model"] == "pixeldance", "\(usual.text)")
                let video = try film(site, at: "/sora/v1/videos")
                #expect(video.status == 200 && video.json["object"] == "video")
                #expect(try status("/sora/v1/videos/\(video.id)") == 200)
                #expect(try status("/jimeng/v1/videos/\(video.id)") == 200)
            }
        }

        @Test func withoutAnAccountNobodyMakesAModelOfJimeng() throws {
            try withSite { site in
                try site.startSandbox(taskSeconds: 0.2)
                _ = try site.start("all")
                let reply = try film(site, Self.ofJimeng)
                #expect((reply.status, reply.errorCode) == (503, "no_account"))
            }
        }
    }
}
