import Core
import Foundation
import TestSupport
import Testing

/// A Kinora as the upstream of another: what one serves in each of its APIs, the other one asks for in it.
extension GatewayTests {
    @Suite struct Upstreams {
        /// An API, and a model that the first Kinora has in it.
        struct Loop: Sendable, CustomTestStringConvertible {
            let vendor: String
            /// Where the API begins.
            let base: String
            /// The model of the second Kinora, and that of the first.
            let model: String
            let theirs: String
            let call: Call
            let family: MediaType.Family
            /// The vendor that makes it in the end.
            let maker: String

            var testDescription: String { "\(vendor) \(model)" }

            func task(of reply: Reply) -> String? {
                let json = reply.json
                let names = ["id", "task_id", "taskid"]
                return names.compactMap { json[$0]?.stringValue }.first
                    ?? json["data"]?["jobId"]?.stringValue
            }
        }

        static let loops = [
            Loop(
                vendor: "openai", base: "/v1", model: "sora-2", theirs: "sora-2",
                call: .post("/v1/videos", json: ["model": "sora-2", "prompt": "雨", "seconds": "4"]),
                family: .video, maker: "openai"),
            Loop(
                vendor: "openai", base: "/jimeng/v1", model: "jimeng-4.5", theirs: "jimeng-4.5",
                call: Call.post(
                    "/jimeng/v1/images/generations", json: ["model": "jimeng-4.5", "prompt": "雨"]
                ).with("Prefer", "respond-async"),
                family: .image, maker: "jimeng"),
            Loop(
                vendor: "jimeng-api", base: "/jimeng", model: "pixeldance", theirs: "pixeldance",
                call: Call.post(
                    "/jimeng/v1/videos/generations", json: ["model": "pixeldance", "prompt": "雨"]
                ).with("Prefer", "respond-async"),
                family: .video, maker: "jimeng"),
            Loop(
                vendor: "sora-chat", base: "/v1", model: "sora-video-portrait-10s",
                theirs: "sora-video-portrait-10s",
                call: .post("/v1/videos", json: ["model": "sora-video-portrait-10s", "prompt": "雨"]),
                family: .video, maker: "openai"),
            Loop(
                vendor: "sora-chat", base: "/v1", model: "sora-image", theirs: "sora-image",
                call: Call.post(
                    "/v1/images/generations", json: ["model": "sora-image", "prompt": "雨"]
                ).with("Prefer", "respond-async"),
                family: .image, maker: "openai"),
            Loop(
                vendor: "openart", base: "/openart", model: "openart-video", theirs: "openart-video",
                call: .post("/api/generate", json: ["prompt": "雨", "duration": 4]),
                family: .video, maker: "openart"),
            Loop(
                vendor: "hub", base: "", model: "openart-video", theirs: "openart-video",
                call: .post(
                    "/api/video/submit",
                    json: ["prompt": "雨", "model": "openart-video", "duration": 4, "aspect_ratio": "1:1"]),
                family: .video, maker: "openart"),
            Loop(
                vendor: "hub", base: "", model: "gpt-image-2", theirs: "cogview-3-flash",
                call: Call.post(
                    "/api/relay/v1/images/generations", json: ["model": "gpt-image-2", "prompt": "雨"]
                ).with("Prefer", "respond-async"),
                family: .image, maker: "zhipu"),
            Loop(
                vendor: "llmage", base: "", model: "viduq3-pro", theirs: "viduq3-pro",
                call: .post(
                    "/llmage/v1/video/generations",
                    json: [
                        "model": "viduq3-pro", "catelogid": "t2v", "prompt": "雨", "duration": 4,
                        "resolution": "720p", "off_peak": "N",
                    ]), family: .video, maker: "vidu"),
            Loop(
                vendor: "llmage", base: "", model: "wan2.2-t2i-plus", theirs: "wan2.2-t2i-plus",
                call: .post(
                    "/llmage/v1/image/generations",
                    json: ["model": "wan2.2-t2i-plus", "catelogid": "t2i", "prompt": "雨"]),
                family: .image, maker: "dashscope"),
        ]

        @Test(.freshDatabase, arguments: loops)
        func aKinoraServesAnother(_ loop: Loop) throws {
            let upstream = try Instance.running()
            let port = try #require(URL(string: upstream.url)?.port)
            let settings = [
                "KINORA_CA_BUNDLE": upstream.authority,
                "KINORA_EGRESS_ALLOW": "127.0.0.1:\(port),[::1]:\(port)",
            ]
            try withSite(settings) { site in
                try site.database.rows("DELETE FROM account; DELETE FROM route")
                try kinora(site, ["route", "add", loop.model, loop.vendor, loop.theirs])
                try kinora(
                    site,
                    [
                        "account", "add", "--vendor", loop.vendor, "--name", "upstream", "--base-url",
                        upstream.url + loop.base,
                    ], input: upstream.key)
                try kinora(site, ["account", "test", "upstream"])
                let before = try made(upstream, loop.maker)
                _ = try site.start("all")
                try site.startNginx()
                let reply = try site.curl.send(loop.call.key(site.key))
                #expect([200, 202].contains(reply.status), "\(reply.text)")
                let id = try #require(loop.task(of: reply), "\(reply.text)")
                let result = try site.curl.send(Call.get("/v1/tasks/\(id)/result?wait=60").key(site.key))
                #expect(result.status == 200, "\(result.text)")
                let link = try #require(result.json["data"]?.arrayValue?.first?["url"]?.stringValue)
                let media = try site.curl.send(.get(String(link.dropFirst(site.curl.base.count))))
                #expect(media.status == 200 && MediaType(sniffing: media.body)?.family == loop.family)
                #expect(try made(upstream, loop.maker) > before)
            }
        }

        private func made(_ upstream: Instance, _ maker: String) throws -> Int64 {
            try upstream.sandbox.stats()["by_vendor"]?[maker]?.integerValue ?? 0
        }

        private func kinora(_ site: Site, _ arguments: [String], input: String = "") throws {
            let finished = try site.kinora(arguments, input: Array(input.utf8))
            guard finished.status == 0 else { throw Failed("kinora \(arguments): \(finished.errors)") }
        }
    }
}
