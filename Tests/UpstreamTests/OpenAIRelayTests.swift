import Core
import Testing
import Upstream

/// What the vendor makes of answers of text models.
@Suite struct OpenAIRelayTests {
    private let vendor = OpenAI()
    private let account = VendorAccount(
        row: 1, baseURL: "https://vendor.example/v1/", credential: Secret("sk-account-secret"))

    private func refusal(_ status: Int, _ body: String, headers: [String: String] = [:]) -> KinoraError? {
        #expect(throws: KinoraError.self) {
            try vendor.relayed(HTTPReply(status: status, headers: headers, body: Array(body.utf8)))
        }
    }

    @Test func theRequestGoesToItsPlaceWithTheAccountsKey() throws {
        let body = Array(#"{"model":"m","messages":[]}"#.utf8)
        let call = try #require(vendor.relay(try RelayRequest(.chat, body), as: "theirs", account))
        #expect(call.url == "https://vendor.example/v1/chat/completions")
        #expect(
            call.headers.first { $0.name == "Authorization" }?.value.revealed() == "Bearer sk-account-secret")
        guard case .jsonBytes(let sent) = call.body else { throw CancellationError() }
        #expect(String(decoding: sent, as: UTF8.self) == #"{"model":"theirs","messages":[]}"#)
        let embedding = try RelayRequest(.embedding, Array(#"{"model":"m","input":"x"}"#.utf8))
        #expect(vendor.relay(embedding, as: "m", account)?.url == "https://vendor.example/v1/embeddings")
    }

    @Test func aGoodAnswerSaysWhatWasUsed() throws {
        func used(_ body: String) throws -> TokenUsage? {
            try vendor.relayed(HTTPReply(status: 200, body: Array(body.utf8)))
        }
        #expect(
            try used(#"{"choices":[1],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#)
                == TokenUsage(input: 3, output: 4))
        #expect(
            try used(#"{"data":[1],"usage":{"prompt_tokens":3,"total_tokens":3}}"#)
                == TokenUsage(input: 3, output: 0))
        #expect(try used(#"{"data":[1]}"#) == nil)
        #expect(try used(#"{"choices":[1],"usage":{"prompt_tokens":0,"completion_tokens":0}}"#) == nil)
        #expect(try used(#"{"data":[1],"error":null,"usage":"much"}"#) == nil)
    }

    @Test(
        arguments: [
            (401, #"{"error":{"code":"invalid_api_key"}}"#, ErrorCode.upstreamCredential),
            (429, #"{"error":{"code":"rate_limit_exceeded"}}"#, .upstreamRate),
            (429, #"{"error":{"code":"insufficient_quota"}}"#, .upstreamMoney),
            (402, "", .upstreamMoney), (500, "oops", .upstreamServer), (503, "", .upstreamServer),
            (400, #"{"error":{"code":"content_policy_violation"}}"#, .contentRefused),
            (400, #"{"error":{"code":"context_length_exceeded"}}"#, .upstreamRequest),
            (404, #"{"error":{"code":"model_not_found"}}"#, .upstreamModelClosed),
            (405, "", .unsupportedByVendor), (302, "", .upstreamProtocol),
            (200, "<html>We will be back soon</html>", .upstreamProtocol), (200, "", .upstreamProtocol),
            (200, #"{"choices":[{"#, .upstreamProtocol), (200, #"{"ok":true}"#, .upstreamProtocol),
            (200, #"{"error":{"message":"x","type":"server_error"}}"#, .upstreamServer),
            (200, #"{"error":{"code":"rate_limit_exceeded"},"choices":[]}"#, .upstreamRate),
            (200, #"{"error":{"code":"insufficient_quota"}}"#, .upstreamMoney),
            (200, #"{"error":{"code":"content_policy_violation"}}"#, .contentRefused),
            (200, #"{"error":"just words"}"#, .upstreamServer),
            (
                200, #"{"error":{"type":"invalid_request_error","code":"context_length_exceeded"}}"#,
                .upstreamRequest
            ),
            // new-api and one-api, whose key is good and has nothing left.
            (401, #"{"error":{"code":"","message":"该令牌额度已用尽","type":"new_api_error"}}"#, .upstreamMoney),
            (403, #"{"error":{"code":"pre_consume_token_quota_failed"}}"#, .upstreamMoney),
            (403, #"{"code":"insufficient_user_quota","message":"no","data":null}"#, .upstreamMoney),
            (400, #"{"code":"fail_to_fetch_task","message":"moderation_blocked"}"#, .contentRefused),
            (403, "<html>Attention Required!</html>", .upstreamProtocol),
            (403, #"{"error":{"code":"forbidden"}}"#, .upstreamCredential),
        ])
    func aRefusalIsKnownByWhatItIsAbout(_ status: Int, _ body: String, _ code: ErrorCode) {
        #expect(refusal(status, body)?.code == code)
    }

    @Test func aClientReadsWhatTheVendorSaysOfItsRequest() {
        let body =
            #"{"error":{"message":"Invalid 'messages[0].role'.","param":"messages[0].role","code":null}}"#
        let error = refusal(400, body)
        #expect(error?.message == "Invalid 'messages[0].role'.")
        #expect(error?.field == "messages[0].role")
    }

    @Test(
        arguments: [
            "Rate limit for org-abc123 in proj_9 reached", "Key sk-account-secret is wrong",
            "see https://vendor.example/x",
            "mail to ops@vendor.example", "request req_77 by user-5 of acct_9",
        ])
    func nothingThatTellsOfTheAccountIsAmongItsWords(_ words: String) throws {
        let body: JSON = ["error": ["message": .string(words)]]
        let message = try #require(refusal(400, body.text)?.message)
        for secret in ["org-", "proj_", "sk-account", "vendor.example", "req_", "user-5", "acct_"] {
            #expect(!message.contains(secret), "\(message)")
        }
    }

    @Test func whatIsNotTheClientsToKnowStaysInTheLog() {
        let error = refusal(401, #"{"error":{"message":"Incorrect API key provided: sk-acc***. org-1"}}"#)
        #expect(error?.message == ErrorCode.upstreamCredential.facts.message)
        let field = refusal(400, #"{"error":{"message":"m","param":"<script>"}}"#)
        #expect(field?.field == nil)
    }

    @Test func theRestThatTheVendorAsksForIsKept() {
        #expect(refusal(429, "{}", headers: ["retry-after": "17"])?.retryAfterSeconds == 17)
    }
}
