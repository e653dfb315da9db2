import Core
import TestSupport
import Testing
import Upstream

@testable import Sandbox

/// MiniMax's odd rules, as its documents have them. It has no SDK that could be asked.
@Suite struct MiniMaxSandboxTests {
    private func client(
        _ sandbox: LiveSandbox, _ authorization: String = "Bearer sk-api-sandbox-one1"
    ) -> FastCGIClient {
        var client = sandbox.client
        client.headers = [("Authorization", authorization), ("Host", "vendor.example")]
        return client
    }

    private static let picture: JSON = .string(
        "data:image/png;base64," + Core.Base64.encode([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0]))

    private static let submit = "/minimax/v1/video_generation"

    @Test func whatIsWrongWithAKeyIsSaidInASuccess() throws {
        try withSandbox { sandbox in
            for (authorization, code) in [("", 1004), ("Bearer other", 2049)] as [(String, JSON)] {
                let body: JSON = ["model": "T2V-01", "prompt": "a cat"]
                let reply = try client(sandbox, authorization).send("POST", Self.submit, json: body)
                #expect(reply.status == 200 && reply.json["base_resp"]?["status_code"] == code)
            }
        }
    }

    @Test(
        arguments: [
            (["duration": 10, "resolution": "768P"], true), (["duration": 10, "resolution": "1080P"], false),
            (["duration": 5], false), (["resolution": "720P"], false), (["resolution": "1080p"], false),
            (["model": "T2V-01", "resolution": "720P"], true), (["model": "Hailuo"], false),
            (["prompt": .null], false), (["seconds": 6], false),
            (["first_frame_image": picture, "last_frame_image": picture], true),
            (["last_frame_image": picture], false), (["first_frame_image": "ftp://a"], false),
            (["model": "MiniMax-Hailuo-2.3-Fast"], false),
            (["model": "MiniMax-Hailuo-2.3-Fast", "first_frame_image": picture], true),
            (["model": "S2V-01", "first_frame_image": picture], false),
            (["model": "S2V-01", "subject_reference": [["type": "character", "image": [picture]]]], true),
        ] as [(JSONObject, Bool)])
    func whatMiniMaxRefusesIsRefused(_ more: JSONObject, _ isGood: Bool) throws {
        try withSandbox { sandbox in
            var body: JSONObject = ["model": "MiniMax-Hailuo-2.3", "prompt": "a cat"]
            for (name, value) in more.members { body[name] = value }
            let reply = try client(sandbox).send("POST", Self.submit, json: .object(body))
            let code = reply.json["base_resp"]?["status_code"]
            #expect(reply.status == 200 && code == (isGood ? 0 : 2013), "\(reply.text)")
            #expect((reply.json["task_id"] != nil) == isGood)
        }
    }

    @Test func aFileHasAPageOfItsOwn() throws {
        try withConversation(with: "minimax") { talk in
            let ticket = try talk.submitted()
            let client = client(talk.sandbox)
            let file = "2\(ticket.dropFirst())"
            let early = try client.send("GET", "/minimax/v1/files/retrieve?file_id=\(file)").json
            #expect(early["base_resp"]?["status_code"] == 2013 && early["file"] == nil)
            _ = try talk.film(of: ticket)
            let query = try client.send("GET", "/minimax/v1/query/video_generation?task_id=\(ticket)").json
            #expect(query["status"] == "Success" && query["file_id"] == .string(file))
            let page = try client.send("GET", "/minimax/v1/files/retrieve?file_id=\(file)").json
            #expect(page["file"]?["file_id"] == .integer(Int64(file) ?? 0))
            #expect(page["file"]?["download_url"]?.stringValue?.hasPrefix("https://") == true)
            let other = self.client(talk.sandbox, "Bearer sk-api-sandbox-two2")
            let foreign = try other.send("GET", "/minimax/v1/files/retrieve?file_id=\(file)").json
            #expect(foreign["base_resp"]?["status_code"] == 2013)
        }
    }

    @Test func picturesComeAtOnce() throws {
        try withSandbox { sandbox in
            let body: JSON = [
                "model": "image-01", "prompt": "a cat", "n": 2, "aspect_ratio": "21:9",
                "response_format": "url",
            ]
            let made = try client(sandbox).send("POST", "/minimax/v1/image_generation", json: body).json
            #expect(made["base_resp"]?["status_code"] == 0)
            #expect(Set(made["data"]?["image_urls"]?.arrayValue?.map(\.text) ?? []).count == 2)
            let wrong: JSON = ["model": "image-01", "prompt": "a cat", "n": 10, "response_format": "url"]
            let refused = try client(sandbox).send("POST", "/minimax/v1/image_generation", json: wrong).json
            #expect(refused["base_resp"]?["status_code"] == 2013 && refused["data"] == nil)
        }
    }
}
