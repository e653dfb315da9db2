import Core
import Testing
import Upstream

@Suite struct MediaCutterTests {
    /// The rest, and the media as text, of a reply that comes in pieces of a length.
    private func cut(
        _ reply: String, step: Int = 1 << 20, restBytesMax: Int = 4096
    ) throws(KinoraError) -> (rest: String, media: [String]) {
        var cutter = MediaCutter(names: ["b64_json"], restBytesMax: restBytesMax)
        var media: [String] = []
        var current: [UInt8] = []
        let bytes = Array(reply.utf8)
        for start in stride(from: 0, to: bytes.count, by: step) {
            var piece = Array(bytes[start..<min(start + step, bytes.count)])
            var result: Result<Void, KinoraError> = .success(())
            piece.withUnsafeMutableBytes { buffer in
                result = Result { () throws(KinoraError) in
                    try cutter.feed(UnsafeRawBufferPointer(buffer)) { event in
                        switch event {
                        case .media(let bytes): current += bytes
                        case .mediaEnded:
                            media.append(String(decoding: current, as: UTF8.self))
                            current = []
                        }
                    }
                }
            }
            try result.get()
        }
        try cutter.finish()
        return (String(decoding: cutter.rest, as: UTF8.self), media)
    }

    /// new-api writes one beside an address.
    @Test(arguments: [1, 2, 1000])
    func anEmptyTextIsNoMediumAndStays(_ step: Int) throws {
        let text = #"{"data":[{"url":"https://x","b64_json":""},{"b64_json" : "TWFu"},{"b64_json":""}]}"#
        let (rest, media) = try cut(text, step: step)
        #expect(rest == text.replacing(#""TWFu""#, with: "0"))
        #expect(media == ["Man"])
    }

    private static func reply(_ first: String, _ second: String) -> String {
        """
        {"created": 1, "data": [{"b64_json" : \(first), "revised_prompt": "a \\"b64_json\\": \\"x\\""},
        {"b64_json":\(second)}], "b64_json": null, "other": "b64_json", "x":"TWFu"}
        """
    }

    @Test(arguments: [1, 2, 3, 7, 1000])
    func mediaAreTakenOutAndNumbered(_ step: Int) throws {
        let (rest, media) = try cut(
            Self.reply(#""TWFu""#, #""SGVs\nbG8\/""#), step: step)
        #expect(rest == Self.reply("0", "1"))
        #expect(media == ["Man", "Hello?"])
        #expect(try JSONParser.parse(Array(rest.utf8))["data"]?.arrayValue?.count == 2)
    }

    @Test func aReplyWithoutMediaStaysAsItIs() throws {
        for text in [#"{"error": {"message": "no"}}"#, "<html>\"b64_json\"</html>", "", "\"", "{"] {
            let (rest, media) = try cut(text)
            #expect(rest == text && media.isEmpty)
        }
    }

    @Test(
        arguments: [
            #"{"b64_json":"T*"}"#, #"{"b64_json":"TWE=TWE="}"#, #"{"b64_json":"T"}"#,
            #"{"b64_json":"TW\u0041"}"#, #"{"b64_json":"TWFu"#, #"{"b64_json":"TWFu\"#,
        ], [1, 1000])
    func whatIsNoBase64OrEndsTooEarlyIsAnError(_ reply: String, _ step: Int) {
        let error = #expect(throws: KinoraError.self) { _ = try cut(reply, step: step) }
        #expect(error?.code == .upstreamProtocol)
    }

    @Test func whatIsLongWithoutItsMediaIsAnError() {
        let long = #"{"x":""# + String(repeating: "y", count: 5000) + #""}"#
        let error = #expect(throws: KinoraError.self) { _ = try cut(long) }
        #expect(error?.code == .upstreamProtocol)
        #expect(throws: Never.self) {
            _ = try cut(#"{"b64_json":""# + String(repeating: "TWFu", count: 5000) + #""}"#)
        }
    }

    @Test func aNameWithAnEscapeIsNoneThatCounts() throws {
        let (rest, media) = try cut(#"{"\u0062b64_json":"TWFu"}"#)
        #expect(media.isEmpty && rest.contains("TWFu"))
    }
}
