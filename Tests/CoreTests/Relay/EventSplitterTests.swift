import Core
import TestSupport
import Testing

@Suite struct EventSplitterTests {
    private func events(_ pieces: [[UInt8]]) throws -> [String] {
        var splitter = EventSplitter()
        var events: [String] = []
        for piece in pieces { events += try splitter.take(piece).map { String(decoding: $0, as: UTF8.self) } }
        return events + [String(decoding: splitter.takeRest(), as: UTF8.self)]
    }

    @Test(
        arguments: [
            ("data: a\n\ndata: b\n\n", ["data: a\n\n", "data: b\n\n", ""]),
            ("data: a\r\n\r\ndata: b\r\n\r\n", ["data: a\r\n\r\n", "data: b\r\n\r\n", ""]),
            ("data: a\r\rdata: b\r\rx", ["data: a\r\r", "data: b\r\r", "x"]),
            (
                ": ping\n\nevent: e\ndata: 1\ndata: 2\n\n",
                [": ping\n\n", "event: e\ndata: 1\ndata: 2\n\n", ""]
            ),
            ("\n\n", ["\n", "\n", ""]), ("data: a\n", ["data: a\n"]), ("", [""]),
        ])
    func anEventEndsWithAnEmptyLine(_ text: String, _ expected: [String]) throws {
        #expect(try events([Array(text.utf8)]) == expected)
    }

    @Test func itMakesNoDifferenceWhereTheBytesAreTornApart() throws {
        let text =
            ": hello\n\ndata: {\"a\":\"猫\"}\n\ndata: b\r\n\r\nevent: x\ndata: 1\r\n"
            + "data: 2\n\n\r\n\ndata: [DONE]\n\nrest"
        let bytes = Array(text.utf8)
        let whole = try events([bytes])
        #expect(whole.joined() == text)
        #expect(try events(bytes.map { [$0] }) == whole)
        for round in 0..<Fuzz.rounds {
            var random = SplitMix64(seed: UInt64(round))
            var pieces: [[UInt8]] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = 1 + random.below(min(rest.count, 30))
                pieces.append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            #expect(try events(pieces) == whole, "round \(round)")
        }
    }

    /// Behind a carriage return a line feed may still come.
    @Test func aCarriageReturnAtTheEndWaitsForWhatFollows() throws {
        var splitter = EventSplitter()
        #expect(try splitter.take(Array("data: a\r\n\r".utf8)).isEmpty)
        #expect(
            try splitter.take(Array("\ndata".utf8)).map { String(decoding: $0, as: UTF8.self) } == [
                "data: a\r\n\r\n"
            ])
    }

    @Test func anEventWithoutAnEndIsRefused() throws {
        var splitter = EventSplitter()
        let piece = [UInt8](repeating: 0x61, count: 1 << 20)
        for _ in 0..<4 { _ = try splitter.take(piece) }
        #expect { try splitter.take(piece) } throws: { ($0 as? KinoraError)?.code == .upstreamProtocol }
    }

    @Test(
        arguments: [
            ("data: a\n\n", "a"), ("data:a\n\n", "a"), ("data:  a\n\n", " a"),
            ("data: 1\r\ndata: 2\r\n\r\n", "1\n2"),
            ("event: x\ndata: y\nid: 3\n\n", "y"), (": data: no\n\n", nil), ("database: no\n\n", nil),
        ])
    func theDataIsWhatItsLinesSay(_ event: String, _ data: String?) {
        #expect(EventSplitter.data(of: Array(event.utf8)).map { String(decoding: $0, as: UTF8.self) } == data)
    }
}
