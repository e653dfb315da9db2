import Core
import TestSupport
import Testing

@Suite struct ChatStreamTests {
    private static let first =
        #"data: {"choices":[{"delta":{"content":"a \"usage\" of \"error\""},"#
        + #""finish_reason":null}],"usage":null}"#
        + "\n\n"
    private static let last =
        #"data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":null}"# + "\n\n"
    private static let usage =
        #"data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}"# + "\n\n"
    private static let done = "data: [DONE]\n\n"

    private func sent(_ text: String, wantsUsage: Bool = false) throws -> (String, ChatStream) {
        var stream = ChatStream(wantsUsage: wantsUsage)
        var out = try stream.take(Array(text.utf8))
        out += try stream.end()
        return (String(decoding: out, as: UTF8.self), stream)
    }

    @Test func theUsageIsReadAndKeptFromWhoDidNotAskForIt() throws {
        let (text, stream) = try sent(Self.first + Self.last + Self.usage + Self.done)
        #expect(text == Self.first + Self.last + Self.done)
        #expect(stream.usage == TokenUsage(input: 7, output: 2))
        #expect(stream.pieces == 2)
        #expect(stream.isDone)
    }

    @Test func whoAskedForItGetsEveryByte() throws {
        let whole = Self.first + Self.last + Self.usage + Self.done
        let (text, stream) = try sent(whole, wantsUsage: true)
        #expect(text == whole)
        #expect(stream.usage == TokenUsage(input: 7, output: 2))
    }

    /// Some services put it into the last piece, which the client needs.
    @Test func aPieceWithUsageIsNeverLeftOut() throws {
        let piece =
            #"data: {"choices":[{"delta":{"content":"x"},"#
            + #""finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#
            + "\n\n"
        let (text, stream) = try sent(piece + Self.done)
        #expect(text == piece + Self.done)
        #expect(stream.usage == TokenUsage(input: 1, output: 1))
    }

    @Test func commentsAndOtherEventsPass() throws {
        let whole = ": OPENROUTER PROCESSING\n\n" + "event: ping\ndata: {}\n\n" + Self.last + Self.done
        #expect(try sent(whole).0 == whole)
    }

    @Test func anAnswerThatCameToItsEndGetsTheLastWordThatItLacks() throws {
        #expect(try sent(Self.first + Self.last).0 == Self.first + Self.last + Self.done)
        #expect(try sent(Self.last + "data: [DONE]").0 == Self.last + Self.done)
    }

    @Test func anAnswerThatBreaksOffIsNoAnswer() throws {
        var stream = ChatStream(wantsUsage: false)
        #expect(try !stream.take(Array(Self.first.utf8)).isEmpty)
        #expect { try stream.end() } throws: { ($0 as? KinoraError)?.code == .upstreamUnreachable }
    }

    @Test func aFaultIsKeptFromTheClientAndEndsTheStream() throws {
        let fault = #"{"error":{"message":"boom","type":"server_error"}}"#
        let (text, stream) = try sent(Self.first + "data: \(fault)\n\n" + Self.last + Self.done)
        #expect(text == Self.first)
        #expect(stream.fault == Array(fault.utf8))
        #expect(!stream.isDone)
    }

    @Test func nothingFollowsTheEnd() throws {
        #expect(try sent(Self.last + Self.done + Self.first).0 == Self.last + Self.done)
    }

    @Test func itMakesNoDifferenceWhereTheBytesAreTornApart() throws {
        let bytes = Array((Self.first + ": c\n\n" + Self.first + Self.last + Self.usage + Self.done).utf8)
        let (whole, _) = try sent(String(decoding: bytes, as: UTF8.self))
        for round in 0..<min(Fuzz.rounds, 2_000) {
            var random = SplitMix64(seed: UInt64(round))
            var stream = ChatStream(wantsUsage: false)
            var out: [UInt8] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = 1 + random.below(min(rest.count, 60))
                out += try stream.take(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            out += try stream.end()
            #expect(String(decoding: out, as: UTF8.self) == whole, "round \(round)")
            #expect(stream.usage == TokenUsage(input: 7, output: 2) && stream.pieces == 3, "round \(round)")
        }
    }

    @Test func countsThatMakeNoSenseAreHeldWithinBounds() {
        #expect(
            TokenUsage(["prompt_tokens": -5, "completion_tokens": 9_000_000_000_000_000_000])
                == TokenUsage(input: 0, output: 1_000_000_000))
        #expect(TokenUsage(["total_tokens": 3]) == nil)
        #expect(TokenUsage(.null) == nil && TokenUsage(nil) == nil)
        #expect(TokenUsage(["prompt_tokens": 4]) == TokenUsage(input: 4, output: 0))
    }
}
