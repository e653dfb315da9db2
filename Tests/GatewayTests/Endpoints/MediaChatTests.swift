import Core
import Foundation
import TestSupport
import Testing

/// Chats with models of pictures and videos, through nginx and the application to the sandbox and back.
extension GatewayTests {
    @Suite(.freshDatabase) struct MediaChats {
        private static let path = "/v1/chat/completions"
        private static let film = "sora-video-landscape-10s"

        private func withStudio(_ body: (Site) throws -> Void) throws {
            try withSite { site in
                try site.startSandbox(taskSeconds: 0.2)
                for (model, name) in [("pixeldance", "sora-2"), ("jimeng-3.0", "gpt-image-2")] {
                    #expect(try site.kinora(["route", "add", model, "openai", name]).status == 0)
                }
                _ = try site.start("all")
                try body(site)
            }
        }

        private func call(
            _ site: Site, _ model: String, _ content: JSON = "a cat — 猫", _ more: JSONObject = [:],
            at path: String = path
        ) -> Call {
            var body: JSONObject = [
                "model": .string(model), "messages": [["role": "user", "content": content]],
            ]
            for (name, value) in more.members { body[name] = value }
            return Call.post(path, json: .object(body)).key(site.key)
        }

        private static let quick: JSONObject = ["size": "1024x1024"]

        private func content(_ reply: Reply) -> String {
            reply.json["choices"]?.arrayValue?.first?["message"]?["content"]?.stringValue ?? ""
        }

        /// The data of the events of a stream, and the lines that are comments.
        private func events(_ reply: Reply) -> (data: [JSON], last: String, comments: Int) {
            let events = reply.text.split(separator: "\n\n")
            let data = events.filter { $0.hasPrefix("data: ") }.map { String($0.dropFirst(6)) }
            return (
                data.compactMap { try? JSONParser.parse($0) }, data.last ?? "",
                events.count { $0.hasPrefix(":") }
            )
        }

        private func delta(_ event: JSON) -> JSON? { event["choices"]?.arrayValue?.first?["delta"] }

        private func isThere(_ url: String, _ type: String, _ site: Site) throws -> Bool {
            let base = "https://localhost:\(site.port)"
            guard url.hasPrefix(base + "/media/") else { return false }
            let media = try site.curl.send(.get(String(url.dropFirst(base.count))))
            return media.status == 200 && media["Content-Type"] == type
        }

        @Test(arguments: ["", "/sora", "/api/relay"]) func aVideoIsNamedByAJSONText(_ prefix: String) throws {
            try withStudio { site in
                let reply = try site.curl.send(call(site, Self.film, at: prefix + Self.path))
                #expect(reply.status == 200 && reply["Content-Type"] == "application/json", "\(reply.text)")
                #expect(reply.json["object"] == "chat.completion")
                #expect(reply.json["model"]?.stringValue == Self.film)
                #expect(reply.json["choices"]?.arrayValue?.first?["finish_reason"] == "stop")
                #expect(reply.json["usage"] == nil)
                let told = try JSONParser.parse(content(reply))
                #expect(told["type"] == "video")
                #expect(try isThere(told["url"]?.stringValue ?? "", "video/mp4", site))
                let task = try site.curl.send(Call.get("/v1/tasks/\(reply.id)").key(site.key))
                #expect(task.json["status"] == "succeeded", "an answer's id finds its task")
            }
        }

        @Test func modelsOfJimengAnswerInMarkdown() throws {
            try withStudio { site in
                let pictures = call(site, "jimeng-3.0", "小猫", ["n": 2, "size": "1024x1024"])
                let reply = try site.curl.send(pictures)
                #expect(reply.status == 200, "\(reply.text)")
                let lines = content(reply).split(separator: "\n")
                #expect(lines.count == 2)
                for (index, line) in lines.enumerated() {
                    let found = try #require(line.wholeMatch(of: /!\[image_([0-9])\]\((.+)\)/))
                    #expect(Int(found.1) == index)
                    #expect(try isThere(String(found.2), "image/png", site))
                }
                let one = try site.curl.send(call(site, "jimeng-3.0", "小猫", Self.quick))
                #expect(content(one).wholeMatch(of: /!\[image\]\(https:[^)]+\)/) != nil, "\(one.text)")
                let film = try site.curl.send(
                    call(site, "pixeldance", "小猫", ["duration": 10], at: "/jimeng" + Self.path))
                let words = content(film).split(separator: "\n")
                #expect(words.count == 2 && words[0] == "![video](\(words.last ?? ""))", "\(film.text)")
            }
        }

        @Test func aKeySaysHowItWantsToBeTold() throws {
            try withStudio { site in
                for (format, model) in [("markdown", "gpt-image-2"), ("json", "jimeng-3.0")] {
                    let made = try site.kinora(["key", "create", "--json", "--chat-format", format])
                    let key = made.json["key"]?.stringValue ?? ""
                    var call = call(site, model, "a cat", Self.quick)
                    call.headers.removeAll { $0.name == "Authorization" }
                    var reply = Reply(status: 401)
                    try waitUntil("the key is known") {
                        reply = try site.curl.send(call.key(key))
                        return reply.status != 401
                    }
                    let isJSON = (try? JSONParser.parse(content(reply)))?["type"] == "image"
                    #expect(isJSON == (format == "json"), "\(reply.text)")
                    #expect(content(reply).hasPrefix("![image](") == (format == "markdown"))
                }
                expectWrongUsage(
                    try site.kinora(["key", "create", "--chat-format", "html"]),
                    "--chat-format must be auto, json or markdown.")
            }
        }

        @Test func aStreamTellsTheProgressAndThenTheVideo() throws {
            try withStudio { site in
                // A film goes on by the clock while the machine stands still, and must not be over then.
                try site.sandbox.hurry(taskSeconds: 8)
                let streamed: JSONObject = ["stream": true, "stream_options": ["include_usage": true]]
                let reply = try site.curl.send(call(site, Self.film, "a cat", streamed))
                #expect(reply.status == 200 && reply["Content-Type"] == "text/event-stream; charset=utf-8")
                #expect(reply["X-Accel-Buffering"] == nil && reply["Content-Encoding"] == nil)
                let (data, last, _) = events(reply)
                #expect(last == "[DONE]")
                #expect(data.allSatisfy { $0["object"] == "chat.completion.chunk" })
                #expect(Set(data.map { $0["id"]?.stringValue }).count == 1)
                let first = try #require(delta(data[0]))
                #expect(first["role"] == "assistant" && first["content"] == .null)
                let progress = data.compactMap { delta($0)?["reasoning_content"] }
                #expect(progress.count >= 3)
                let percents = progress.compactMap { $0["progress"]?.integerValue }
                #expect(percents == percents.sorted() && Set(percents).count > 1, "\(percents)")
                #expect(
                    progress.allSatisfy { $0["stage"] != nil && $0["status"] != nil && $0["message"] != nil })
                let contents = data.filter { delta($0)?["content"]?.stringValue != nil }
                #expect(contents.count == 1)
                let told = try JSONParser.parse(delta(contents[0])?["content"]?.stringValue ?? "")
                #expect(told["type"] == "video")
                #expect(try isThere(told["url"]?.stringValue ?? "", "video/mp4", site))
                #expect(contents[0]["choices"]?.arrayValue?.first?["finish_reason"] == "stop")
                #expect(data.last?["usage"]?["total_tokens"] == 0 && data.last?["choices"] == [])
                #expect(data.dropLast().allSatisfy { $0["usage"] == nil })
            }
        }

        @Test func aStreamOfJimengThinksAloud() throws {
            try withStudio { site in
                let call = call(site, "jimeng-3.0", "小猫", ["size": "1024x1024", "stream": true])
                let (data, last, _) = events(try site.curl.send(call))
                #expect(last == "[DONE]")
                let thoughts = data.compactMap { delta($0)?["reasoning_content"] }
                #expect(!thoughts.isEmpty && thoughts.allSatisfy { $0.stringValue?.hasSuffix("\n") == true })
                let content = data.compactMap { delta($0)?["content"]?.stringValue }
                #expect(content.count == 1 && content[0].hasPrefix("![image]("))
            }
        }

        @Test func whatIsGivenWithAChatGoesAlong() throws {
            try withStudio { site in
                let text = Base64.encode(try picture("1280x720"))
                let url = JSON.string("data:image/png;base64," + text)
                let parts: JSON = [
                    ["type": "text", "text": "A cat"], ["type": "image_url", "image_url": ["url": url]],
                ]
                let first = try site.curl.send(call(site, Self.film, parts))
                #expect(first.status == 200, "\(first.text)")
                let second = try site.curl.send(
                    call(site, Self.film, "A cat", ["image": .string(text), "style_id": "anime"]))
                #expect(second.status == 200, "\(second.text)")
                #expect(try site.database.number("SELECT count(*) FROM task WHERE category = 'i2v'") == 2)
                let remix = try site.curl.send(
                    call(site, Self.film, "[5.0s]redder [5.0s]bluer", ["remix_target_id": .string(first.id)]))
                #expect(remix.status == 200, "\(remix.text)")
                let prompts = try site.database.rows(
                    "SELECT prompt FROM task_input WHERE remix_of_id IS NOT NULL")
                #expect(
                    prompts == [["[5.0s]redder [5.0s]bluer"]],
                    "marks of a storyboard are the vendor's to read")
            }
        }

        @Test func aFailureInTheMiddleIsAnEvent() throws {
            try withStudio { site in
                for (fault, code) in [
                    ("content_refusal", "content_policy_violation"), ("fail", "sync_generation_failed"),
                ] {
                    let call = call(site, Self.film, .string("[sandbox:\(fault)] no"), ["stream": true])
                    let reply = try site.curl.send(call)
                    #expect(reply.status == 200)
                    let (data, _, _) = events(reply)
                    let error = try #require(data.last?["error"])
                    #expect(error["code"]?.stringValue == code, "\(error.text)")
                    #expect(error["task_id"]?.stringValue?.hasPrefix(Self.film) == true)
                    #expect(!reply.text.contains("[DONE]"))
                }
                let whole = try site.curl.send(call(site, Self.film, "[sandbox:content_refusal] no"))
                #expect((whole.status, whole.errorCode) == (400, "content_policy_violation"))
                #expect(whole["x-should-retry"] == "false")
            }
        }

        @Test func whoLeavesCancelsNothing() throws {
            try withStudio { site in
                try site.sandbox.hurry(taskSeconds: 10)
                let impatient = site.curl.with("--max-time", "4", "--no-buffer")
                for isStreamed in [true, false] {
                    let call = call(site, Self.film, "a cat", ["stream": .bool(isStreamed)])
                    #expect(try impatient.status(of: call) == 28)
                }
                try waitUntil("both are done") { try site.database.tasks("succeeded") == 2 }
                try waitUntil("that one left is on record") {
                    try site.database.number(
                        "SELECT count(*) FROM request_log WHERE error_code = 'client_gone'") >= 1
                }
            }
        }

        @Test func aTaskInsteadOfTheAnswer() throws {
            try withStudio { site in
                let call = call(site, Self.film)
                let accepted = try site.curl.send(call.with("Prefer", "respond-async"))
                #expect(accepted.status == 202 && accepted.json["object"] == "task")
                let late = try site.curl.send(
                    self.call(site, Self.film, "[sandbox:slow_body content] late").with("Prefer", "wait=1"))
                #expect((late.status, late.errorCode) == (408, "task_timeout"), "\(late.text)")
                let once = self.call(site, "gpt-image-2", "once", Self.quick).with("Idempotency-Key", "k")
                let (first, again) = (try site.curl.send(once), try site.curl.send(once))
                #expect(first.status == 200 && first.id == again.id)
                let other = self.call(site, "gpt-image-2", "twice", Self.quick).with("Idempotency-Key", "k")
                #expect(try site.curl.send(other).status == 422)
            }
        }

        @Test func aShortCallsThreadHandsItOn() throws {
            try withStudio { site in
                var call = call(site, "gpt-image-2", "a cat", Self.quick)
                call.headers.removeAll { $0.name == "Authorization" }
                let handed = try site.fast.send(call.fastCGI)
                let place = handed.headers.first { $0.name == "X-Accel-Redirect" }?.value
                #expect(place == "@slow")
                #expect(try site.database.number("SELECT count(*) FROM task") == 0)
            }
        }

        @Test func badRequestsAreRefusedByName() throws {
            try withStudio { site in
                let stranger = try site.kinora(["key", "create", "--json", "--user", "stranger"])
                let strange = Call.post("/v1/videos", json: ["model": "sora-2", "prompt": "theirs"])
                    .key(stranger.json["key"]?.stringValue ?? "")
                var theirs = Reply(status: 401)
                try waitUntil("the key is known") {
                    theirs = try site.curl.send(strange)
                    return theirs.status == 200
                }
                let nested = JSON.string(String(repeating: "[", count: 300))
                let cases: [(String, JSON, JSONObject, Int, String, String?)] = [
                    (Self.film, "", [:], 400, "invalid_request", "prompt"),
                    (Self.film, " \n", [:], 400, "invalid_request", "prompt"),
                    (Self.film, 5, [:], 400, "invalid_value", "messages[0].content"),
                    (Self.film, [["type": "audio"]], [:], 400, "invalid_value", "messages[0].content[0]"),
                    ("no-such", "x", [:], 404, "model_not_found", "model"),
                    (Self.film, "x", ["messages": []], 400, "invalid_request", "messages"),
                    (Self.film, "x", ["seconds": 15], 400, "invalid_value", "seconds"),
                    (Self.film, "x", ["size": "1x1"], 400, "invalid_value", "size"),
                    (Self.film, "x", ["n": 0], 400, "invalid_value", "n"),
                    (Self.film, "x", ["n": 5], 400, "invalid_value", "n"),
                    ("jimeng-3.0", "x", ["n": 0], 400, "invalid_value", "n"),
                    ("jimeng-3.0", "x", ["n": 5], 400, "invalid_value", "n"),
                    (Self.film, "x", ["image": "!"], 400, "invalid_value", "image"),
                    (Self.film, "x", ["image": "bm90IGEgcGljdHVyZQ=="], 400, "invalid_value", "image"),
                    (Self.film, "x", ["image": "https://127.0.0.1/a.png"], 400, "address_refused", "image"),
                    (Self.film, "x", ["video": "AAAAGGZ0eXBtcDQy"], 501, "not_supported", nil),
                    (Self.film, "x", ["character_options": [:]], 400, "invalid_request", "video"),
                    (Self.film, "x", ["remix_target_id": "s_0123"], 404, "task_not_found", "remix_target_id"),
                    (Self.film, "x", ["remix_target_id": .string(theirs.id)], 404, "task_not_found", nil),
                    ("gpt-image-2", "x", ["remix_target_id": .string(theirs.id)], 404, "task_not_found", nil),
                    (Self.film, "x", ["style_id": 7], 400, "invalid_value", "style_id"),
                    (Self.film, nested, ["metadata": Self.deep(62), "n": 5], 400, "invalid_value", "n"),
                    (Self.film, nested, ["metadata": Self.deep(70)], 400, "invalid_request", nil),
                    (Self.film, nested, ["metadata": Self.deep(300)], 400, "invalid_request", nil),
                ]
                for (model, content, more, status, code, field) in cases {
                    for isStreamed in [false, true] {
                        var more = more
                        more["stream"] = .bool(isStreamed)
                        let reply = try site.curl.send(call(site, model, content, more))
                        #expect(
                            (reply.status, reply.errorCode, reply.errorField) == (status, code, field),
                            "\(model) \(more.members.map { $0.name }): \(reply.text.prefix(300))")
                    }
                }
                #expect(try site.database.number("SELECT count(*) FROM task") == 1)
                for (model, prefix) in [("jimeng-3.0", "/sora"), (Self.film, "/jimeng"), ("gpt-4", "/sora")] {
                    let reply = try site.curl.send(call(site, model, at: prefix + Self.path))
                    #expect((reply.status, reply.errorCode) == (404, "model_not_found"), "\(prefix)")
                }
                #expect(try site.curl.send(call(site, "gpt-4", "hello")).status == 200, "texts go on as ever")
            }
        }

        private static func deep(_ levels: Int) -> JSON {
            (0..<levels).reduce("x" as JSON) { inner, _ in .array([inner]) }
        }

        @Test func manyStreamsAtOnceHoldNoThreadOfOthers() throws {
            try withStudio { site in
                try site.sandbox.hurry(taskSeconds: 4)
                let call = call(site, Self.film, "a cat", ["stream": true])
                let ended = Box<Int>(0)
                // More than may wait on the threads for slow calls.
                let streams = try (0..<48).map { _ in
                    try Core.Thread {
                        let reply = try? site.curl.send(call)
                        if reply?.text.hasSuffix("data: [DONE]\n\n") == true { ended.change { $0 += 1 } }
                    }
                }
                try waitUntil("all were accepted") {
                    try site.database.number("SELECT count(*) FROM task") == 48
                }
                #expect(try site.curl.send(Call.get("/v1/models").key(site.key)).status == 200)
                let picture = Call.post(
                    "/v1/images/generations", json: ["prompt": "x", "model": "gpt-image-2", "size": "64x64"])
                #expect(try site.curl.send(picture.key(site.key)).status == 200)
                for stream in streams { #expect(stream.join(until: .now + .seconds(90))) }
                #expect(ended.value == 48)
            }
        }
    }
}
