import Core
import TestSupport
import Testing

/// The llmage API's chats, to a text model and back.
extension GatewayTests {
    @Suite(.freshDatabase) struct LlmageChats {
        private func chat(_ fields: JSONObject) -> Call {
            var body: JSONObject = ["model": "qwen3-max"]
            for (name, value) in fields.members { body[name] = value }
            return .post("/llmage/v1/chat/completions", json: .object(body))
        }

        @Test func aPromptIsAnswered() throws {
            try withLlmage { llmage in
                let reply = try llmage.send(
                    chat(["prompt": "你好 \"there\"", "sys_prompt": "Be brief.", "catelogid": "t2t"]))
                #expect(reply.status == 200, "\(reply.text)")
                let choice = reply.json["choices"]?.arrayValue?.first
                #expect(choice?["message"]?["content"] == "You said: 你好 \"there\"")
                #expect(reply.json["content"] == "You said: 你好 \"there\"" && reply.json["finish"] == "1")
                // The system's words went along: they are counted.
                #expect(reply.json["usage"]?["prompt_tokens"] == 4)
                let messages: JSON = [["role": "user", "content": "hello"]]
                let other = try llmage.send(chat(["messages": messages]))
                #expect(other.json["content"] == "You said: hello")
                let both = try llmage.send(chat(["messages": messages, "prompt": "this one"]))
                #expect(both.json["content"] == "You said: this one")
            }
        }

        @Test func aStreamTellsItsTextBesideTheChoices() throws {
            try withLlmage { llmage in
                let reply = try llmage.send(chat(["prompt": "count to 5", "stream": true]))
                #expect(reply.status == 200)
                #expect(reply["Content-Type"] == "text/event-stream; charset=utf-8")
                let data = reply.text.split(separator: "\n\n").map { String($0.dropFirst("data: ".count)) }
                #expect(data.last == "[DONE]")
                let chunks = try data.dropLast().map { try JSONParser.parse($0) }
                for chunk in chunks {
                    let choice = chunk["choices"]?.arrayValue?.first
                    #expect(chunk["content"]?.stringValue == choice?["delta"]?["content"]?.stringValue ?? "")
                    #expect(chunk["reasoning_content"] == .null)
                    #expect(chunk["finish"] == (choice?["finish_reason"] ?? .null == .null ? "0" : "1"))
                }
                let text = chunks.compactMap { $0["content"]?.stringValue }.joined()
                #expect(text.filter { !$0.isWhitespace } == "12345")
                #expect(chunks.last?["finish"] == "1")
            }
        }

        @Test func whatIsWrongIsSaidInOneText() throws {
            try withLlmage { llmage in
                let cases: [(JSONObject, Int, String)] = [
                    ([:], 400, "Missing required parameter: prompt"),
                    (["prompt": ""], 400, "Missing required parameter: prompt"),
                    (
                        ["prompt": 7], 400,
                        "Invalid value for prompt: 'prompt' must be a string, not an integer."
                    ),
                    (["prompt": "p", "model": "none"], 400, "Model not found: none"),
                    (["prompt": "p", "model": "viduq3-pro"], 400, "Model not found: viduq3-pro"),
                    (["prompt": "p", "catelogid": "t2v"], 400, "Model not found: qwen3-max"),
                    (["prompt": "p", "model": ""], 400, "Missing required parameter: model"),
                    (
                        ["prompt": "p", "stream": "yes"], 400,
                        "Invalid value for stream: 'stream' must be true"
                    ),
                ]
                for (fields, status, text) in cases {
                    let reply = try llmage.send(chat(fields))
                    #expect(reply.status == status && reply.json.objectValue?.names == ["error"])
                    #expect(reply.json["error"]?.stringValue?.hasPrefix(text) == true, "\(reply.text)")
                }
                let anonymous = try llmage.site.curl.send(chat(["prompt": "p"]))
                #expect(anonymous.status == 401 && anonymous.json == ["error": "Invalid API Key"])
            }
        }

        /// A failure in the middle of a stream is its last event.
        @Test func aStreamThatBreaksOffEndsWithTheError() throws {
            try withLlmage { llmage in
                try llmage.site.sandbox.arm(["fault": "error_inside", "operation": "talk"])
                let reply = try llmage.send(chat(["prompt": "count to 40", "stream": true]))
                let last = reply.text.split(separator: "\n\n").last.map { String($0.dropFirst(6)) } ?? ""
                let event = try JSONParser.parse(last)
                #expect(event.objectValue?.names == ["error"], "\(reply.text)")
                #expect(event["error"]?.stringValue?.isEmpty == false && !reply.text.contains("[DONE]"))
            }
        }
    }
}
