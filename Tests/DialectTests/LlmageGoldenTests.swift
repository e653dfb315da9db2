import Core
import Dialects
import TestSupport
import Testing

/// Tests/Golden/llmage.
@Suite struct LlmageGoldenTests {
    private let goldens = DialectGoldens(Llmage())

    @Test(arguments: try Golden.cases(in: "llmage/decode"))
    func aRequestMeansThisCommand(_ golden: GoldenCase) throws { try goldens.checkDecode(golden) }

    @Test(arguments: try Golden.cases(in: "llmage/encode"))
    func anOutcomeIsAnsweredSo(_ golden: GoldenCase) throws { try goldens.checkEncode(golden) }

    @Test(arguments: try Golden.cases(in: "llmage/errors"))
    func anErrorIsAnsweredSo(_ golden: GoldenCase) throws { try goldens.checkErrors(golden) }

    @Test func everyErrorHasAGolden() throws {
        #expect(try goldens.errorCodes(in: "llmage/errors") == Set(ErrorCode.allCases))
    }
}
