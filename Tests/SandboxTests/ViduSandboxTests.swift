import Core
import TestSupport
import Testing

@testable import Sandbox

/// Vidu's odd rules, as its documents have them. It has no SDK that could be asked.
@Suite struct ViduSandboxTests {
    private static let base = "/vidu/ent/v2"

    private func client(
        _ sandbox: LiveSandbox, _ authorization: String = "Token vda_sandbox_one1"
    )
        -> FastCGIClient
    {
        sandbox.client(with: [("Authorization", authorization)])
    }

    private static let picture = PictureHead.dataURL

    @Test func theWordBeforeTheKeyIsToken() throws {
        try withSandbox { sandbox in
            let path = Self.base + "/credits?show_detail=true"
            #expect(try client(sandbox).send("GET", path).status == 200)
            for wrong in ["Bearer vda_sandbox_one1", "Token sk-sandbox", "vda_sandbox_one1"] {
                let refused = try client(sandbox, wrong).send("GET", path)
                #expect(refused.status == 401 && refused.json["reason"] == "Unauthorized")
                #expect(refused.json["code"] == 401 && refused.json["metadata"]?["trace_id"] != nil)
            }
        }
    }

    @Test(
        arguments: [
            ("text2video", ["duration": 16, "aspect_ratio": "9:16", "audio": true], 200),
            ("text2video", ["images": [picture]], 400), ("text2video", ["duration": 17], 400),
            ("text2video", ["prompt": .null], 400), ("text2video", ["resolution": "720P"], 400),
            ("text2video", ["model": "viduq3-mix"], 400), ("text2video", ["bgm": true], 400),
            ("text2video", ["seconds": 4], 400), ("text2video", ["duration": "4"], 400),
            ("img2video", ["images": [picture]], 200), ("img2video", ["images": [picture, picture]], 400),
            ("img2video", ["images": [picture], "aspect_ratio": "16:9"], 400), ("img2video", [:], 400),
            ("start-end2video", ["images": [picture, picture]], 200),
            ("start-end2video", ["images": [picture]], 400),
            ("reference2video", ["model": "viduq3", "images": [picture], "duration": 3], 200),
            ("reference2video", ["model": "viduq3", "images": [picture], "duration": 2], 400),
            ("reference2video", ["model": "viduq3", "images": []], 400),
            ("reference2video", ["model": "viduq3", "images": ["ftp://x"]], 400),
        ] as [(String, JSONObject, Int)])
    func whatViduRefusesIsRefused(_ way: String, _ more: JSONObject, _ status: Int) throws {
        try withSandbox { sandbox in
            var body: JSONObject = ["model": "viduq3-pro", "prompt": "a cat", "payload": "token-1"]
            for (name, value) in more.members { body[name] = value }
            let reply = try client(sandbox).send("POST", "\(Self.base)/\(way)", json: .object(body))
            #expect(reply.status == status, "\(reply.text)")
            if status == 200 {
                #expect(reply.json["state"] == "created" && reply.json["payload"] == "token-1")
            } else {
                #expect(reply.json["reason"]?.stringValue?.isEmpty == false)
            }
        }
    }

    @Test func onlyWhatWaitsIsCancelled() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            func submitted() throws -> String {
                let made = try client.send(
                    "POST", Self.base + "/text2video", json: ["model": "viduq3-pro", "prompt": "a cat"])
                return made.json["task_id"]?.stringValue ?? ""
            }
            func cancel(_ id: String, _ body: JSON) throws -> FastCGIReply {
                try client.send("POST", "\(Self.base)/tasks/\(id)/cancel", json: body)
            }
            let waiting = try submitted()
            #expect(try cancel(waiting, ["id": "another"]).status == 400)
            #expect(try cancel(waiting, ["id": .string(waiting)]).status == 200)
            let ended = try client.send("GET", "\(Self.base)/tasks/\(waiting)/creations").json
            #expect(ended["state"] == "failed" && ended["err_code"] == "UserCancelled")
            let begun = try submitted()
            sandbox.clock.advance(by: .seconds(1))
            let late = try cancel(begun, ["id": .string(begun)])
            #expect(late.status == 400 && late.json["reason"] == "BadRequest")
        }
    }

    @Test func creditsFallWithEveryTask() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            try sandbox.settings(["credit": 1])
            func left() throws -> Int64? {
                let json = try client.send("GET", Self.base + "/credits").json
                return json["remains"]?.arrayValue?.first?["credit_remain"]?.integerValue
            }
            #expect(try left() == 500)
            _ = try client.send(
                "POST", Self.base + "/text2video", json: ["model": "viduq3-pro", "prompt": "a cat"])
            #expect(try left() == 450)
            try sandbox.settings(["credit": 0])
            let refused = try client.send(
                "POST", Self.base + "/text2video", json: ["model": "viduq3-pro", "prompt": "a cat"])
            #expect(refused.status == 400 && refused.json["reason"] == "CreditInsufficient")
        }
    }
}
