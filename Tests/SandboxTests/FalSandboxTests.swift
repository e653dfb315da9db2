import Core
import TestSupport
import Testing

@testable import Sandbox

/// fal's queue and its odd addresses, as its documents have them. What its client says of the rest is asked
/// in Tests/ClientTests.
@Suite struct FalSandboxTests {
    private static let model = "/fal/fal-ai/kling-video/v2.5-turbo/pro/text-to-video"
    private static let place = "/fal/fal-ai/kling-video/requests"
    private static let picture = PictureHead.dataURL

    private func client(
        _ sandbox: LiveSandbox, _ authorization: String = "Key sandbox-one:secret1"
    ) -> FastCGIClient {
        sandbox.client(with: [("Authorization", authorization)])
    }

    private func submitted(_ client: FastCGIClient) throws -> String {
        try client.send("POST", Self.model, json: ["prompt": "a cat"]).json["request_id"]?.stringValue ?? ""
    }

    @Test func theWordBeforeTheKeyIsKey() throws {
        try withSandbox { sandbox in
            let answers = [
                ("Key sandbox-one:secret1", 200), ("Bearer sandbox-one:secret1", 401),
                ("Key sandbox-one", 401), ("Key one:secret1", 401), ("", 401),
            ]
            for (authorization, status) in answers {
                let reply = try client(sandbox, authorization).send(
                    "POST", Self.model, json: ["prompt": "a cat"])
                #expect(reply.status == status)
            }
            #expect(try sandbox.stats()["accepted"] == 1)
        }
    }

    @Test(
        arguments: [
            ("v2.5-turbo/pro/text-to-video", ["duration": "10", "aspect_ratio": "9:16"], 200),
            ("v2.5-turbo/pro/text-to-video", ["duration": 10], 422),
            ("v2.5-turbo/pro/text-to-video", ["duration": "10s"], 422),
            ("v2.5-turbo/pro/text-to-video", ["prompt": .null], 422),
            ("v2.5-turbo/pro/text-to-video", ["image_url": picture], 422),
            ("v2.5-turbo/pro/text-to-video?fal_webhook=https://m.example/cb", [:], 200),
            ("v2.5-turbo/pro/text-to-video?fal_webhook=http://m.example/cb", [:], 422),
            ("v2.5-turbo/pro/image-to-video", ["image_url": picture, "tail_image_url": picture], 200),
            ("v2.5-turbo/pro/image-to-video", [:], 422),
            ("v9/text-to-video", [:], 404),
        ] as [(String, JSONObject, Int)])
    func whatFalRefusesIsRefused(_ way: String, _ more: JSONObject, _ status: Int) throws {
        try withSandbox { sandbox in
            var body: JSONObject = ["prompt": "a cat"]
            for (name, value) in more.members { body[name] = value }
            let reply = try client(sandbox).send(
                "POST", "/fal/fal-ai/kling-video/\(way)", json: .object(body))
            #expect(reply.status == status, "\(reply.text)")
            // What is wrong with an input is a list, and all else a text.
            if status == 422 {
                #expect(reply.json["detail"]?.arrayValue?.first?["loc"]?.arrayValue?.first == "body")
            } else {
                #expect((reply.json["detail"]?.stringValue != nil) == (status == 404))
            }
        }
    }

    @Test func aRequestIsAskedForWithoutWhatFollowsTheModelsName() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            let made = try client.send("POST", Self.model, json: ["prompt": "a cat"]).json
            let id = made["request_id"]?.stringValue ?? ""
            let address = "https://vendor.example\(Self.place)/\(id)"
            #expect(made["response_url"] == .string(address))
            #expect(made["status_url"] == .string(address + "/status"))
            #expect(made["cancel_url"] == .string(address + "/cancel"))
            #expect(try client.send("GET", "\(Self.place)/\(id)/status").status == 202)
            #expect(try client.send("GET", "\(Self.model)/requests/\(id)/status").status == 404)
            #expect(try client.send("GET", "/fal/fal-ai/other/requests/\(id)/status").status == 404)
        }
    }

    @Test func theOutputIsThereWhenTheRequestIsCompleted() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            let place = "\(Self.place)/\(try submitted(client))"
            #expect(try client.send("GET", place).status == 400)
            sandbox.clock.advance(by: .seconds(60))
            let isCompleted = try eventually {
                try client.send("GET", place + "/status").json["status"] == "COMPLETED"
            }
            #expect(isCompleted)
            let output = try client.send("GET", place).json
            #expect(output["video"]?["url"]?.stringValue?.hasPrefix("https://vendor.example/fal/") == true)
            #expect(output["status"] == nil)
        }
    }

    @Test func onlyWhatWaitsIsCancelled() throws {
        try withSandbox { sandbox in
            let client = client(sandbox)
            let waiting = "\(Self.place)/\(try submitted(client))"
            #expect(try client.send("PUT", waiting + "/cancel").status == 202)
            let ended = try client.send("GET", waiting + "/status").json
            #expect(ended["status"] == "COMPLETED" && ended["error_type"] == "client_cancelled")
            let begun = "\(Self.place)/\(try submitted(client))"
            sandbox.clock.advance(by: .seconds(1))
            let late = try client.send("PUT", begun + "/cancel")
            #expect(late.status == 400 && late.json["detail"] == "ALREADY_COMPLETED")
        }
    }

    @Test func whoHasNoCreditIsLocked() throws {
        try withSandbox { sandbox in
            try sandbox.settings(["credit": 0])
            let refused = try client(sandbox).send("POST", Self.model, json: ["prompt": "a cat"])
            #expect(refused.status == 403)
            #expect(refused.json["detail"]?.stringValue?.contains("Exhausted balance") == true)
        }
    }
}
