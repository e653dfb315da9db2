import Core
import TestSupport
import Testing

@testable import Sandbox

/// Text models of the sandbox.
@Suite struct TalkTests {
    private let vendor = OpenAISandbox()

    private func json(_ text: String) throws -> RequestBody { .json(try JSONParser.parse(text)) }

    private func chat(_ text: String) throws -> Response {
        vendor.answer(
            try vendor.chat(try json(text)), id: "chatcmpl-1", at: Timestamp(seconds: 1_700_000_000))
    }

    private func refusal(_ text: String) -> KinoraError? {
        #expect(throws: KinoraError.self) { _ = try chat(text) }
    }

    private static let hello =
        #"{"model":"gpt-4","messages":[{"role":"system","content":"be kind"},"#
        + #"{"role":"user","content":"hello there"}]"#

    @Test func aChatSaysWhatWasSaid() throws {
        let answer = try JSONParser.parse(try chat(Self.hello + "}").body)
        #expect(answer["object"] == "chat.completion" && answer["model"] == "gpt-4")
        let choice = answer["choices"]?.arrayValue?.first
        #expect(choice?["message"]?["content"] == "You said: hello there")
        #expect(choice?["finish_reason"] == "stop")
        #expect(answer["usage"]?["prompt_tokens"] == 4 && answer["usage"]?["completion_tokens"] == 4)
    }

    @Test func aBoundEndsItEarly() throws {
        let text = #"{"model":"gpt-4","messages":[{"role":"user","content":"count to 100"}],"max_tokens":3}"#
        let choice = try JSONParser.parse(try chat(text).body)["choices"]?.arrayValue?.first
        #expect(choice?["message"]?["content"] == "1 2 3")
        #expect(choice?["finish_reason"] == "length")
    }

    @Test(arguments: [false, true]) func aStreamHasAPieceForEachWord(_ withUsage: Bool) throws {
        let response = try chat(
            Self.hello + #","stream":true,"stream_options":{"include_usage":\#(withUsage)}}"#)
        #expect(response.headers.contains { $0.value.hasPrefix("text/event-stream") })
        let events = String(decoding: response.body, as: UTF8.self).split(separator: "\n\n").map {
            $0.dropFirst(6)
        }
        #expect(events.last == "[DONE]")
        let chunks = try events.dropLast().map { try JSONParser.parse(String($0)) }
        #expect(chunks.count == (withUsage ? 7 : 6))
        #expect(chunks.allSatisfy { $0["object"] == "chat.completion.chunk" && $0["id"] == "chatcmpl-1" })
        #expect(chunks.allSatisfy { ($0["usage"] != nil) == withUsage })
        if withUsage {
            #expect(chunks.last?["choices"] == [])
            #expect(chunks.last?["usage"]?["total_tokens"] == 8)
        }
    }

    @Test(
        arguments: [
            ("{\"messages\":[]}", "model"), (#"{"model":"gpt-4"}"#, "messages"),
            (#"{"model":"gpt-4","messages":[]}"#, "messages"),
            (#"{"model":"gpt-4","messages":[{"role":"king","content":"x"}]}"#, "messages[0].role"),
            (#"{"model":"gpt-4","messages":[{"role":"user","content":5}]}"#, "messages[0].content"),
            (hello + #","stream_options":{"include_usage":true}}"#, "stream_options"),
            (hello + #","max_tokens":0}"#, "max_tokens"), (hello + #","frequency":1}"#, "frequency"),
        ])
    func whatTheVendorRefusesIsRefused(_ text: String, _ field: String) {
        #expect(refusal(text)?.field == field)
    }

    @Test func anUnknownModelDoesNotExist() {
        #expect(
            refusal(#"{"model":"gpt-9","messages":[{"role":"user","content":"x"}]}"#)?.code == .modelNotFound)
    }

    @Test func equalTextsHaveEqualEmbeddings() throws {
        func vectors(_ more: String) throws -> [JSON] {
            let text = #"{"model":"text-embedding-3-small","input":["a","b","a"]\#(more)}"#
            let response = vendor.answer(
                try vendor.embedding(try json(text)), id: "", at: Timestamp(seconds: 0))
            let data = try JSONParser.parse(response.body)["data"]?.arrayValue ?? []
            #expect(data.enumerated().allSatisfy { $1["index"] == JSON($0) })
            return data.compactMap { $0["embedding"] }
        }
        let plain = try vectors("")
        #expect(plain[0] == plain[2] && plain[0] != plain[1])
        let numbers = plain[0].arrayValue?.compactMap(\.doubleValue) ?? []
        #expect(numbers.count == 1536)
        #expect(abs(numbers.reduce(0) { $0 + $1 * $1 } - 1) < 0.001)
        let short = try vectors(#","dimensions":3,"encoding_format":"base64""#)
        #expect(short[0].stringValue.flatMap { Core.Base64.decode($0.utf8) }?.count == 12)
    }

    @Test func tokensMayBeGivenByNumber() throws {
        for (input, count) in [("[1,2,3]", 1), ("[[1,2],[3]]", 2), ("\"x\"", 1)] {
            let talk = try vendor.embedding(
                try json(#"{"model":"text-embedding-3-small","input":\#(input)}"#))
            guard case .embedding(let embedding) = talk else { throw CancellationError() }
            #expect(embedding.inputs.count == count)
        }
    }
}
