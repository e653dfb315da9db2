import Core
import Foundation
import TestSupport
import Testing

@testable import Sandbox

@Suite struct PictureTests {
    private func draw(_ sandbox: LiveSandbox, _ more: JSONObject = [:]) throws -> FastCGIReply {
        var body: JSONObject = ["model": "gpt-image-2", "prompt": "a quiet harbour — 港"]
        for (name, value) in more.members { body[name] = value }
        return try sandbox.client.send("POST", "/openai/v1/images/generations", json: .object(body))
    }

    private func pictures(_ reply: FastCGIReply) throws -> [[UInt8]] {
        try (reply.json["data"]?.arrayValue ?? []).map {
            try #require(Core.Base64.decode($0["b64_json"]?.stringValue?.utf8 ?? "".utf8))
        }
    }

    @Test(
        arguments: [
            (["size": "1536x1024", "n": 2], "1536x1024", MediaType.png),
            (["size": "64x80", "output_format": "webp"], "64x80", .webp),
            (["output_format": "jpeg", "size": "auto"], "1024x1024", .jpeg),
        ] as [(JSONObject, String, MediaType)])
    func picturesAreRealAndOfTheirSize(_ fields: JSONObject, _ size: String, _ type: MediaType) throws {
        try withSandbox(render: .prompt) { sandbox in
            try sandbox.settings(["task_seconds": 0])
            let reply = try draw(sandbox, fields)
            #expect(reply.status == 200)
            let pictures = try pictures(reply)
            #expect(pictures.count == Int(fields["n"]?.integerValue ?? 1))
            for picture in pictures {
                #expect(MediaType(sniffing: picture) == type)
                #expect(FrameSize(ofImage: picture)?.description == size)
            }
            #expect(Set(pictures.map { $0.count }).count == 1 || pictures.count > 1)
            let left = try FileManager.default.contentsOfDirectory(atPath: "\(sandbox.folder.path)/films")
            #expect(!left.contains { $0.hasPrefix("picture-") || $0.hasPrefix("text-") }, "\(left)")
            #expect(try sandbox.stats()["accepted"] == 1)
        }
    }

    @Test(arguments: ["reuse", "none"])
    func picturesOfOneSizeAreDrawnOnceWhereTheyMayBeShared(_ render: String) throws {
        try withSandbox(render: .prompt) { sandbox in
            try sandbox.settings(["task_seconds": 0, "render": .string(render)])
            let first = try draw(sandbox, ["size": "96x64", "n": 2])
            let second = try draw(sandbox, ["size": "96x64", "prompt": "something else"])
            let drawn = try pictures(first) + pictures(second)
            #expect(drawn.count == 3 && Set(drawn).count == 1)
            let size = render == "reuse" ? "96x64" : "64x64"
            #expect(FrameSize(ofImage: drawn[0])?.description == size)
            #expect(try pictures(draw(sandbox, ["size": "64x96", "output_format": "webp"]))[0] != drawn[0])
            let left = try FileManager.default.contentsOfDirectory(atPath: "\(sandbox.folder.path)/films")
            let shared = ["picture-\(size).png", "picture-\(render == "reuse" ? "64x96" : size).webp"]
            #expect(left.filter { $0.hasPrefix("picture-") }.sorted() == shared.sorted())
        }
    }

    @Test func whoeverAsksForASharedPictureWhileItIsDrawnGetsThatOne() throws {
        try withSandbox(render: .prompt) { sandbox in
            try sandbox.settings(["task_seconds": 0, "render": "reuse"])
            let drawn = Happening<[UInt8]>()
            try concurrently(6) { _ in
                for picture in try pictures(draw(sandbox, ["size": "1536x1024"])) { drawn.note(picture) }
            }
            #expect(drawn.all.count == 6 && Set(drawn.all).count == 1)
        }
    }

    @Test func anOlderModelGivesLinksThatWantNoKey() throws {
        try withSandbox(render: .none) { sandbox in
            try sandbox.settings(["task_seconds": 0])
            let reply = try draw(sandbox, ["model": "dall-e-3"])
            let item = try #require(reply.json["data"]?.arrayValue?.first)
            #expect(item["revised_prompt"]?.stringValue?.contains("a quiet harbour") == true)
            let link = try #require(item["url"]?.stringValue)
            let path = try #require(
                link.firstRange(of: "/openai/files/").map { String(link[$0.lowerBound...]) })
            var stranger = sandbox.client
            stranger.headers = []
            let picture = try stranger.send("GET", path)
            #expect(picture.status == 200 && picture["Content-Type"] == "image/png")
            #expect(sandbox.file(of: picture).map(FileManager.default.fileExists) == true)
            #expect(try sandbox.client.send("GET", path).status == 400, "a key has no business there")
            #expect(try stranger.send("GET", "/openai/files/..%2Fspool").status >= 400)
            #expect(try stranger.send("GET", "/openai/files/picture-none.png").status == 404)
        }
    }

    @Test func anEditIsDrawnOverItsImage() throws {
        try withSandbox(render: .prompt) { sandbox in
            try sandbox.settings(["task_seconds": 0])
            let source = try #require(try pictures(try draw(sandbox, ["size": "64x64"])).first)
            var request = multipart(
                [("model", "gpt-image-2"), ("prompt", "older"), ("size", "96x64"), ("n", "1")],
                files: [("image[]", "a.png", source), ("image[]", "b.png", source)])
            request.target = "/openai/v1/images/edits"
            let reply = try sandbox.client.send(request)
            #expect(reply.status == 200, "\(reply.json)")
            #expect(try pictures(reply).map { FrameSize(ofImage: $0)?.description } == ["96x64"])
        }
    }

    @Test(
        arguments: [
            (["n": 0], "n", "invalid_value"), (["n": 11], "n", "invalid_value"),
            (["n": "1"], "n", "invalid_value"),
            (["size": "1000x1000"], "size", "invalid_value"), (["size": "16:9"], "size", "invalid_value"),
            (["quality": "hd"], "quality", "invalid_value"),
            (["style": "vivid"], "style", "unknown_parameter"),
            (["response_format": "url"], "response_format", "unknown_parameter"),
            (["ratio": "16:9"], "ratio", "unknown_parameter"), (["prompt": ""], "prompt", "invalid_value"),
            (["prompt": .null], "prompt", "missing_required_parameter"),
            (["model": "dall-e-3", "n": 2], "n", "invalid_value"),
            (["model": "dall-e-3", "background": "auto"], "background", "unknown_parameter"),
        ] as [(JSONObject, String, String)])
    func whatOpenAIRefusesIsRefused(_ fields: JSONObject, _ field: String, _ code: String) throws {
        try withSandbox { sandbox in
            let reply = try draw(sandbox, fields)
            #expect(reply.status == 400, "\(reply.json)")
            #expect(reply.json["error"]?["param"]?.stringValue == field)
            #expect(reply.json["error"]?["code"]?.stringValue == code)
            #expect(try sandbox.stats()["accepted"] == 0)
        }
    }

    @Test func anUnknownModelIsNotFound() throws {
        try withSandbox { sandbox in
            let reply = try draw(sandbox, ["model": "jimeng-4.5"])
            #expect(reply.status == 404)
            #expect(reply.json["error"]?["code"] == "model_not_found")
        }
    }

    @Test func faultsStrikePicturesToo() throws {
        try withSandbox { sandbox in
            try sandbox.settings(["task_seconds": 0])
            let refused = try draw(sandbox, ["prompt": "[sandbox:content_refusal] x"])
            #expect(refused.status == 400)
            #expect(refused.json["error"]?["code"] == "content_policy_violation")
            #expect(try draw(sandbox, ["prompt": "[sandbox:rate_limit] y"]).status == 429)
            #expect(try draw(sandbox, ["prompt": "[sandbox:rate_limit] y"]).status == 200)
            #expect(try draw(sandbox, ["prompt": "[sandbox:fail] z"]).status == 500)
            #expect(try !draw(sandbox, ["prompt": "[sandbox:lost_answer] w"]).isComplete)
            #expect(try sandbox.stats()["accepted"] == 3)
            try sandbox.settings(["credit": .decimal("0.2")])
            #expect(try draw(sandbox).status == 429)
        }
    }
}
