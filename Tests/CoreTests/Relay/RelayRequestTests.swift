import Core
import Testing

@Suite struct RelayRequestTests {
    private func request(_ text: String, _ kind: RelayKind = .chat) throws -> RelayRequest {
        try RelayRequest(kind, Array(text.utf8))
    }

    private func upstream(_ text: String, _ model: String = "m") throws -> String {
        String(decoding: try request(text).body(for: model), as: UTF8.self)
    }

    private static let odd =
        #"{ "messages" : [ {"role":"user","content":"猫 \u0000 \/"} ],  "x":1.50, "model":"m" }"#

    @Test func nothingIsSpelledAnew() throws {
        #expect(try upstream(Self.odd) == Self.odd)
    }

    @Test func theModelHasTheLengthOfAName() throws {
        func text(_ count: Int) -> String {
            #"{"messages":[],"model":"\#(String(repeating: "m", count: count))"}"#
        }
        #expect(try request(text(Limits.nameCharactersMax)).model.count == Limits.nameCharactersMax)
        let error = #expect(throws: KinoraError.self) { try request(text(Limits.nameCharactersMax + 1)) }
        #expect(error?.message == "'model' must have at most 128 characters." && error?.field == "model")
    }

    @Test func onlyTheModelsNameIsExchanged() throws {
        let text = try upstream(Self.odd, "the \"vendor's\" own")
        #expect(text == Self.odd.replacing(#""m""#, with: #""the \"vendor's\" own""#))
    }

    @Test(
        arguments: [
            (
                #"{"model":"m","stream":true,"messages":[]}"#,
                #"{"stream_options":{"include_usage":true},"model":"m","stream":true,"messages":[]}"#
            ),
            (
                #"{"model":"m","stream":true,"messages":[],"stream_options":null}"#,
                #"{"model":"m","stream":true,"messages":[],"stream_options":{"include_usage":true}}"#
            ),
            (
                #"{"model":"m","stream":true,"messages":[],"stream_options":{"include_usage":false,"x":1}}"#,
                #"{"model":"m","stream":true,"messages":[],"stream_options":{"include_usage":true,"x":1}}"#
            ),
            (
                #"{"model":"m","stream":true,"messages":[],"stream_options":{ "include_usage" : true }}"#,
                #"{"model":"m","stream":true,"messages":[],"stream_options":{ "include_usage" : true }}"#
            ),
            (#"{"model":"m","stream":false,"messages":[]}"#, #"{"model":"m","stream":false,"messages":[]}"#),
        ])
    func aStreamIsAskedToSayWhatItUsed(_ text: String, _ expected: String) throws {
        #expect(try upstream(text) == expected)
    }

    @Test func bothEditsFitIntoOneText() throws {
        let text = try upstream(
            #"{"stream_options":{},"stream":true,"messages":[1],"model":"m"}"#, "longer")
        #expect(
            text
                == #"{"stream_options":{"include_usage":true},"stream":true,"messages":[1],"model":"longer"}"#
        )
        let other = try upstream(#"{"model":"m","stream":true,"messages":[1]}"#, "n")
        #expect(
            other == #"{"stream_options":{"include_usage":true},"model":"n","stream":true,"messages":[1]}"#)
    }

    @Test func whatMustBeKnownIsKnown() throws {
        let chat = try request(
            #"{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true},"#
                + #""n":3,"max_tokens":7}"#
        )
        #expect(chat.isStreamed && chat.wantsUsage)
        #expect(chat.outputTokensMax == 7 && chat.choices == 3)
        let newer = try request(#"{"model":"m","messages":[],"max_tokens":7,"max_completion_tokens":5}"#)
        // Both go on, and nobody knows which of them is heeded.
        #expect(newer.outputTokensMax == 7 && newer.choices == 1)
        #expect(!newer.isStreamed)
        let plain = try request(#"{"model":"m","input":"x","stream":true,"n":"y"}"#, .embedding)
        #expect(plain.outputTokensMax == nil)
        // Embeddings have no streams.
        #expect(!plain.isStreamed)
        #expect(plain.inputTokensMax == 47)
    }

    @Test(
        arguments: [
            (#"{"type":"image_url","image_url" :{"url":"x"}},{"type":"text","text":"an image_url"}"#, 1),
            (#"{"type":"image_url","image\u005furl":{"url":"x"}}"#, 1),
            (#"{"type":"video","video":["a","b","c"],"fps":2}"#, 3), (#"{"image":"x"},{"text":"y"}"#, 1),
            (#"{"type":"text","text":"[{]"}"#, 0), (#""a","b""#, 0), ("", 0),
            (#"{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}"#, 0),
            (#"{"type":"thinking","thinking":"x","signature":"y"}"#, 0),
            // Cannot be taken apart: a part for each brace and comma.
            (#"{"type":"text","text":"x","text":"y"}"#, 6),
        ])
    func aPictureByItsAddressMayBeManyTokens(_ parts: String, _ media: Int) throws {
        let text = #"{"model":"m","messages":[{"content":"["},{"content":[\#(parts)]}]}"#
        #expect(try request(text).inputTokensMax == text.utf8.count + media * 16_384)
    }

    /// Services in Go would heed the second of them, whatever it says.
    @Test(arguments: ["Model", "MAX_TOKENS", "max_completion_toKens", "\u{17F}tream", "N", "Messages"])
    func aNameThatOthersTakeForOneThatWasReadIsRefused(_ name: String) throws {
        let error = #expect(throws: KinoraError.self) {
            try request(#"{"model":"m","messages":[],"\#(name)":1}"#)
        }
        #expect(error?.code == .invalidValue && error?.field == name)
        #expect(throws: Never.self) { try request(#"{"model":"m","messages":[],"\#(name)x":1}"#) }
    }

    @Test(
        arguments: [
            (RelayKind.chat, #"{"messages":[]}"#, ErrorCode.missingParameter, "model"),
            (.chat, #"{"model":"","messages":[]}"#, .missingParameter, "model"),
            (.chat, #"{"model":null,"messages":[]}"#, .missingParameter, "model"),
            (.chat, #"{"model":4,"messages":[]}"#, .invalidValue, "model"),
            (.chat, #"{"model":"m"}"#, .missingParameter, "messages"),
            (.chat, #"{"model":"m","messages":null}"#, .missingParameter, "messages"),
            (.chat, #"{"model":"m","messages":"hello"}"#, .invalidValue, "messages"),
            (.chat, #"{"model":"m","messages":{}}"#, .invalidValue, "messages"),
            (.chat, #"{"model":"m","messages":[],"stream":"true"}"#, .invalidValue, "stream"),
            (.chat, #"{"model":"m","messages":[],"stream_options":[]}"#, .invalidValue, "stream_options"),
            (
                .chat, #"{"model":"m","messages":[],"stream_options":{"include_usage":1}}"#, .invalidValue,
                "stream_options.include_usage"
            ),
            (.chat, #"{"model":"m","messages":[],"max_tokens":0}"#, .invalidValue, "max_tokens"),
            (.chat, #"{"model":"m","messages":[],"max_tokens":1.5}"#, .invalidValue, "max_tokens"),
            (.chat, #"{"model":"m","messages":[],"n":-1}"#, .invalidValue, "n"),
            (.embedding, #"{"model":"m"}"#, .missingParameter, "input"),
            (.embedding, #"{"model":"m","input":5}"#, .invalidValue, "input"),
        ])
    func whatIsWrongIsNamed(_ kind: RelayKind, _ text: String, _ code: ErrorCode, _ field: String) {
        #expect { try request(text, kind) } throws: {
            ($0 as? KinoraError)?.code == code && ($0 as? KinoraError)?.field == field
        }
    }

    @Test func bytesThatAreNoTextAreRefused() {
        let bytes = Array(#"{"model":"m","messages":["#.utf8) + [0x22, 0xFF, 0x22] + Array("]}".utf8)
        #expect { try RelayRequest(.chat, bytes) } throws: {
            ($0 as? KinoraError)?.message == "The body is not valid UTF-8."
        }
    }
}
