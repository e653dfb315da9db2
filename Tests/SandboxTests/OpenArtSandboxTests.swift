import Core
import Foundation
import TestSupport
import Testing

@testable import Sandbox

/// The gateway to OpenArt's videos as its document describes it.
@Suite struct OpenArtSandboxTests {
    private func client(_ sandbox: LiveSandbox, key: String? = "oak_sandbox_one") -> FastCGIClient {
        var client = sandbox.client
        client.headers = key.map { [("X-API-Key", $0), ("Host", "vendor.example")] } ?? []
        return client
    }

    private func form(_ fields: [(String, String)], _ files: [(String, String, [UInt8])]) -> FastCGIRequest {
        let whole = multipart(fields, files: files.map { (field: $0.0, name: $0.1, bytes: $0.2) })
        return FastCGIRequest(
            "POST", "/openart/api/generate-with-file",
            headers: [
                ("Content-Type", "multipart/form-data; boundary=b"), ("X-API-Key", "oak_sandbox_one"),
                ("Host", "vendor.example"),
            ], body: whole.body)
    }

    @Test func aTaskGoesThroughItsWordsToAFilmForWhichNoKeyIsWanted() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            let made = try client.send(
                "POST", "/openart/api/generate", json: ["prompt": "a cat", "duration": 5])
            let id = try #require(made.json["task_id"]?.stringValue)
            #expect(made.status == 200 && made.json["status"] == "pending")
            sandbox.clock.advance(by: .seconds(60))
            var task = try client.send("GET", "/openart/api/task/\(id)").json
            #expect(
                eventually {
                    task = (try? client.send("GET", "/openart/api/task/\(id)").json) ?? .null
                    return task["status"] == "done"
                })
            #expect(task["credit_cost"] == 625 && task["error_msg"] == .null)
            let url = try #require(task["url_720p"]?.stringValue)
            let place = "https://vendor.example"
            #expect(url.hasPrefix(place + "/openart/cdn/"))
            var nobody = sandbox.client
            nobody.headers = []
            let film = try nobody.send("GET", String(url.dropFirst(place.count)))
            #expect(film["X-Accel-Redirect"]?.hasSuffix(".mp4") == true)
            #expect(try client.send("GET", String(url.dropFirst(place.count))).status == 400)
        }
    }

    @Test func whatTheDocumentRefusesIsRefused() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            func status(_ json: JSON) throws -> Int {
                try client.send("POST", "/openart/api/generate", json: json).status
            }
            #expect(try status([:]) == 400)
            #expect(try status(["prompt": "p", "duration": 3]) == 400)
            #expect(try status(["prompt": "p", "duration": "5"]) == 400)
            #expect(try status(["prompt": "p", "aspect_ratio": "2:1"]) == 400)
            #expect(try status(["prompt": "@image1"]) == 400)
            #expect(try status(["prompt": "[sandbox:content_refusal] p"]) == 400)
            #expect(try status(["prompt": "[sandbox:concurrency] p"]) == 429)
            #expect(try status(["prompt": "[sandbox:insufficient_quota] p"]) == 503)
            #expect(try self.client(sandbox, key: nil).send("GET", "/openart/api/stats").status == 401)
            #expect(try self.client(sandbox, key: "oak_x").send("GET", "/openart/api/stats").status == 401)
            #expect(try client.send("GET", "/openart/api/task/none").status == 404)
            let credits = try client.send("GET", "/openart/api/credits").json
            #expect(credits["credits_per_video"] == 625)
            #expect(try client.send("GET", "/openart/api/stats").json["pool"]?["total_slots"] == 12)
        }
    }

    @Test func filesAreCountedByTheirKind() throws {
        try withSandbox { sandbox in
            let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13]
            func status(_ prompt: String, _ files: [(String, String, [UInt8])]) throws -> Int {
                try sandbox.client.send(form([("prompt", prompt), ("duration", "5")], files)).status
            }
            let one = ("image_files", "a.png", png), song = ("audio_files", "a.wav", silence(2))
            let accepted = try status("@image2 and @audio1", [one, one, song])
            #expect(accepted == 200)
            #expect(try status("@image2", [one, song]) == 400)
            #expect(try status("p", [song]) == 400)
            #expect(try status("p", [("image_files", "a.png", Array("text".utf8))]) == 400)
            #expect(try status("p", [("other", "a.png", png)]) == 400)
        }
    }
}
