import Core
import Dialects
import TestSupport
import Testing

/// Tests/Golden/jimeng-videos. Answers and errors are those of the images API, whose goldens have them all.
@Suite struct JimengVideosGoldenTests {
    private let goldens = DialectGoldens(JimengVideos())

    @Test(arguments: try Golden.cases(in: "jimeng-videos/decode"))
    func aRequestMeansThisCommand(_ golden: GoldenCase) throws { try goldens.checkDecode(golden) }

    @Test(arguments: try Golden.cases(in: "jimeng-videos/encode"))
    func anOutcomeIsAnsweredSo(_ golden: GoldenCase) throws { try goldens.checkEncode(golden) }

    @Test(arguments: try Golden.cases(in: "jimeng-videos/errors"))
    func anErrorIsAnsweredSo(_ golden: GoldenCase) throws { try goldens.checkErrors(golden) }

    @Test(arguments: ErrorCode.allCases)
    func noErrorIsSpelledDifferentlyFromThatOfAPicture(_ code: ErrorCode) {
        let error = KinoraError(code, field: "prompt", taskID: "x-1")
        let (own, picture) = (
            goldens.dialect.encode(error, for: Exchange()), OpenAIImages().encode(error, for: Exchange())
        )
        #expect(own.status == picture.status && own.body == picture.body)
    }
}
