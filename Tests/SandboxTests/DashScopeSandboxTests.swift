import Core
import TestSupport
import Testing

@testable import Sandbox

/// DashScope's odd rules, as its documents have them. Its own SDK is asked in Tests/ClientTests/vendors.
@Suite struct DashScopeSandboxTests {
    private static let videos = "/dashscope/api/v1/services/aigc/video-generation/video-synthesis"
    private static let tasks = "/dashscope/api/v1/tasks"

    private func client(_ sandbox: LiveSandbox, isAsync: Bool = true) -> FastCGIClient {
        let key = [("Authorization", "Bearer sk-sandbox-one1")]
        return sandbox.client(with: key + (isAsync ? [("X-DashScope-Async", "enable")] : []))
    }

    private func body(_ model: String, _ input: JSONObject = [:], _ parameters: JSONObject = [:]) -> JSON {
        var all: JSONObject = ["prompt": "a cat"]
        for (name, value) in input.members { all[name] = value }
        return ["model": .string(model), "input": .object(all), "parameters": .object(parameters)]
    }

    @Test func onlyTasksAreMade() throws {
        try withSandbox { sandbox in
            let client = client(sandbox, isAsync: false)
            let refused = try client.send("POST", Self.videos, json: body("wan2.6-t2v"))
            #expect(refused.status == 403 && refused.json["code"] == "AccessDenied")
            #expect(refused.json["message"]?.stringValue?.contains("synchronous") == true)
            #expect(try sandbox.stats()["accepted"] == 0)
        }
    }

    @Test func aTaskIsKnownForADayAndUnknownAfterwards() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            let made = try client.send("POST", Self.videos, json: body("wan2.6-t2v"))
            let output = made.json["output"]
            #expect(made.status == 200 && output?["task_status"] == "PENDING")
            // Beijing's time.
            #expect(output?["submit_time"] == "2025-12-29 17:20:00.000")
            let id = output?["task_id"]?.stringValue ?? ""
            sandbox.clock.advance(by: .seconds(25 * 3600))
            let later = try client.send("GET", "\(Self.tasks)/\(id)")
            #expect(later.status == 200 && later.json["output"]?["task_status"] == "UNKNOWN")
            let none = try client.send("GET", "\(Self.tasks)/none")
            #expect(none.status == 200 && none.json["output"]?["task_status"] == "UNKNOWN")
            #expect(none.json["output"]?["task_id"] == "none")
        }
    }

    @Test func onlyWhatIsPendingIsCancelled() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            func submitted() throws -> String {
                let made = try client.send("POST", Self.videos, json: body("wan2.6-t2v"))
                return made.json["output"]?["task_id"]?.stringValue ?? ""
            }
            let pending = try submitted()
            #expect(try client.send("POST", "\(Self.tasks)/\(pending)/cancel", json: [:]).status == 200)
            let cancelled = try client.send("GET", "\(Self.tasks)/\(pending)").json
            #expect(cancelled["output"]?["task_status"] == "CANCELED")
            let running = try submitted()
            sandbox.clock.advance(by: .seconds(1))
            let late = try client.send("POST", "\(Self.tasks)/\(running)/cancel", json: [:])
            #expect(late.status == 400 && late.json["code"] == "UnsupportedOperation")
        }
    }

    private static let picture = PictureHead.dataURL

    private static func first(_ url: JSON) -> JSONObject { ["media": [["type": "first_frame", "url": url]]] }

    @Test(
        arguments: [
            ("wan2.6-t2v", [:], ["size": "1280*720", "duration": 10], 200),
            ("wan2.6-t2v", [:], ["size": "1280x720"], 400), ("wan2.6-t2v", [:], ["duration": 4], 400),
            ("wan2.6-t2v", [:], ["resolution": "720P"], 400), ("wan2.6-t2v", [:], ["seed": -1], 400),
            ("wan2.6-t2v", ["prompt": .null], [:], 400), ("wan2.6-t2v", ["img_url": picture], [:], 400),
            ("wan2.6-i2v", ["img_url": picture], ["resolution": "480P"], 200), ("wan2.6-i2v", [:], [:], 400),
            ("wan2.6-i2v", ["img_url": "/etc/passwd"], [:], 400), ("wan2.2-kf2v-flash", [:], [:], 400),
            ("wan2.6-r2v", ["reference_urls": [picture]], ["size": "720*1280"], 200),
            ("wan2.6-r2v", ["reference_urls": []], [:], 400), ("no-such-model", [:], [:], 404),
            ("happyhorse-1.0-t2v", [:], ["ratio": "9:16", "resolution": "720P", "duration": 3], 200),
            ("happyhorse-1.0-t2v", [:], ["resolution": "720p"], 400),
            ("happyhorse-1.0-t2v", [:], ["ratio": "adaptive"], 400),
            ("happyhorse-1.0-i2v", first(picture), [:], 200),
            ("happyhorse-1.0-i2v", first(picture), ["ratio": "16:9"], 400),
            ("happyhorse-1.0-i2v", [:], [:], 400), ("happyhorse-1.0-t2v", first(picture), [:], 400),
        ] as [(String, JSONObject, JSONObject, Int)])
    func whatDashScopeRefusesIsRefused(
        _ model: String, _ input: JSONObject, _ parameters: JSONObject, _ status: Int
    ) throws {
        try withSandbox { sandbox in
            let reply = try client(sandbox).send(
                "POST", Self.videos, json: body(model, input, parameters))
            #expect(reply.status == status, "\(reply.text)")
            #expect((reply.json["code"]?.stringValue != nil) == (status != 200))
            #expect(reply.json["request_id"]?.stringValue?.isEmpty == false)
        }
    }

    @Test func picturesAreTasksToo() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            let made = try client.send(
                "POST", "/dashscope/api/v1/services/aigc/text2image/image-synthesis",
                json: body("wan2.2-t2i-flash", [:], ["n": 3]))
            let id = made.json["output"]?["task_id"]?.stringValue ?? ""
            sandbox.clock.advance(by: .seconds(60))
            var output: JSON?
            #expect(
                try eventually {
                    output = try client.send("GET", "\(Self.tasks)/\(id)").json["output"]
                    return output?["task_status"] == "SUCCEEDED"
                })
            let urls = (output?["results"]?.arrayValue ?? []).compactMap { $0["url"]?.stringValue }
            #expect(Set(urls).count == 3 && output?["task_metrics"]?["SUCCEEDED"] == 3)
            var nobody = sandbox.client
            nobody.headers = []
            for url in urls {
                let picture = try nobody.send("GET", String(url.dropFirst("https://vendor.example".count)))
                #expect(picture.status == 200 && picture["Content-Type"] == "image/png")
            }
        }
    }
}
