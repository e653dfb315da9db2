import Core
import Foundation
import TestSupport
import Testing

/// The llmage API from the request to what is made, through nginx, the application and the sandbox.
extension GatewayTests {
    @Suite(.freshDatabase) struct LlmageStyle {
        private func file(_ field: String, _ bytes: [UInt8]) -> FormFile {
            FormFile(field: field, bytes: bytes)
        }

        @Test func aPromptBecomesAFilmThatIsFetchedWithoutAKey() throws {
            try withLlmage { llmage in
                try llmage.kinora(["model", "price", "set", "viduq3-pro", "--second", "2.5"])
                try llmage.kinora(["quota", "topup", "default", "100"])
                let options: JSONObject = ["resolution": "540P", "off_peak": "N"]
                let id = try llmage.submit(LlmageSite.video(options))
                let task = try llmage.end(of: id)
                #expect(task["status"] == "SUCCEEDED" && task["taskid"]?.stringValue == id, "\(task)")
                #expect(
                    task["usage"] == [
                        "action": "t2v", "credits": 10, "type": "text2video", "model": "viduq3-pro",
                        "resolution": "540p", "off_peak": false, "duration": 4,
                    ])
                #expect(task["image"] == nil && task["error"] == nil)
                #expect(MediaType(sniffing: try llmage.bytes(task["video"])) == .mp4)
                // The same task in other APIs' words.
                #expect(try llmage.send(.get("/api/task/\(id)")).json["status"] == "done")
            }
        }

        @Test func aPromptBecomesAPicture() throws {
            try withLlmage { llmage in
                for form in [false, true] {
                    let fields = [
                        ("model", "wan2.2-t2i-plus"), ("catelogid", "t2i"), ("prompt", "一只猫坐在月亮上"),
                        ("negative_prompt", "模糊,低质量"),
                    ]
                    let path = "/llmage/v1/image/generations"
                    let json = JSON.object(JSONObject(fields.map { ($0.0, .string($0.1)) }))
                    let call = form ? Call.post(path, form: fields) : .post(path, json: json)
                    let task = try llmage.end(of: try llmage.submit(call))
                    #expect(task["usage"]?["type"] == "text2image" && task["video"] == nil, "\(task)")
                    #expect(task["usage"]?["duration"] == nil)
                    #expect(MediaType(sniffing: try llmage.bytes(task["image"])) == .png)
                }
            }
        }

        @Test func mediaComeAsFilesOrAsText() throws {
            try withLlmage { llmage in
                let base = [("prompt", "p"), ("duration", "4"), ("ratio", "1:1")]
                let happy = [("model", "happyhorse-1.0-i2v"), ("catelogid", "i2v")] + base
                let seedance = [("model", "doubao-seedance-2-0-260128"), ("catelogid", "i2v")] + base
                let vidu = [("model", "viduq3-pro"), ("catelogid", "i2v")] + base
                let any = [("model", "dreamina-seedance-2-0-260128"), ("catelogid", "ref2v")] + base
                let image = try picture(), other = try picture("32x32")
                let data = "data:image/png;base64,\(Base64.encode(image))"
                let calls = [
                    LlmageSite.form(happy, [file("image_file", image)]),
                    LlmageSite.form(happy + [("image_url", data)], []),
                    LlmageSite.form(seedance, [file("image2_file", other), file("image1_file", image)]),
                    LlmageSite.form(vidu, [file("image_file1", image), file("image_file2", other)]),
                    LlmageSite.form(
                        any,
                        [
                            file("image_files", image), file("image_files", other),
                            file("audio_files", silence(3)),
                        ]),
                    LlmageSite.video(
                        [
                            "catelogid": "i2v", "image_file1": .string(data),
                            "image_file2": .string(Base64.encode(other)),
                        ]),
                ]
                let ids = try calls.map(llmage.submit)
                let used = try ids.map { try llmage.end(of: $0) }
                for task in used { #expect(task["status"] == "SUCCEEDED", "\(task)") }
                #expect(
                    used.map { $0["usage"]?["type"]?.stringValue ?? "" }
                        == ["image2video", "image2video", "image2video", "image2video", "reference2video"]
                        + ["image2video"])
                // The first picture stands first, however the fields were ordered.
                let sizes = try llmage.site.database.rows(
                    """
                    SELECT a.bytes FROM task_input t
                        JOIN task_asset r ON r.task_id = t.task_id AND r.role = 'reference'
                        JOIN asset a ON a.id = r.asset_id
                    WHERE t.uid = '\(ids[2])' ORDER BY r.position
                    """)
                #expect(sizes == [[String(image.count)], [String(other.count)]])
            }
        }

        @Test func videosAreReferencesToo() throws {
            try withLlmage { llmage in
                let fields = [
                    ("model", "doubao-seedance-2-0-260128"), ("catelogid", "ref2v"), ("prompt", "p"),
                    ("ratio", "1:1"),
                ]
                let image = file("image_files", try picture())
                let short = file("video_files", try film(2)), long = file("video_files", try film(8))
                let id = try llmage.submit(LlmageSite.form(fields, [image, short]))
                let kinds = try llmage.site.database.rows(
                    """
                    SELECT a.media_type FROM task_input t JOIN task_asset r ON r.task_id = t.task_id
                        JOIN asset a ON a.id = r.asset_id
                    WHERE t.uid = '\(id)' AND r.role = 'reference' ORDER BY r.position
                    """)
                #expect(kinds == [["image/png"], ["video/mp4"]])
                // This sandbox's vendor takes none, and says so.
                let task = try llmage.end(of: id)
                #expect(
                    task["status"] == "FAILED" && task["error"] == "This model takes no reference videos.")
                #expect(task["usage"] == nil && task["video"] == nil)

                func refused(_ files: [FormFile]) throws -> String {
                    let reply = try llmage.send(LlmageSite.form(fields, files))
                    #expect(reply.status == 400)
                    return reply.json["error"]?.stringValue ?? ""
                }
                let isLong = try refused([image, file("video_files", try film(16))])
                #expect(isLong.hasPrefix("Invalid value for video_files: 'video_files' is 16 s long"))
                #expect(try refused([image, long, long]).contains("All video together must be at most 15 s"))
                #expect(try refused([image, file("video_files", silence(3))]).contains("MP4"))
                #expect(try refused([image] + Array(repeating: short, count: 4)).contains("at most 3"))
                #expect(try refused([short]).hasPrefix("Missing required parameter: image_file"))
            }
        }

        @Test func whoWaitsIsToldTheEnd() throws {
            try withLlmage { llmage in
                let form = LlmageSite.form(
                    [("model", "happyhorse-1.0-i2v"), ("catelogid", "i2v"), ("prompt", "p")],
                    [file("image_file", try picture())])
                for call in [LlmageSite.video([:]), form] {
                    let reply = try llmage.send(call.with("Prefer", "wait=60"))
                    #expect(reply.status == 200 && reply.json["status"] == "SUCCEEDED", "\(reply.text)")
                    #expect(MediaType(sniffing: try llmage.bytes(reply.json["video"])) == .mp4)
                }
            }
        }

        @Test func aRepeatedRequestGetsTheSameTask() throws {
            try withLlmage { llmage in
                let first = try llmage.submit(LlmageSite.video([:]).with("Idempotency-Key", "once"))
                let second = try llmage.submit(LlmageSite.video([:]).with("Idempotency-Key", "once"))
                #expect(first == second)
                let other = LlmageSite.video(["prompt": "another"]).with("Idempotency-Key", "once")
                #expect(try llmage.send(other).status == 422)
            }
        }

        @Test func modelsAreListedByCategory() throws {
            try withLlmage { llmage in
                func ids(_ query: String) throws -> Set<String> {
                    let list = try llmage.send(.get("/llmage/v1/models\(query)")).json["data"]
                    return Set(list?.arrayValue?.compactMap { $0["id"]?.stringValue } ?? [])
                }
                let all = try ids("")
                let named = try llmage.site.database.rows("SELECT id FROM model WHERE family = 'llmage'")
                #expect(named.count == 15 && all.isSuperset(of: named.compactMap(\.[0])))
                #expect(try ids("?catelogid=ref2v").contains("happyhorse-1.0-r2v"))
                #expect(try !ids("?catelogid=ref2v").contains("happyhorse-1.0-t2v"))
                #expect(try ids("?catelogid=t2t").contains("qwen3-max"))
                #expect(try ids("?catelogid=t2m").isEmpty)
                #expect(try ids("?catelogid=") == all)
                let key = try llmage.key("--models", "viduq3-pro")
                let own = try llmage.send(.get("/llmage/v1/models").key(key)).json["data"]?.arrayValue
                #expect(own?.count == 1 && own?.first?["catelogid"] == ["i2v", "t2v"])
                #expect(own?.first?["owned_by"] == "opencomputing.ai")
            }
        }

        @Test func whatMayBePutOffWaits() throws {
            try withLlmage { llmage in
                try llmage.site.database.rows(
                    """
                    UPDATE setting SET value = (SELECT to_jsonb(to_char(at + interval '2 hours', 'HH24:MI-')
                        || to_char(at + interval '3 hours', 'HH24:MI'))
                        FROM (SELECT now() AT TIME ZONE 'UTC' AS at) n) WHERE name = 'off_peak_window'
                    """)
                let put = try llmage.submit(LlmageSite.video(["off_peak": "Y"]))
                let ordinary = try llmage.submit(LlmageSite.video(["off_peak": "N"]))
                #expect(try llmage.end(of: ordinary)["usage"]?["off_peak"] == false)
                #expect(try llmage.send(.get("/llmage/v1/tasks?taskid=\(put)")).json["status"] == "PENDING")
                try llmage.kinora(["setting", "set", "off_peak_window", ""])
                #expect(try llmage.end(of: put)["usage"]?["off_peak"] == true)
            }
        }
    }
}
