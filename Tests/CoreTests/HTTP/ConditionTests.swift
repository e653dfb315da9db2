import Core
import Testing

@Suite struct ConditionTests {
    private func status(_ ifNoneMatch: String, _ response: Response) -> Int {
        var head = RequestHead(method: .get, target: "/")
        head.ifNoneMatch = ifNoneMatch
        return response.unlessKnown(to: head).status
    }

    private let tagged = Response.json(["a": 1]).adding("ETag", "\"abc\"").adding("Cache-Control", "no-cache")

    @Test(arguments: ["\"abc\"", "W/\"abc\"", "*", "\"x\", \"abc\"", "\"x\" ,W/\"abc\" ", " \"abc\""])
    func whatIsKnownIsNotSentAgain(_ known: String) { #expect(status(known, tagged) == 304) }

    @Test(arguments: ["", "abc", "\"ABC\"", "\"ab\"", "w/\"abc\"", "\"abc", ",", "\"x\", \"y\""])
    func everythingElseIs(_ known: String) { #expect(status(known, tagged) == 200) }

    @Test func anAnswerWithoutATagAndAnErrorAreAlwaysSent() {
        #expect(status("*", .json(["a": 1])) == 200)
        #expect(status("*", Response.json(["a": 1], status: 404).adding("ETag", "\"abc\"")) == 404)
    }

    @Test func theHeadersGoAloneAndNoTypeOfNothing() {
        var head = RequestHead(method: .get, target: "/")
        head.ifNoneMatch = "\"abc\""
        let response = tagged.unlessKnown(to: head)
        #expect(response.body.isEmpty && response.headers.map(\.name) == ["ETag", "Cache-Control"])
    }
}
