import Core
import TestSupport
import Testing

@testable import Sandbox

/// Luma's rules, as its documents have them. What its SDK says of the rest is asked in Tests/ClientTests.
@Suite struct LumaSandboxTests {
    private static let base = "/luma/dream-machine/v1"
    private static let film: JSON = ["model": "ray-2", "prompt": "a cat"]

    private func client(
        _ sandbox: LiveSandbox, _ authorization: String = "Bearer luma-sandbox-one1"
    ) -> FastCGIClient {
        sandbox.client(with: [("Authorization", authorization)])
    }

    @Test func noKeyIsForbiddenAndAWrongOneUnauthorized() throws {
        try withSandbox { sandbox in
            let answers = [
                ("Bearer luma-sandbox-one1", 200), ("Bearer luma-one1", 401), ("luma-sandbox-one1", 403),
                ("", 403),
            ]
            for (authorization, status) in answers {
                let reply = try client(sandbox, authorization).send("GET", Self.base + "/credits")
                #expect(reply.status == status)
                #expect((reply.json["detail"]?.stringValue != nil) == (status != 200))
            }
        }
    }

    private static func frames(_ frame: JSON) -> JSON { ["frame0": frame] }

    @Test(
        arguments: [
            (["duration": "9s", "resolution": "4k", "aspect_ratio": "9:21", "loop": true], 201),
            (["duration": 5], 422), (["duration": "10s"], 422), (["resolution": "720P"], 422),
            (["aspect_ratio": "3:2"], 422), (["model": "ray-3"], 422), (["model": .null], 422),
            (["prompt": .null], 422), (["loop": "yes"], 422), (["seconds": 5], 422),
            (["keyframes": frames(["type": "image", "url": "https://m.example/1.png"])], 201),
            (["keyframes": frames(["type": "image", "url": "https://m/1"]), "prompt": .null], 201),
            (["keyframes": frames(["type": "image", "url": "data:image/png;base64,AAAA"])], 422),
            (["keyframes": frames(["type": "generation", "id": "1"])], 422),
            (["keyframes": ["frame2": ["type": "image", "url": "https://m.example/1.png"]]], 422),
            (["callback_url": "http://m.example/cb"], 422),
        ] as [(JSONObject, Int)])
    func whatLumaRefusesIsRefused(_ more: JSONObject, _ status: Int) throws {
        try withSandbox { sandbox in
            var body = Self.film.objectValue ?? [:]
            for (name, value) in more.members { body[name] = value }
            let reply = try client(sandbox).send(
                "POST", Self.base + "/generations/video", json: .object(body))
            #expect(reply.status == status, "\(reply.text)")
            if status == 201 {
                // It repeats what it was asked for.
                #expect(reply.json["state"] == "queued" && reply.json["assets"] == .null)
                #expect(reply.json["request"]?["model"] == "ray-2")
            }
        }
    }

    @Test func aGenerationIsEndedInAnyStateAndThenKnownNoMore() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            for seconds in [0, 1, 60] {
                let made = try client.send("POST", Self.base + "/generations", json: Self.film)
                let path = "\(Self.base)/generations/\(made.json["id"]?.stringValue ?? "")"
                sandbox.clock.advance(by: .seconds(seconds))
                #expect(try client.send("GET", path).json["state"] != nil)
                #expect(try client.send("DELETE", path).status == 204)
                #expect(try client.send("GET", path).status == 404)
            }
        }
    }

    @Test func centsFallWithEveryTask() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            try sandbox.settings(["credit": 1])
            func left() throws -> JSON? {
                try client.send("GET", Self.base + "/credits").json["credit_balance"]
            }
            #expect(try left() == 400)
            _ = try client.send("POST", Self.base + "/generations/video", json: Self.film)
            #expect(try left() == 360)
            try sandbox.settings(["credit": 0])
            let refused = try client.send("POST", Self.base + "/generations/video", json: Self.film)
            #expect(refused.status == 402)
        }
    }
}
