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
            ("kling", "kling-v2-6"), ("kling", "kling-3.0-turbo"), ("jimeng", "pixeldance"),
            ("minimax", "MiniMax-Hailuo-2.3"), ("minimax", "MiniMax-H3"), ("runway", "gen4.5"),
            ("luma", "ray-2"), ("luma-agents", "ray-3.2"), ("fal", "kling-2.5-turbo"),
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
            ("zhipu", "cogview-3-flash"), ("kling", "kling-v3-image"), ("jimeng", "jimeng-3.0"),
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
