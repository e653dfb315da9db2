import Core
import Dialects
import TestSupport
import Testing

/// Tests/Golden/hub.
@Suite struct HubGoldenTests {
    private let goldens = DialectGoldens(Hub())

    @Test(arguments: try Golden.cases(in: "hub/decode"))
    func aRequestMeansThisCommand(_ golden: GoldenCase) throws { try goldens.checkDecode(golden) }

    @Test(arguments: try Golden.cases(in: "hub/encode"))
    func anOutcomeIsAnsweredSo(_ golden: GoldenCase) throws { try goldens.checkEncode(golden) }

    @Test(arguments: try Golden.cases(in: "hub/errors"))
    func anErrorIsAnsweredSo(_ golden: GoldenCase) throws { try goldens.checkErrors(golden) }

    @Test func everyErrorHasAGolden() throws {
        #expect(try goldens.errorCodes(in: "hub/errors") == Set(ErrorCode.allCases))
    }
}
