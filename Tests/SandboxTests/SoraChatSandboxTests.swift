import Core
import Foundation
import TestSupport
import Testing
import Upstream

@testable import Sandbox

/// A service of Sora2API's first kind, as its source has it, and what the adapter makes of it.
@Suite struct SoraChatSandboxTests {
    private func client(_ sandbox: LiveSandbox, _ key: String = "sandbox-one1") throws -> FastCGIClient {
        // Whoever waits for a film waits for the sandbox's time, which stands still.
        try sandbox.settings(["task_seconds": 0])
        return sandbox.client(with: [("Authorization", "Bearer \(key)")])
    }

    private static let chats = "/sora-chat/v1/chat/completions"

    private func send(_ client: FastCGIClient, _ text: String) throws -> FastCGIReply {
        try client.send("POST", Self.chats, json: try JSONParser.parse(text))
    }

    /// What stands in the events of a stream, and whether it has its end.
    private func deltas(_ reply: FastCGIReply) throws -> [JSON] {
        let events = reply.text.components(separatedBy: "\n\n").filter { !$0.isEmpty }
        #expect(events.last == "data: [DONE]")
        return try events.dropLast().map { event in
            #expect(event.hasPrefix("data: "))
            let json = try JSONParser.parse(String(event.dropFirst(6)))
            return json["choices"]?.arrayValue?.first?["delta"] ?? json
        }
    }

    private static let film =
        #"{"model":"sora-video-portrait-15s","stream":true,"messages":[{"role":"user","content":"a cat"}]}"#

    @Test func itEndsWithAFilmInHTML() throws {
        try withSandbox { sandbox in
            let reply = try send(try client(sandbox), Self.film)
            #expect(reply.status == 200 && reply["Content-Type"] == "text/event-stream")
            let deltas = try deltas(reply)
            #expect(deltas.first?["role"] == "assistant")
            #expect(deltas.dropLast().allSatisfy { $0["reasoning_content"]?.stringValue != nil })
            let content = deltas.last?["content"]?.stringValue ?? ""
            #expect(content.hasPrefix("```html\n<video src='https://vendor.example/sora-chat/store/"))
        }
    }

    @Test func itsKinEndWithAFilmInJSON() throws {
        try withSandbox { sandbox in
            let deltas = try deltas(try send(try client(sandbox, "sandbox-json1"), Self.film))
            #expect(deltas.first?["reasoning_content"]?["stage"] == "generation")
            let content = try JSONParser.parse(deltas.last?["content"]?.stringValue ?? "")
            #expect(content["type"] == "video")
            #expect(content["url"]?.stringValue?.hasPrefix("https://vendor.example/") == true)
        }
    }

    @Test func aPictureIsOneInMarkdown() throws {
        try withSandbox { sandbox in
            let text = Self.film.replacing("sora-video-portrait-15s", with: "sora-image-landscape")
            let content = try deltas(try send(try client(sandbox), text)).last?["content"]?.stringValue ?? ""
            #expect(content.hasPrefix("![Generated Image](https://vendor.example/sora-chat/store/"))
        }
    }

    @Test func withoutAStreamNothingIsMade() throws {
        try withSandbox { sandbox in
            let reply = try send(try client(sandbox), Self.film.replacing("true", with: "false"))
            #expect(reply.json["object"] == "chat.completion")
            #expect(try sandbox.stats()["accepted"] == 0)
        }
    }

    @Test(
        arguments: [
            ("{}", 422), (#"{"model":"sora-2","messages":[{"content":"a"}],"stream":true}"#, 500),
            (#"{"model":"sora-image","messages":[],"stream":true}"#, 422),
            (#"{"model":"sora-image","messages":[{"content":"a"}],"stream":true,"seconds":"4"}"#, 422),
            (
                #"{"model":"sora-image","stream":true,"messages":[{"content":[{"type":"image_url","#
                    + #""image_url":{"url":"https://m.example/1.png"}}]}]}"#, 422
            ),
            (
                #"{"model":"sora-image","stream":true,"messages":[{"content":[{"type":"text","text":"a"},"#
                    + #"{"type":"image_url","image_url":"#
                    + #"{"url":"data:image/png;base64,iVBORw0KGgoAAA=="}}]}]}"#, 200
            ),
        ])
    func whatItRefusesIsRefused(_ text: String, _ status: Int) throws {
        try withSandbox { sandbox in
            let reply = try send(try client(sandbox), text)
            #expect(reply.status == status, "\(reply.text)")
        }
    }

    @Test(arguments: ["sandbox-one1", "sandbox-json1"])
    func theAdapterReadsBothTongues(_ key: String) throws {
        try withConversation(with: "sora-chat", key: key) { talk in
            let film = try talk.send(HTTPCall(.get, try talk.submitted()))
            #expect(film.headers["x-accel-redirect"]?.hasSuffix(".mp4") == true)
        }
    }

    @Test func theAdapterReadsPictures() throws {
        try withConversation(with: "sora-chat") { talk in
            let job = VendorJob(
                model: "sora-image", category: .t2i, prompt: "a cat", parameters: ["size": "1024x1024"],
                references: [], remixOf: nil, token: "t", startedAt: talk.sandbox.clock.now,
                timeLeft: .seconds(60))
            let picture = try talk.send(HTTPCall(.get, try talk.submitted(job)))
            #expect(picture.headers["x-accel-redirect"]?.hasSuffix(".png") == true)
        }
    }
}
