import Core
import Foundation
import TestSupport
import Testing

/// What the llmage API says when something is wrong: one text, `{"error": "…"}`.
extension GatewayTests {
    @Suite(.freshDatabase) struct LlmageRefusals {
        private func error(_ reply: Reply, _ status: Int) -> String {
            #expect(reply.status == status, "\(reply.text)")
            #expect(reply["Content-Type"] == "application/json" && reply["Cache-Control"] == "no-store")
            #expect(reply.json.objectValue?.names == ["error"], "\(reply.text)")
            return reply.json["error"]?.stringValue ?? ""
        }

        /// None of these calls makes a task.
        private func expect(_ cases: [(Call, Int, String)], of llmage: LlmageSite) throws {
            for (call, status, text) in cases {
                let said = error(try llmage.send(call), status)
                #expect(said.hasPrefix(text), "\(said)")
            }
            #expect(try llmage.site.database.number("SELECT count(*) FROM task") == 0)
        }

        private func bad(_ fields: JSONObject, _ model: String = "viduq3-pro") -> Call {
            LlmageSite.video(fields, model: model)
        }

        @Test func whatIsMissingIsNamed() throws {
            func missing(_ name: String) -> String { "Missing required parameter: \(name)" }
            try withLlmage { llmage in
                try expect(
                    [
                        (bad(["model": .null]), 400, missing("model")),
                        (bad(["catelogid": .null]), 400, missing("catelogid")),
                        (bad(["catelogid": ""]), 400, missing("catelogid")),
                        (bad(["prompt": .null]), 400, missing("prompt")),
                        (bad(["prompt": " "]), 400, missing("prompt")),
                        (bad([:], "sora-9"), 400, "Model not found: sora-9"),
                        (bad(["catelogid": "ref2v"]), 400, "Model not found: viduq3-pro"),
                        (bad(["catelogid": "x2y"]), 400, "Model not found: viduq3-pro"),
                        (bad([:], "happyhorse-1.0-i2v"), 400, "Model not found: happyhorse-1.0-i2v"),
                        // A picture's model makes no videos.
                        (
                            bad(["catelogid": "t2i"], "cogview-3-flash"), 400,
                            "Model not found: cogview-3-flash"
                        ),
                        (.get("/llmage/v1/tasks"), 400, missing("taskid")),
                        (.get("/llmage/v1/tasks?taskid=none"), 404, "Task not found"),
                        (.get("/llmage/v1/tasks?taskid=\(UUID())"), 404, "Task not found"),
                        (.get("/llmage/v1/nothing"), 404, "Not Found"),
                        (.get("/llmage/v1"), 404, "Not Found"),
                        (.get("/llmage"), 404, "Nothing is served at this address."),
                        (.get("/llmage/v1/video/generations"), 405, "Method Not Allowed"),
                    ], of: llmage)
            }
        }

        @Test func aWrongValueIsNamedWithWhatItMayBe() throws {
            func invalid(_ name: String, _ what: String) -> String {
                "Invalid value for \(name): '\(name)' must be \(what)"
            }
            let path = "/llmage/v1/video/generations", json = "application/json"
            try withLlmage { llmage in
                try expect(
                    [
                        (bad(["prompt": 7]), 400, invalid("prompt", "a string, not an integer.")),
                        (bad(["duration": "5s"]), 400, invalid("duration", "a whole number.")),
                        (bad(["duration": 17]), 400, invalid("duration", "at most 16.")),
                        (
                            bad(["duration": 7], "wan2.6-t2v"), 400,
                            invalid("duration", "one of: 5, 10, 15.")
                        ),
                        (bad(["resolution": "4k"]), 400, invalid("resolution", "one of: 540p, 720p")),
                        (bad(["ratio": "21:9"]), 400, invalid("ratio", "one of: 16:9, 9:16")),
                        (
                            bad(["size": "1*1", "duration": 5], "wan2.6-t2v"), 400,
                            invalid("size", "one of: 832x480")
                        ),
                        (bad(["off_peak": "maybe"]), 400, invalid("off_peak", "one of: Y, N.")),
                        (
                            .post(path, Array(#"{"model":"#.utf8), type: json), 400,
                            "The JSON is malformed at byte"
                        ),
                        (.post(path, json: ["viduq3-pro"]), 400, "The body must be a JSON object"),
                        (
                            .post(path, [UInt8](repeating: 0x20, count: (20 << 20) + 1), type: json), 413,
                            "The request body is larger than 20 MiB."
                        ),
                    ], of: llmage)
            }
        }

        @Test func mediaThatDoNotFitAreNamed() throws {
            let fields = [("model", "happyhorse-1.0-i2v"), ("catelogid", "i2v"), ("prompt", "p")]
            func pictures(_ files: [UInt8]...) -> Call {
                LlmageSite.form(fields, files.map { FormFile(field: "image_file", bytes: $0) })
            }
            let png = try picture()
            let large = Array(png.prefix(8)) + [UInt8](repeating: 0, count: 30 << 20)
            let wrong = "Invalid value for image_file: 'image_file' must be"
            let address = JSON.string("https://example.com/1.png")
            try withLlmage { llmage in
                try expect(
                    [
                        (pictures(png, png), 400, "\(wrong) one picture, and 2 were given."),
                        (pictures(Array("no PNG".utf8)), 400, "\(wrong) a PNG, JPEG or WebP image."),
                        (pictures(silence(3)), 400, "\(wrong) a PNG, JPEG or WebP image."),
                        (pictures(large), 413, "'image_file' is larger than 10 MiB."),
                        (pictures(), 400, "Missing required parameter: image_file"),
                        (
                            bad(["image_url": address]), 400,
                            "Invalid value for image_url: Model 'viduq3-pro' takes no reference images."
                        ),
                        (
                            bad(["catelogid": "i2v", "image_file2": address]), 400,
                            "Missing required parameter: image_file1"
                        ),
                        (
                            bad(
                                ["catelogid": "i2v", "image_url": "http://169.254.169.254/latest"],
                                "doubao-seedance-1-5-pro-251215"), 400,
                            "'image_url' leads to an address that is not allowed."
                        ),
                    ], of: llmage)
            }
        }

        @Test func tasksAreTheCallersOwn() throws {
            try withLlmage { llmage in
                let id = try llmage.submit(LlmageSite.video([:]))
                let stranger = try llmage.key("--user", "stranger")
                let path = "/llmage/v1/tasks?taskid=\(id)"
                #expect(error(try llmage.send(.get(path).key(stranger)), 404) == "Task not found")
                #expect(try llmage.send(Call.get(path).with("X-API-Key", llmage.site.key)).status == 200)
                for call in [Call.get(path), LlmageSite.video([:])] {
                    let reply = try llmage.site.curl.send(call)
                    #expect(error(reply, 401) == "Invalid API Key")
                    #expect(reply["WWW-Authenticate"] == "Bearer")
                    #expect(error(try llmage.send(call.key("kn_wrong")), 401) == "Invalid API Key")
                }
            }
        }

        @Test func anEmptyPurseIsSaidWith429AndNoTimeToComeBack() throws {
            try withLlmage { llmage in
                // The one whose price is waited for comes last.
                for model in ["qwen3-max", "viduq3-pro"] {
                    try llmage.kinora(["model", "price", "set", model, "--task", "1"])
                }
                var reply = Reply(status: 0)
                try waitUntil("the price holds") {
                    reply = try llmage.send(LlmageSite.video([:]))
                    return reply.status != 200
                }
                #expect(error(reply, 429) == "Insufficient balance")
                #expect(reply["Retry-After"] == nil)
                let chat = Call.post(
                    "/llmage/v1/chat/completions", json: ["model": "qwen3-max", "prompt": "hi"])
                #expect(error(try llmage.send(chat), 429) == "Insufficient balance")
            }
        }

        @Test func whatIsTooMuchNamesWhenToComeBack() throws {
            try withLlmage { llmage in
                let key = try llmage.key("--requests-per-minute", "1")
                _ = try llmage.send(LlmageSite.video([:]).key(key))
                let often = try llmage.send(LlmageSite.video([:]).key(key))
                #expect(error(often, 429) == "Rate limit exceeded")
                #expect(often["Retry-After"].flatMap { Int($0) } ?? 0 > 0)
                #expect(often["x-ratelimit-remaining-requests"] == "0")

                try llmage.site.sandbox.hurry(taskSeconds: 60)
                try llmage.kinora(["setting", "set", "max_waiting_tasks_llmage", "0"])
                var full = Reply(status: 0)
                try waitUntil("the queue is full") {
                    full = try llmage.send(LlmageSite.video([:]))
                    return full.status != 200
                }
                #expect(error(full, 429) == "Queue is full")
                #expect(full["Retry-After"].flatMap { Int($0) } ?? 0 > 0)
            }
        }

        @Test func withoutAnAccountItIsSaidThatThereIsNone() throws {
            try withLlmage { llmage in
                try llmage.kinora(["account", "disable", "openart/sandbox"])
                var reply = Reply(status: 0)
                try waitUntil("the account is gone") {
                    reply = try llmage.send(LlmageSite.video([:]))
                    return reply.status != 200
                }
                #expect(error(reply, 503) == "No upstream account can run this model.")
                #expect(reply["Retry-After"] != nil)
            }
        }
    }
}
