import Core
import TestSupport
import Testing

@testable import Sandbox

/// Ark's odd rules, as its documents have them. Its own SDK is asked in Tests/ClientTests/vendors.
@Suite struct ArkSandboxTests {
    private static let tasks = "/ark/api/v3/contents/generations/tasks"

    private func client(_ sandbox: LiveSandbox, _ key: String = "ark-sandbox-one1") -> FastCGIClient {
        sandbox.client(with: [("Authorization", "Bearer \(key)")])
    }

    private func body(_ more: JSONObject = [:]) -> JSON {
        var body: JSONObject = [
            "model": "doubao-seedance-1-5-pro-251215", "content": [["type": "text", "text": "a cat"]],
        ]
        for (name, value) in more.members { body[name] = value }
        return .object(body)
    }

    @Test func whatIsQueuedIsCancelledAndWhatRunsIsNot() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            let queued = try client.send("POST", Self.tasks, json: body()).json["id"]?.stringValue ?? ""
            #expect(try client.send("DELETE", "\(Self.tasks)/\(queued)").status == 200)
            #expect(try client.send("GET", "\(Self.tasks)/\(queued)").json["status"] == "cancelled")
            #expect(try client.send("DELETE", "\(Self.tasks)/\(queued)").status == 400)

            let running = try client.send("POST", Self.tasks, json: body()).json["id"]?.stringValue ?? ""
            sandbox.clock.advance(by: .seconds(1))
            #expect(try client.send("GET", "\(Self.tasks)/\(running)").json["status"] == "running")
            #expect(try client.send("DELETE", "\(Self.tasks)/\(running)").status == 400)
            sandbox.clock.advance(by: .seconds(60))
            #expect(
                eventually {
                    (try? client.send("GET", "\(Self.tasks)/\(running)").json["status"]) == "succeeded"
                })
            #expect(try client.send("DELETE", "\(Self.tasks)/\(running)").status == 200)
            #expect(try client.send("GET", "\(Self.tasks)/\(running)").status == 404)
        }
    }

    @Test func linksEndAfterADayAndTakeNoKey() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            let id = try client.send("POST", Self.tasks, json: body()).json["id"]?.stringValue ?? ""
            sandbox.clock.advance(by: .seconds(60))
            var url = ""
            #expect(
                eventually {
                    let task = try? client.send("GET", "\(Self.tasks)/\(id)").json
                    url = task?["content"]?["video_url"]?.stringValue ?? ""
                    return !url.isEmpty
                })
            let path = String(url.dropFirst("https://vendor.example".count))
            var nobody = sandbox.client
            nobody.headers = []
            #expect(try nobody.send("GET", path).status == 200)
            #expect(try client.send("GET", path).status == 400)
            #expect(try nobody.send("GET", "/ark/store/film-nobody.mp4?expires=99999999999").status == 403)
            sandbox.clock.advance(by: .seconds(24 * 3600))
            #expect(try nobody.send("GET", path).status == 403)
        }
    }

    @Test(
        arguments: [
            (["model": "seedance-1-5-pro"], 404), (["model": "dreamina-seedance-2-0-260128"], 404),
            (["model": .null], 400), (["content": []], 400), (["content": "a cat"], 400),
            (["content": [["type": "text", "text": 1]]], 400),
            (["content": [["type": "image_url", "image_url": ["url": "file:///etc/passwd"]]]], 400),
            (["content": [["type": "image_url", "image_url": ["url": "data:image/PNG;base64,AAAA"]]]], 400),
            (["content": [["type": "video_url", "video_url": ["url": "data:video/mp4;base64,AAAA"]]]], 400),
            (["duration": "5"], 400), (["duration": 13], 400), (["duration": -2], 400),
            (["resolution": "720P"], 400), (["ratio": "5:4"], 400), (["seed": -2], 400),
            (["seconds": 5], 400), (["generate_audio": "yes"], 400), (["duration": -1], 200),
            (["seed": .null, "tools": .null], 200),
        ] as [(JSONObject, Int)])
    func whatArkRefusesIsRefused(_ more: JSONObject, _ status: Int) throws {
        try withSandbox { sandbox in
            let reply = try client(sandbox).send("POST", Self.tasks, json: body(more))
            #expect(reply.status == status, "\(reply.text)")
            guard status != 200 else { return }
            #expect(reply.json["error"]?["code"]?.stringValue?.isEmpty == false)
            #expect(reply.json["error"]?["message"]?.stringValue?.contains("Request id: ") == true)
            #expect(try sandbox.stats()["accepted"] == 0)
        }
    }

    @Test func aKeySeesItsOwnTasks() throws {
        try withSandbox { sandbox in
            let id = try client(sandbox).send("POST", Self.tasks, json: body()).json["id"]?.stringValue ?? ""
            let stranger = client(sandbox, "ark-sandbox-two2")
            #expect(try stranger.send("GET", "\(Self.tasks)/\(id)").status == 404)
            #expect(try stranger.send("GET", Self.tasks).json["total"] == 0)
            #expect(try client(sandbox, "sk-sandbox-one").send("GET", Self.tasks).status == 401)
        }
    }
}
