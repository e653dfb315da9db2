import Core
import Foundation
import TestSupport
import Testing

/// A model of each vendor, asked for in OpenAI's words and made in the vendor's.
extension GatewayTests {
    @Suite struct MadeByVendors {
        private func accepted(by vendor: String) throws -> Int64 {
            try Instance.running().sandbox.stats()["by_vendor"]?[vendor]?.integerValue ?? 0
        }

        private func film(
            of reply: Reply, _ gateway: Gateway, sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            #expect(reply.status == 200, "\(reply.text)", sourceLocation: sourceLocation)
            let video = try gateway.finish(reply.id)
            #expect(video.json["status"] == "completed", "\(video.text)", sourceLocation: sourceLocation)
            let content = try gateway.send(.get("/v1/videos/\(reply.id)/content"))
            #expect(MediaType(sniffing: content.body) == .mp4, sourceLocation: sourceLocation)
        }

        @Test(arguments: [
            ("ark", "doubao-seedance-1-5-pro-251215"), ("ark", "doubao-seedance-2-0-fast-260128"),
            ("byteplus", "dreamina-seedance-2-0-260128"), ("dashscope", "happyhorse-1.0-t2v"),
            ("dashscope", "wan2.6-t2v"), ("vidu", "viduq3-pro"), ("zhipu", "cogvideox-3"),
            ("kling", "kling-v2-6"), ("kling", "kling-3.0-turbo"), ("kling", "kling-video-o1"),
            ("jimeng", "pixeldance"), ("minimax", "MiniMax-Hailuo-2.3"), ("minimax", "MiniMax-H3"),
            ("runway", "gen4.5"), ("luma", "ray-2"), ("luma-agents", "ray-3.2"), ("fal", "kling-2.5-turbo"),
        ])
        func aPromptBecomesAFilm(_ vendor: String, _ model: String) throws {
            try withGateway(through: .nginx) { gateway in
                let before = try accepted(by: vendor)
                let seconds: JSON = model.contains("Hailuo") ? "6" : "5"
                let reply = try gateway.send(
                    .post(
                        "/v1/videos",
                        json: ["model": .string(model), "prompt": "a quiet harbour", "seconds": seconds]))
                try film(of: reply, gateway)
                #expect(try accepted(by: vendor) > before)
            }
        }

        @Test(arguments: [
            ("ark", "doubao-seedance-1-5-pro-251215"), ("dashscope", "happyhorse-1.0-i2v"),
            ("zhipu", "cogvideox-3"), ("kling", "kling-v3"), ("kling", "kling-3.0-turbo"),
            ("kling", "kling-v3-omni"),
            ("jimeng", "seaweed"), ("minimax", "MiniMax-Hailuo-2.3-Fast"), ("runway", "gen4_turbo"),
            ("minimax", "MiniMax-H3"), ("luma", "ray-flash-2"), ("luma-agents", "ray-3.2"),
            ("replicate", "kling-2.5-turbo-i2v"),
        ])
        func aPictureBecomesAFilm(_ vendor: String, _ model: String) throws {
            try withGateway(through: .nginx) { gateway in
                let before = try accepted(by: vendor)
                let reply = try gateway.send(
                    .post(
                        "/v1/videos",
                        form: [
                            ("model", model), ("prompt", "it moves"),
                            ("seconds", model.contains("Hailuo") ? "6" : "5"),
                        ], files: [FormFile(field: "input_reference", bytes: try picture("512x512"))]))
                try film(of: reply, gateway)
                #expect(try accepted(by: vendor) > before)
            }
        }

        /// Pictures together, of a vendor that has routes of their own for that.
        @Test func severalPicturesBecomeOne() throws {
            try withGateway(through: .nginx) { gateway in
                let before = try accepted(by: "kling")
                let bytes = try picture("512x512")
                let reply = try gateway.send(
                    .post(
                        "/v1/images/edits",
                        form: [
                            ("model", "kling-image-o1"), ("prompt", "both"), ("response_format", "b64_json"),
                        ], files: (0..<2).map { _ in FormFile(field: "image[]", bytes: bytes) }))
                #expect(reply.status == 200, "\(reply.text)")
                #expect(reply.json["data"]?.arrayValue?.count == 1)
                #expect(try accepted(by: "kling") > before)
            }
        }

        @Test(arguments: ["kling-video-o1", "kling-v3-omni"])
        func aFilmIsMadeAfterSeveralPictures(_ model: String) throws {
            try withGateway(through: .nginx) { gateway in
                let before = try accepted(by: "kling")
                let bytes = try picture("512x512")
                let reply = try gateway.send(
                    .post(
                        "/llmage/v1/video/generations",
                        form: [("model", model), ("catelogid", "ref2v"), ("prompt", "all of them")],
                        files: (0..<3).map { _ in FormFile(field: "image_files", bytes: bytes) }))
                let id = try #require(reply.json["taskid"]?.stringValue, "\(reply.text)")
                let result = try gateway.send(.get("/v1/tasks/\(id)/result?wait=120"))
                #expect(result.status == 200, "\(result.text)")
                #expect(try accepted(by: "kling") > before)
            }
        }

        @Test func aChatIsAnswered() throws {
            try withGateway(through: .nginx) { gateway in
                let reply = try gateway.send(
                    .post(
                        "/v1/chat/completions",
                        json: [
                            "model": "qwen3-max", "messages": [["role": "user", "content": "count to 3"]],
                        ]))
                #expect(reply.status == 200, "\(reply.text)")
                let choice = reply.json["choices"]?.arrayValue?.first
                #expect(choice?["message"]?["content"] == "1 2 3")
            }
        }

        @Test(arguments: [
            ("ark", "doubao-seedream-4-0-250828"), ("dashscope", "wan2.2-t2i-flash"),
            ("zhipu", "cogview-3-flash"), ("kling", "kling-v3-image"), ("kling", "kling-image-o1"),
            ("jimeng", "jimeng-3.0"),
            ("jimeng", "jimeng-4.5"), ("minimax", "image-01"), ("runway", "gen4_image"),
            ("fal", "nano-banana"),
        ])
        func aPromptBecomesAPicture(_ vendor: String, _ model: String) throws {
            try withGateway(through: .nginx) { gateway in
                let before = try accepted(by: vendor)
                let reply = try gateway.send(
                    .post(
                        "/v1/images/generations",
                        json: [
                            "model": .string(model), "prompt": "a cat", "size": "1280x720",
                            "response_format": "b64_json",
                        ]))
                #expect(reply.status == 200, "\(reply.text)")
                let text = try #require(reply.json["data"]?.arrayValue?.first?["b64_json"]?.stringValue)
                let bytes = try #require(Base64.decode(text.utf8))
                #expect(MediaType(sniffing: bytes)?.family == .image)
                #expect(try accepted(by: vendor) > before)
            }
        }
    }
}
