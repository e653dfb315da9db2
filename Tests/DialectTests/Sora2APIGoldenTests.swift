import Core
import Dialects
import TestSupport
import Testing

/// Tests/Golden/sora2api.
@Suite struct Sora2APIGoldenTests {
    private let goldens = DialectGoldens(Sora2API())

    @Test(arguments: try Golden.cases(in: "sora2api/decode"))
    func aRequestMeansThisCommand(_ golden: GoldenCase) throws { try goldens.checkDecode(golden) }

    @Test(arguments: try Golden.cases(in: "sora2api/encode"))
    func anOutcomeIsAnsweredSo(_ golden: GoldenCase) throws { try goldens.checkEncode(golden) }

    @Test(arguments: try Golden.cases(in: "sora2api/errors"))
    func anErrorIsAnsweredSo(_ golden: GoldenCase) throws { try goldens.checkErrors(golden) }

    @Test func everyErrorHasAGolden() throws {
        #expect(try goldens.errorCodes(in: "sora2api/errors") == Set(ErrorCode.allCases))
    }
}
