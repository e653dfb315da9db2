import Core
import TestSupport
import Testing

@testable import Sandbox

/// Zhipu's odd rules, as its documents have them. Its own SDK is asked in Tests/ClientTests/vendors.
@Suite struct ZhipuSandboxTests {
    private static let base = "/zhipu/api/paas/v4"

    private func client(_ sandbox: LiveSandbox, _ key: String = "sandbox-one.secret1") -> FastCGIClient {
        sandbox.client(with: [("Authorization", "Bearer \(key)")])
    }

    @Test func aKeyHasTwoHalves() throws {
        try withSandbox { sandbox in
            for key in ["sandbox-one", "sk-sandbox.secret", ""] {
                let refused = try client(sandbox, key).send("GET", Self.base + "/async-result/1")
                #expect(refused.status == 401)
                #expect(["1001", "1002"].contains(refused.json["error"]?["code"]?.stringValue))
            }
            #expect(try client(sandbox).send("GET", Self.base + "/async-result/1").status == 404)
        }
    }

    private static let picture = PictureHead.dataURL

    @Test(
        arguments: [
            ("videos", ["model": "cogvideox-3", "duration": 10, "fps": 60, "with_audio": true], 200),
            ("videos", ["model": "cogvideox-3", "duration": 7], 400),
            ("videos", ["model": "cogvideox-9"], 400),
            ("videos", ["model": "cogvideox-3", "size": "640x480"], 400),
            ("videos", ["model": "cogvideox-3", "image_url": picture], 200),
            ("videos", ["model": "cogvideox-3", "image_url": [picture, picture]], 200),
            ("videos", ["model": "cogvideox-3", "image_url": [picture]], 400),
            ("videos", ["model": "cogvideox-3", "image_url": "/etc/passwd"], 400),
            ("videos", ["model": "cogvideox-3", "prompt": .string(String(repeating: "x", count: 513))], 400),
            ("images", ["model": "cogview-3-flash", "size": "768x1344"], 200),
            ("images", ["model": "cogview-3-flash", "size": "512x512"], 400),
            ("images", ["model": "cogview-4", "size": "512x512", "quality": "hd"], 200),
            ("images", ["model": "cogview-3-flash", "quality": "hd"], 400),
            ("images", ["model": "cogview-3-flash", "n": 2], 400),
            ("images", ["model": "cogview-3-flash", "user_id": "short"], 400),
        ] as [(String, JSONObject, Int)])
    func whatZhipuRefusesIsRefused(_ kind: String, _ more: JSONObject, _ status: Int) throws {
        try withSandbox { sandbox in
            try sandbox.settings(["task_seconds": 0])
            var body: JSONObject = ["prompt": "a cat"]
            for (name, value) in more.members { body[name] = value }
            let reply = try client(sandbox).send(
                "POST", "\(Self.base)/\(kind)/generations", json: .object(body))
            #expect(reply.status == status, "\(reply.text)")
            #expect((reply.json["error"]?["code"]?.stringValue != nil) == (status != 200))
        }
    }

    @Test func nothingEverWaitsThere() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            let made = try client.send(
                "POST", Self.base + "/videos/generations", json: ["model": "cogvideox-3", "prompt": "a cat"])
            #expect(made.json["task_status"] == "PROCESSING")
            let id = made.json["id"]?.stringValue ?? ""
            let polled = try client.send("GET", "\(Self.base)/async-result/\(id)").json
            #expect(polled["task_status"] == "PROCESSING" && polled["video_result"] == nil)
        }
    }
}
