import Core
import Testing

@Suite struct RedemptionCodeTests {
    @Test func aFreshCodeIsReadBackAndHasNoLookAlikes() throws {
        var seen: Set<String> = []
        for _ in 0..<1000 {
            let text = RedemptionCode.random().revealed()
            #expect(text.wholeMatch(of: /REDEEM-[2-9A-HJKMNP-Z]{4}-[2-9A-HJKMNP-Z]{4}/) != nil, "\(text)")
            #expect(RedemptionCode(text)?.revealed() == text)
            seen.insert(text)
        }
        #expect(seen.count == 1000)
    }

    @Test(arguments: [
        "REDEEM-2345-ABCD", "redeem-2345-abcd", "  Redeem-2345-aBcD\n", "\u{3000}REDEEM-2345-ABCD",
    ])
    func blanksAroundItAndSmallLettersDoNotMatter(_ text: String) {
        #expect(RedemptionCode(text)?.revealed() == "REDEEM-2345-ABCD")
    }

    @Test(arguments: [
        "", "REDEEM", "REDEEM--", "REDEEM-2345-ABC", "REDEEM-2345-ABCDE", "REDEEM-2345ABCD",
        "REDEEM 2345 ABCD",
        "REDEEN-2345-ABCD", "REDEEM-1345-ABCD", "REDEEM-0345-ABCD", "REDEEM-I345-ABCD", "REDEEM-O345-ABCD",
        "REDEEM-L345-ABCD", "REDEEM-２345-ABCD", "REDEEM-2345-ABCD-", "REDEEM-2345-ABÇD", "REDEEM-ﬀﬀ-ABCD",
        "REDEEM-2345-ABC\u{0}",
    ])
    func whatNoCodeLooksLikeIsNone(_ text: String) {
        #expect(RedemptionCode(text) == nil, "\(text)")
    }
}
