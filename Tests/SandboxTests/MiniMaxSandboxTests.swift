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
        sandbox.client(with: [("Authorization", authorization)])
    }

    private static let picture = PictureHead.dataURL

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

    // MARK: the second version

    private static let newer = "/minimax/v2/video_generation"
    private static let words: JSON = ["type": "text", "text": "a cat"]

    private static func item(_ type: String, _ url: JSON, _ role: String? = nil) -> JSON {
        var item: JSONObject = ["type": .string(type)]
        item[type] = ["url": url]
        item["role"] = role.map { .string($0) }
        return .object(item)
    }

    @Test func whatIsWrongWithAKeyHasItsStatusInTheSecondVersion() throws {
        try withSandbox { sandbox in
            for (authorization, code) in [("", "(1004)"), ("Bearer other", "(2049)")] {
                let reply = try client(sandbox, authorization).send("POST", Self.newer, json: [:])
                #expect(reply.status == 401 && reply.json["type"] == "error")
                #expect(reply.json["error"]?["http_code"] == "401")
                #expect(reply.json["error"]?["message"]?.stringValue?.hasSuffix(code) == true)
            }
        }
    }

    @Test(
        arguments: [
            ([:], true), (["duration": 15, "resolution": "2K", "ratio": "21:9"], true),
            (["duration": 3], false), (["duration": 16], false), (["duration": "5"], false),
            (["duration": .null], false), (["resolution": "1080P"], false), (["resolution": "768p"], false),
            (["resolution": .null], false), (["ratio": "adaptive"], false), (["ratio": .null], false),
            (["ratio": "2:1"], false), (["model": "MiniMax-H4"], false), (["prompt": "a cat"], false),
            (["content": .null], false), (["content": [item("image_url", picture)]], false),
            (["content": [words, item("image_url", picture)], "ratio": .null], true),
            (
                [
                    "content": [
                        words, item("image_url", picture, "first_frame"),
                        item("image_url", picture, "last_frame"),
                    ]
                ], true
            ),
            (
                [
                    "content": [
                        words, item("image_url", picture, "first_frame"),
                        item("image_url", picture, "reference_image"),
                    ]
                ], false
            ),
            (
                [
                    "content": [
                        words, item("image_url", picture, "reference_image"),
                        item("video_url", "https://m.example/1.mp4", "reference_video"),
                        item("audio_url", "https://m.example/1.mp3", "reference_audio"),
                    ], "ratio": "adaptive",
                ], true
            ),
        ] as [(JSONObject, Bool)])
    func whatTheSecondVersionRefusesIsRefused(_ more: JSONObject, _ isGood: Bool) throws {
        try withSandbox { sandbox in
            var body: JSONObject = [
                "model": "MiniMax-H3", "content": [Self.words], "resolution": "768P", "duration": 5,
                "ratio": "16:9",
            ]
            for (name, value) in more.members { body[name] = value }
            let reply = try client(sandbox).send("POST", Self.newer, json: .object(body))
            #expect(reply.status == (isGood ? 200 : 400), "\(reply.text)")
            #expect((reply.json["task_id"] != nil) == isGood)
        }
    }

    @Test func aTaskOfTheSecondVersionTellsItsFilmAndItsSeconds() throws {
        try withConversation(with: "minimax v2") { talk in
            let ticket = try talk.submitted()
            let path = "/minimax/v2/query/video_generation/\(ticket.dropFirst("v2/".count))"
            let early = try client(talk.sandbox).send("GET", path).json
            #expect(early["task"]?["usage"] == [:] && early["task"]?["content"] == nil)
            _ = try talk.film(of: ticket)
            let task = try client(talk.sandbox).send("GET", path).json["task"]
            #expect(task?["status"] == "succeeded" && task?["usage"]?["total_seconds"] == 5)
            #expect(task?["content"]?["url"]?.stringValue?.hasPrefix("https://") == true)
            let reply = try talk.send(talk.vendor.poll(ticket, talk.account))
            #expect(talk.vendor.usage(in: reply)?["total_seconds"] == 5)
        }
    }

    @Test func onlyWhatIsQueuedIsCancelledAndOnlyWhatHasEndedForgotten() throws {
        try withConversation(with: "minimax v2") { talk in
            func removed(_ ticket: String) throws -> HTTPReply {
                try talk.send(try #require(talk.vendor.removal(of: ticket, talk.account)))
            }
            let queued = try talk.submitted()
            let cancelling = try #require(talk.vendor.cancel(queued, talk.account))
            #expect(try talk.send(cancelling).status == 200)
            guard case .failed(let error) = try talk.polled(queued) else {
                Issue.record("a cancelled task goes on")
                return
            }
            #expect(error.code == .generationFailed)
            // There is nothing more to be removed of it, and the vendor says that it may not be.
            let refusal = try removed(queued)
            #expect(refusal.status == 400 && talk.vendor.removalError(refusal) == nil)

            let running = try talk.submitted()
            talk.sandbox.clock.advance(by: .seconds(1))
            #expect(try removed(running).status == 400)
            _ = try talk.film(of: running)
            #expect(try removed(running).status == 200)
            let gone = #expect(throws: KinoraError.self) { try talk.polled(running) }
            #expect(gone?.code == .upstreamExpired)
            #expect(talk.vendor.removalError(try removed(running)) == nil)
            #expect(talk.vendor.removalError(HTTPReply(status: 500))?.code == .upstreamServer)
        }
    }

    @Test func theFirstVersionStopsAndForgetsNothing() throws {
        try withConversation(with: "minimax") { talk in
            let ticket = try talk.submitted()
            #expect(talk.vendor.cancel(ticket, talk.account) == nil)
            #expect(talk.vendor.removal(of: ticket, talk.account) == nil)
        }
    }

    @Test func bothVersionsCountAsOneVendor() throws {
        try withSandbox { sandbox in
            let body: JSON = [
                "model": "MiniMax-H3", "content": [Self.words], "resolution": "2K", "duration": 4,
                "ratio": "1:1",
            ]
            _ = try client(sandbox).send("POST", Self.newer, json: body)
            let older: JSON = ["model": "T2V-01", "prompt": "a cat"]
            _ = try client(sandbox).send("POST", Self.submit, json: older)
            #expect(try sandbox.stats()["by_vendor"] == ["minimax": 2])
        }
    }
}
