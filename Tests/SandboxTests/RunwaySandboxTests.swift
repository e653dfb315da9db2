import Core
import TestSupport
import Testing

@testable import Sandbox

/// Runway's rules, as its documents have them. What its SDK says of the rest is asked in Tests/ClientTests.
@Suite struct RunwaySandboxTests {
    private static let version = ("X-Runway-Version", "2024-11-06")

    private func client(
        _ sandbox: LiveSandbox,
        _ headers: [(String, String)] = [
            ("Authorization", "Bearer key_sandbox_one1"), version,
        ]
    ) -> FastCGIClient {
        sandbox.client(with: headers)
    }

    private static let picture = PictureHead.dataURL
    private static let film: JSON = [
        "model": "gen4.5", "promptText": "a cat", "ratio": "1280:720", "duration": 5,
    ]

    @Test func everyRequestNamesTheVersion() throws {
        try withSandbox { sandbox in
            let key = ("Authorization", "Bearer key_sandbox_one1")
            let answers = [
                ([key, Self.version], 200), ([key], 400), ([key, ("X-Runway-Version", "2023-09-06")], 400),
                ([("Authorization", "Bearer sk-1"), Self.version], 401), ([Self.version], 401),
                ([("Authorization", "Key key_sandbox_one1"), Self.version], 401),
            ]
            for (headers, status) in answers {
                let reply = try client(sandbox, headers).send("GET", "/runway/v1/organization")
                #expect(reply.status == status)
                #expect((reply.json["error"]?.stringValue != nil) == (status != 200))
            }
        }
    }

    @Test(
        arguments: [
            ("text_to_video", ["seed": 4_294_967_295], 200), ("text_to_video", ["duration": 11], 400),
            ("text_to_video", ["duration": .null], 400), ("text_to_video", ["duration": "5"], 400),
            ("text_to_video", ["ratio": "1280x720"], 400), ("text_to_video", ["ratio": "960:960"], 400),
            ("text_to_video", ["promptText": ""], 400), ("text_to_video", ["prompt": "a"], 400),
            ("text_to_video", ["model": "gen4_turbo"], 400), ("text_to_video", ["seed": -1], 400),
            ("text_to_video", ["promptImage": picture], 400),
            ("image_to_video", ["promptImage": picture, "ratio": "960:960"], 200),
            ("image_to_video", ["promptImage": "https://m.example/1.png"], 200),
            ("image_to_video", ["promptImage": "http://m.example/1.png"], 400),
            ("image_to_video", [:], 400),
            (
                "image_to_video",
                ["model": "gen4_turbo", "promptImage": picture, "promptText": .null, "duration": .null], 200
            ),
            (
                "text_to_image",
                ["model": "gen4_image", "ratio": "1920:1080", "duration": .null], 200
            ),
            (
                "text_to_image",
                ["model": "gen4_image_turbo", "ratio": "1920:1080", "duration": .null], 400
            ),
            (
                "text_to_image",
                [
                    "model": "gen4_image_turbo", "ratio": "1920:1080", "duration": .null,
                    "referenceImages": [["uri": picture, "tag": "cat"]],
                ], 200
            ),
            ("upscale", [:], 404),
        ] as [(String, JSONObject, Int)])
    func whatRunwayRefusesIsRefused(_ way: String, _ more: JSONObject, _ status: Int) throws {
        try withSandbox { sandbox in
            var body = Self.film.objectValue ?? [:]
            for (name, value) in more.members { body[name] = value }
            let reply = try client(sandbox).send("POST", "/runway/v1/\(way)", json: .object(body))
            #expect(reply.status == status, "\(reply.text)")
            // A new task has an id and nothing else.
            #expect(reply.json.objectValue?.names == (status == 200 ? ["id"] : ["error"]))
        }
    }

    @Test func aTaskIsEndedInAnyStateAndThenKnownNoMore() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            for seconds in [0, 1, 60] {
                let made = try client.send("POST", "/runway/v1/text_to_video", json: Self.film)
                let path = "/runway/v1/tasks/\(made.json["id"]?.stringValue ?? "")"
                sandbox.clock.advance(by: .seconds(seconds))
                #expect(try client.send("GET", path).json["status"] != nil)
                #expect(try client.send("DELETE", path).status == 204)
                #expect(try client.send("GET", path).status == 404)
            }
        }
    }

    @Test func creditsFallWithEveryTask() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            try sandbox.settings(["credit": 1])
            func left() throws -> JSON? {
                try client.send("GET", "/runway/v1/organization").json["creditBalance"]
            }
            #expect(try left() == 250)
            _ = try client.send("POST", "/runway/v1/text_to_video", json: Self.film)
            #expect(try left() == 225)
            try sandbox.settings(["credit": 0])
            let refused = try client.send("POST", "/runway/v1/text_to_video", json: Self.film)
            #expect(refused.status == 400)
            #expect(refused.json["error"]?.stringValue?.contains("enough credits") == true)
        }
    }
}
