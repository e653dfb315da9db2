import Core
import Testing
import Upstream

/// Vendors whose text models are asked as OpenAI's are, and refuse in words of their own.
@Suite struct TextModelsTests {
    private func account(_ base: String) -> VendorAccount {
        VendorAccount(row: 1, baseURL: base, credential: Secret("k"))
    }

    private func chat() throws -> RelayRequest {
        try RelayRequest(.chat, Array(#"{"model":"ours","messages":[]}"#.utf8))
    }

    @Test(arguments: [
        ("openai", "https://x.example/v1", "https://x.example/v1/chat/completions"),
        ("ark", "https://x.example/api/v3/", "https://x.example/api/v3/chat/completions"),
        ("byteplus", "https://x.example/api/v3", "https://x.example/api/v3/chat/completions"),
        ("dashscope", "https://x.example/api/v1/", "https://x.example/compatible-mode/v1/chat/completions"),
        ("zhipu", "https://x.example/api/paas/v4", "https://x.example/api/paas/v4/chat/completions"),
        ("hub", "https://x.example", "https://x.example/api/relay/v1/chat/completions"),
        ("llmage", "https://x.example/", "https://x.example/llmage/v1/chat/completions"),
    ])
    func theyAreAskedAtTheirAddress(_ vendor: String, _ base: String, _ address: String) throws {
        let call = try #require(try Vendors.named(vendor).relay(try chat(), as: "theirs", account(base)))
        #expect(call.url == address && call.method == .post)
        guard case .jsonBytes(let body) = call.body else {
            Issue.record("no JSON")
            return
        }
        #expect(try JSONParser.parse(body)["model"] == "theirs")
    }

    @Test func anAddressThatHasNoTextModelsIsNotAsked() throws {
        #expect(DashScope().relay(try chat(), as: "m", account("https://x.example/v2")) == nil)
        #expect(Vidu().relay(try chat(), as: "m", account("https://x.example")) == nil)
    }

    @Test(
        arguments: [
            ("dashscope", 400, #"{"error":{"code":"Arrearage","message":"org-1"}}"#, .upstreamMoney),
            ("dashscope", 400, #"{"error":{"code":"data_inspection_failed"}}"#, .contentRefused),
            ("dashscope", 404, #"{"error":{"code":"ModelNotFound"}}"#, .upstreamModelClosed),
            ("dashscope", 429, #"{"error":{"code":"LimitRequests"}}"#, .upstreamRate),
            ("dashscope", 400, #"{"error":{"code":"InvalidParameter"}}"#, .upstreamRequest),
            ("zhipu", 429, #"{"error":{"code":"1113","message":"org-1"}}"#, .upstreamMoney),
            ("zhipu", 400, #"{"error":{"code":"1301"}}"#, .contentRefused),
            ("ark", 403, #"{"error":{"code":"AccountOverdueError"}}"#, .upstreamMoney),
            ("ark", 400, #"{"error":{"code":"InputTextSensitiveContentDetected"}}"#, .contentRefused),
            ("ark", 404, #"{"error":{"code":"InvalidEndpointOrModel.NotFound"}}"#, .upstreamModelClosed),
            ("hub", 403, #"{"success":false,"message":"no","code":"quota_exceeded"}"#, .upstreamMoney),
            ("hub", 403, #"{"success":false,"message":"revoked"}"#, .upstreamCredential),
            ("llmage", 429, #"{"error":"Insufficient balance"}"#, .upstreamMoney),
            ("llmage", 401, #"{"error":"Invalid API Key"}"#, .upstreamCredential),
            ("llmage", 500, "oops", .upstreamServer),
            // Found out when success had been said already.
            ("dashscope", 200, #"{"error":{"code":"data_inspection_failed"}}"#, .contentRefused),
            ("dashscope", 200, #"{"error":{"code":"InvalidParameter"}}"#, .upstreamRequest),
            ("dashscope", 200, #"{"error":{"code":"InternalError"}}"#, .upstreamServer),
            ("zhipu", 200, #"{"error":{"code":"1301"}}"#, .contentRefused),
            ("zhipu", 200, #"{"error":{"code":"1113"}}"#, .upstreamMoney),
            ("zhipu", 200, #"{"error":{"code":"9999"}}"#, .upstreamServer),
            ("ark", 200, #"{"error":{"code":"InputTextSensitiveContentDetected"}}"#, .contentRefused),
            ("llmage", 200, #"{"ok":true}"#, .upstreamProtocol),
        ] as [(String, Int, String, ErrorCode)])
    func theyRefuseInTheirOwnWords(
        _ vendor: String, _ status: Int, _ body: String, _ code: ErrorCode
    ) throws {
        let vendor = try Vendors.named(vendor)
        let error = #expect(throws: KinoraError.self) {
            try vendor.relayed(HTTPReply(status: status, body: Array(body.utf8)))
        }
        #expect(error?.code == code && error?.message.contains("org-1") == false)
    }
}
