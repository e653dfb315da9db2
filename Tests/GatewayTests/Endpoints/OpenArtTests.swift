import Core
import Foundation
import TestSupport
import Testing

/// OpenArt's API from the request to the film, through the vendor that speaks it too.
extension GatewayTests {
    @Suite struct OpenArtStyle {
        private func file(_ field: String, _ bytes: [UInt8]) -> FormFile {
            FormFile(field: field, bytes: bytes)
        }

        private func finish(_ gateway: Gateway, _ id: String) throws -> JSON {
            var json: JSON = .null
            try waitUntil("\(id) ends", within: .seconds(60)) {
                json = try gateway.send(.get("/api/task/\(id)?wait=20")).json
                return ["done", "failed"].contains(json["status"]?.stringValue)
            }
            return json
        }

        @Test func aPromptBecomesAFilmThatIsFetchedWithoutAKey() throws {
            try withGateway(through: .nginx) { gateway in
                let reply = try gateway.send(
                    .post("/api/generate", json: ["prompt": "a quiet harbour", "duration": 4, "refs": []]))
                #expect(reply.status == 200 && reply.json["status"] == "pending", "\(reply.text)")
                let id = try #require(reply.json["task_id"]?.stringValue)
                let task = try finish(gateway, id)
                #expect(task["status"] == "done", "\(task)")
                #expect(task["id"]?.stringValue == id && task["error_msg"] == .null)
                for name in ["created_at", "started_at", "finished_at", "credit_cost"] {
                    #expect(task[name]?.integerValue != nil, "\(name)")
                }
                let url = try #require(task["url_720p"]?.stringValue)
                #expect(task["url_480p"]?.stringValue == url)
                let instance = try Instance.running()
                let film = try gateway.sendAnonymously(.get(String(url.dropFirst(instance.url.count))))
                #expect(film.status == 200 && MediaType(sniffing: film.body) == .mp4)
                // The same task in another API's words.
                let short = id.replacing("-", with: "").prefix(12)
                let video = try gateway.send(.get("/v1/videos/openart-video-\(short)"))
                #expect(video.json["status"] == "completed" && video.json["seconds"] == "4")
            }
        }

        @Test func picturesAndSoundsComeAsFiles() throws {
            try withGateway(through: .nginx) { gateway in
                let reply = try gateway.send(
                    .post(
                        "/openart/api/generate-with-file",
                        form: [
                            ("prompt", "[@image1]是环境,[@image2]是男子,使用@audio1音色"), ("duration", "4"),
                            ("aspect_ratio", "9:16"), ("refs", "[]"),
                        ],
                        files: [
                            file("image_files", try picture()), file("image_files", try picture("32x32")),
                            file("audio_files", silence(2)),
                        ]))
                #expect(reply.status == 200, "\(reply.text)")
                let task = try finish(gateway, try #require(reply.json["task_id"]?.stringValue))
                #expect(task["status"] == "done", "\(task)")
            }
        }

        @Test func whatIsWrongIsSaidBeforeAnythingIsMade() throws {
            try withGateway(through: .nginx) { gateway in
                func refused(
                    _ prompt: String, _ fields: [(String, String)] = [], _ files: [FormFile] = []
                ) throws -> Reply {
                    try gateway.send(
                        .post("/api/generate-with-file", form: [("prompt", prompt)] + fields, files: files))
                }
                let image = file("image_files", try picture())
                let cases: [(Reply, String)] = [
                    (try refused(" "), "prompt"),
                    (try refused("@image3", [], [image, image]), "prompt"),
                    (try refused("p", [("duration", "3")]), "duration"),
                    (try refused("p", [("duration", "16")]), "duration"),
                    (try refused("p", [("aspect_ratio", "5:4")]), "aspect_ratio"),
                    (try refused("p", [], [image, file("audio_files", silence(1.9))]), "audio_files"),
                    (try refused("p", [], [image, file("audio_files", silence(15.1))]), "audio_files"),
                    (try refused("p", [], [file("audio_files", silence(3))]), "refs"),
                    (
                        try refused("p", [], [image, file("image_files", Array("no".utf8)), image]),
                        "image_files[1]"
                    ),
                    (try refused("p", [("image_files", "https://example.com/1.png")]), "image_files"),
                    (try refused("p", [], [file("image_files", Array("no picture".utf8))]), "image_files"),
                    (try refused("p", [], [file("image_files", silence(3))]), "image_files"),
                    (try refused("p", [("model", "no-such")]), "model"),
                    (
                        try gateway.send(
                            .post(
                                "/api/generate",
                                json: [
                                    "prompt": "p",
                                    "refs": [["type": "image", "url": "http://169.254.169.254/latest"]],
                                ])), "refs[0].url"
                    ),
                ]
                for (reply, field) in cases {
                    #expect(reply.status == 400, "\(field): \(reply.status) \(reply.text)")
                    #expect(reply.json["error"]?["param"]?.stringValue == field, "\(reply.text)")
                    #expect(reply.json["detail"]?.stringValue?.isEmpty == false)
                }
            }
        }

        @Test(arguments: Doorway.allCases)
        func tasksAreTheCallersOwn(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let reply = try gateway.send(.post("/api/generate", json: ["prompt": "mine"]))
                let id = try #require(reply.json["task_id"]?.stringValue)
                let theirs = Call.get("/api/task/\(id)").with("X-API-Key", gateway.keys.stranger)
                #expect(try gateway.send(theirs).status == 404)
                #expect(try gateway.send(.get("/api/task/none")).status == 404)
                #expect(try gateway.sendAnonymously(.get("/api/task/\(id)")).status == 401)

                let list = try gateway.send(.get("/api/tasks?limit=5"))
                #expect(list.json.arrayValue?.contains { $0["id"]?.stringValue == id } == true)
                #expect(list["X-Total-Count"].flatMap { Int($0) } ?? 0 > 0)
                let others = try gateway.send(
                    Call.get("/api/tasks?limit=500").with("X-API-Key", gateway.keys.stranger))
                #expect(others.json.arrayValue?.contains { $0["id"]?.stringValue == id } == false)
                #expect(try gateway.send(.get("/api/tasks?status=ready")).status == 400)
            }
        }

        @Test func theStateOfThePoolAndTheCreditAreTold() throws {
            try withGateway(through: .nginx) { gateway in
                let stats = try gateway.send(.get("/openart/api/stats")).json
                #expect(stats["pool"]?["active_accounts"] == 1)
                #expect(stats["pool"]?["total_slots"]?.integerValue ?? 0 > 0)
                #expect(stats["tasks"]?["failed"]?.integerValue != nil)
                let credits = try gateway.send(.get("/api/credits")).json
                #expect(credits["credits_per_video"]?.doubleValue != nil)
                #expect(credits["updated_at"]?.integerValue ?? 0 > 1_700_000_000)
            }
        }
    }

    /// A video hub's API.
    @Suite struct HubStyle {
        @Test func aJobIsSubmittedAndItsResultFetched() throws {
            try withGateway(through: .nginx) { gateway in
                let submitted = try gateway.send(
                    .post(
                        "/api/video/submit",
                        json: ["prompt": "a quiet harbour", "duration": 4, "user_identifier": "user-42"]))
                #expect(submitted.status == 200 && submitted.json["success"] == true, "\(submitted.text)")
                let id = try #require(submitted.json["data"]?["jobId"]?.stringValue)
                #expect(id.hasPrefix("job_"))
                var data: JSON? = nil
                try waitUntil("\(id) ends", within: .seconds(60)) {
                    data = try gateway.send(.get("/api/video/status?jobId=\(id)&wait=20")).json["data"]
                    return data?["status"] == "succeeded"
                }
                #expect(data?["progress"] == 100)
                let url = try #require(data?["resultUrl"]?.stringValue)
                let instance = try Instance.running()
                let film = try gateway.sendAnonymously(.get(String(url.dropFirst(instance.url.count))))
                #expect(film.status == 200 && MediaType(sniffing: film.body) == .mp4)
            }
        }

        @Test func errorsHaveItsEnvelope() throws {
            try withGateway(through: .nginx) { gateway in
                func refused(_ call: Call, _ status: Int) throws -> JSON {
                    let reply = try gateway.send(call)
                    #expect(reply.status == status, "\(call.target): \(reply.text)")
                    #expect(reply.json["success"] == false && reply.json["data"] == .null)
                    return reply.json["message"] ?? .null
                }
                let unknown = try refused(
                    .post("/api/video/submit", json: ["prompt": "p", "provider": "nobody"]), 400)
                #expect(unknown.stringValue?.contains("openai") == true)
                _ = try refused(.post("/api/video/submit", json: [:]), 400)
                _ = try refused(.post("/api/video/submit", json: ["prompt": "p", "model": "none"]), 404)
                _ = try refused(.get("/api/video/status"), 400)
                _ = try refused(.get("/api/video/status?jobId=job_000000000000"), 404)
                _ = try refused(.post("/api/user/redemption", json: ["code": "REDEEM-NONE-NONE"]), 404)
                let anonymous = try gateway.sendAnonymously(.get("/api/user/quota"))
                #expect(anonymous.status == 401 && anonymous.json["success"] == false)
            }
        }

        @Test func theQuotaAddsUp() throws {
            try withGateway(through: .nginx) { gateway in
                let data = try gateway.send(.get("/api/user/quota")).json["data"]
                let (total, used, left) = (
                    data?["totalQuota"]?.integerValue, data?["usedQuota"]?.integerValue,
                    data?["remainingQuota"]?.integerValue
                )
                #expect(total != nil && total == (used ?? 0) + (left ?? 0))
            }
        }
    }
}
