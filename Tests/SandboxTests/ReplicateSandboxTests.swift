import Core
import TestSupport
import Testing

@testable import Sandbox

/// Replicate's rules, as its documents have them. What its SDK says of the rest is asked in
/// Tests/ClientTests.
@Suite struct ReplicateSandboxTests {
    private static let film = "/replicate/v1/models/kwaivgi/kling-v2.5-turbo-pro/predictions"
    private static let list = "/replicate/v1/predictions"
    private static let picture = PictureHead.dataURL

    private func client(
        _ sandbox: LiveSandbox, _ authorization: String = "Bearer r8_sandbox_one1"
    ) -> FastCGIClient {
        sandbox.client(with: [("Authorization", authorization)])
    }

    private func submitted(_ client: FastCGIClient) throws -> String {
        let made = try client.send("POST", Self.film, json: ["input": ["prompt": "a cat"]])
        return made.json["id"]?.stringValue ?? ""
    }

    @Test func aWrongKeyIsRefusedInAProblemDocument() throws {
        try withSandbox { sandbox in
            for wrong in ["Bearer sk-1", "Token r8_sandbox_one1", ""] {
                let refused = try client(sandbox, wrong).send("GET", Self.list)
                #expect(refused.status == 401 && refused.json["status"] == 401)
                #expect(refused.json["title"]?.stringValue != nil && refused.json["detail"] != nil)
            }
        }
    }

    @Test(
        arguments: [
            (["input": ["prompt": "a cat", "duration": 10, "aspect_ratio": "1:1"]], 201),
            (["input": ["prompt": "a cat", "duration": "10"]], 422),
            (["input": ["prompt": "a cat", "duration": 7]], 422), (["input": ["duration": 5]], 422),
            (["input": ["prompt": "a cat", "image": picture, "last_frame_image": picture]], 201),
            (["input": ["prompt": "a cat", "image": [picture]]], 422),
            (["input": ["prompt": "a cat", "size": "1280x720"]], 422), ([:], 422),
            (["input": "a cat"], 422), (["prompt": "a cat"], 422),
            (["input": ["prompt": "a"], "webhook": "https://m.example/cb"], 201),
            (["input": ["prompt": "a"], "webhook": "http://m.example/cb"], 422),
            (["input": ["prompt": "a"], "webhook_events_filter": ["completed", "start"]], 201),
            (["input": ["prompt": "a"], "webhook_events_filter": ["ended"]], 422),
        ] as [(JSON, Int)])
    func whatReplicateRefusesIsRefused(_ body: JSON, _ status: Int) throws {
        try withSandbox { sandbox in
            let reply = try client(sandbox).send("POST", Self.film, json: body)
            #expect(reply.status == status, "\(reply.text)")
            if status == 201 {
                #expect(reply.json["status"] == "starting" && reply.json["output"] == .null)
                #expect(reply.json["input"]?["prompt"] == body["input"]?["prompt"])
            }
        }
    }

    @Test func aModelThatThereIsNotIsNotFound() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            for name in ["kwaivgi/other", "nobody/kling-v2.5-turbo-pro"] {
                let reply = try client.send(
                    "POST", "/replicate/v1/models/\(name)/predictions", json: ["input": ["prompt": "a"]])
                #expect(reply.status == 404)
            }
            #expect(try sandbox.stats()["accepted"] == 0)
        }
    }

    @Test func aPredictionGivesATextAndIsItsOwnersOnly() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            let path = "\(Self.list)/\(try submitted(client))"
            sandbox.clock.advance(by: .seconds(60))
            #expect(try eventually { try client.send("GET", path).json["status"] == "succeeded" })
            let made = try client.send("GET", path).json
            #expect(made["output"]?.stringValue?.hasPrefix("https://vendor.example/replicate/") == true)
            #expect(try client.send("GET", Self.list).json["results"]?.arrayValue?.count == 1)
            let another = self.client(sandbox, "Bearer r8_sandbox_two2")
            #expect(try another.send("GET", path).status == 404)
            #expect(try another.send("GET", Self.list).json["results"] == [])
        }
    }

    @Test func aPredictionIsCancelledAsLongAsItRuns() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            for (seconds, status) in [(0, "canceled"), (1, "canceled")] {
                let path = "\(Self.list)/\(try submitted(client))"
                sandbox.clock.advance(by: .seconds(seconds))
                #expect(try client.send("POST", path + "/cancel").status == 200)
                #expect(try client.send("GET", path).json["status"] == .string(status))
            }
            let path = "\(Self.list)/\(try submitted(client))"
            sandbox.clock.advance(by: .seconds(60))
            #expect(try eventually { try client.send("GET", path).json["status"] == "succeeded" })
            _ = try client.send("POST", path + "/cancel")
            #expect(try client.send("GET", path).json["status"] == "succeeded")
        }
    }

    @Test func whoHasNoCreditIsToldSo() throws {
        try withSandbox { sandbox in
            try sandbox.settings(["credit": 0])
            let refused = try client(sandbox).send("POST", Self.film, json: ["input": ["prompt": "a"]])
            #expect(refused.status == 402 && refused.json["title"] == "Insufficient credit")
        }
    }
}
