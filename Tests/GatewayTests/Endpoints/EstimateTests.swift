import Core
import TestSupport
import Testing

/// What a call would cost, in the words of each API.
extension GatewayTests {
    @Suite(.freshDatabase) struct Estimates {
        /// Calls that name what they must, and leave the rest to their API.
        static let calls: [(path: String, body: JSON)] = [
            ("/v1/videos", ["prompt": "a cat", "seconds": "8", "size": "720x1280"]),
            ("/sora/v1/videos", ["prompt": "a cat"]),
            ("/v1/images/generations", ["prompt": "a cat", "n": 3, "size": "1536x1024"]),
            ("/jimeng/v1/images/generations", ["prompt": "一只猫", "n": 4]),
            ("/jimeng/v1/videos/generations", ["prompt": "一只猫", "async": true]),
            ("/api/generate", ["prompt": "a cat", "duration": 5]),
            ("/api/video/submit", ["prompt": "a cat", "duration": 4]),
            (
                "/llmage/v1/image/generations",
                ["model": "wan2.2-t2i-plus", "catelogid": "t2i", "prompt": "a cat"]
            ),
        ]

        private func run(_ site: Site, _ arguments: String...) throws {
            let finished = try site.kinora(arguments)
            #expect(finished.status == 0, "\(finished.errors)")
        }

        private func send(_ path: String, _ body: JSON, to site: Site) throws -> Reply {
            try site.curl.send(.post(path, json: body).key(site.key))
        }

        private func estimate(_ path: String, _ body: JSON, _ site: Site) throws -> Reply {
            try send("/v1/estimates", ["url": .string(path), "body": body], to: site)
        }

        private func withService(_ body: (Site) throws -> Void) throws {
            try withSite { site in
                try site.startSandbox(taskSeconds: 1)
                _ = try site.start("all")
                try body(site)
            }
        }

        /// One account for the models of all APIs.
        private static let routes = """
            INSERT INTO route (model_id, vendor, vendor_model)
            SELECT id, 'openai', CASE kind WHEN 'video' THEN 'sora-2' ELSE 'gpt-image-2' END
            FROM model WHERE kind IN ('video', 'image') ON CONFLICT DO NOTHING
            """

        @Test func itIsWhatTheTaskThenCosts() throws {
            try withService { site in
                try site.database.rows(Self.routes)
                try run(site, "quota", "topup", "default", "100000")
                for (path, body) in Self.calls {
                    let free = try estimate(path, body, site)
                    #expect(free.status == 200, "\(path) \(free.text)")
                    let model = try #require(free.json["model"]?.stringValue)
                    let piece = path.contains("/image") ? "--image" : "--second"
                    try run(site, "model", "price", "set", model, "--task", "0.5", piece, "2")
                    var told: Int64 = 0
                    try waitUntil("the price of \(model) is known") {
                        told = try estimate(path, body, site).json["cost_micros"]?.integerValue ?? 0
                        return told > 0
                    }
                    let before = try site.database.number("SELECT count(*) FROM task")
                    let made = try send(path, body, to: site)
                    #expect((200..<300).contains(made.status), "\(path) \(made.text)")
                    #expect(try site.database.number("SELECT count(*) FROM task") == before + 1)
                    let cost = try site.database.number(
                        "SELECT price_micros FROM task ORDER BY id DESC LIMIT 1")
                    #expect(told == Int64(cost), "\(path)")
                }
            }
        }

        /// A chat is priced as what it is about; of text it is what must be there to have it answered.
        @Test func chatsHaveTheirPriceToo() throws {
            try withService { site in
                try run(site, "model", "price", "set", "sora-2", "--task", "7")
                try run(site, "model", "price", "set", "gpt-4", "--input", "1000", "--output", "1000")
                let chat: (String) -> JSON = { model in
                    ["model": .string(model), "messages": [["role": "user", "content": "a cat"]]]
                }
                let path = "/v1/chat/completions"
                try waitUntil("the prices are known") {
                    let film = try estimate(path, chat("sora-2"), site)
                    let text = try estimate(path, chat("gpt-4"), site)
                    return film.json["cost_micros"] == 7_000_000
                        && text.json["cost_micros"]?.integerValue ?? 0 > 0
                }
                // A text is held for by its bytes, as they are spelled.
                let text = #"""
                    { "model" : "gpt-4", "messages" : [ { "role": "user", "content": "\u732b\u732b" } ],
                      "max_tokens": 50, "n": 2 }
                    """#
                func post(_ path: String, _ text: String) throws -> Reply {
                    try site.curl.send(.post(path, Array(text.utf8), type: "application/json").key(site.key))
                }
                let told = try post("/v1/estimates", #"{"url": "\#(path)", "body": \#(text)}"#)
                let most = try #require(told.json["cost_micros"]?.integerValue, "\(told.text)")
                try run(site, "quota", "topup", "default", Amount(micros: most - 1).description)
                #expect(try post(path, text).status == 403)
                try run(site, "quota", "topup", "default", "0.000001")
                #expect(try post(path, text).status == 200)
                let prompt: JSON = ["model": "gpt-4", "prompt": "a cat"]
                let spoken = try estimate("/llmage/v1/chat/completions", prompt, site)
                #expect(spoken.json["cost_micros"]?.integerValue ?? 0 > 0, "\(spoken.text)")
            }
        }

        @Test func whatNobodyCanMakeHasNoEstimate() throws {
            try withService { site in
                let path = "/v1/chat/completions"
                let body: JSON = [
                    "model": "qwen3-max", "messages": [["role": "user", "content": "hello"]],
                ]
                let told = try estimate(path, body, site)
                #expect(told.status == 503, "\(told.text)")
                #expect(try send(path, body, to: site).status == 503, "as the call itself")
            }
        }

        @Test func whatWouldBeRefusedIsRefused() throws {
            try withGateway(through: .nginx) { gateway in
                let prompt: JSON = ["prompt": "a cat"]
                let refusals: [(JSON, Int, String)] = [
                    (["url": "/v1/models", "body": prompt], 400, "url"),
                    (["url": "/v1/estimates", "body": ["body": prompt]], 400, "url"),
                    (["url": "/v1/batches", "body": prompt], 400, "url"),
                    (["url": "/v1/redemptions", "body": ["code": "REDEEM-2345-ABCD"]], 400, "url"),
                    (["url": "/v1/../v1/videos", "body": prompt], 400, "url"),
                    (["url": "/nothing", "body": prompt], 400, "url"),
                    (["url": 7, "body": prompt], 400, "url"),
                    (["url": "/v1/videos", "body": "a cat"], 400, "body"),
                    ([:], 400, "body"),
                    (["method": "GET", "body": prompt], 400, "method"),
                    (["url": "https://example.org/v1/videos", "body": prompt], 400, "url"),
                    (["body": ["prompt": "a cat", "seconds": "7"]], 400, "seconds"),
                    (["body": [:]], 400, "prompt"),
                    (
                        ["url": "/api/generate", "body": ["prompt": "a cat", "duration": "x"]], 400,
                        "duration"
                    ),
                    (["body": ["prompt": "a cat", "model": "sora-9"]], 404, "model"),
                ]
                for (body, status, field) in refusals {
                    let reply = try gateway.send(.post("/v1/estimates", json: body))
                    #expect(reply.status == status, "\(body.text) \(reply.text)")
                    #expect(reply.json["error"]?["param"]?.stringValue == field, "\(body.text) \(reply.text)")
                }
                #expect(try gateway.send(.post("/v1/estimates", json: [1])).status == 400)
                let form = Call.post("/v1/estimates", form: [("url", "/v1/videos")])
                #expect(try gateway.send(form).status == 415)
            }
        }
    }
}
