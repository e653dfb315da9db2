import Core
import Dialects
import TestSupport
import Testing

/// Tests/Golden/openart.
@Suite struct OpenArtGoldenTests {
    private let goldens = DialectGoldens(OpenArt())

    @Test(arguments: try Golden.cases(in: "openart/decode"))
    func aRequestMeansThisCommand(_ golden: GoldenCase) throws { try goldens.checkDecode(golden) }

    @Test(arguments: try Golden.cases(in: "openart/encode"))
    func anOutcomeIsAnsweredSo(_ golden: GoldenCase) throws { try goldens.checkEncode(golden) }

    @Test(arguments: try Golden.cases(in: "openart/errors"))
    func anErrorIsAnsweredSo(_ golden: GoldenCase) throws { try goldens.checkErrors(golden) }

    @Test func everyErrorHasAGolden() throws {
        #expect(try goldens.errorCodes(in: "openart/errors") == Set(ErrorCode.allCases))
    }
}
