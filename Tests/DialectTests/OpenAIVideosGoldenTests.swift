import Core
import Dialects
import TestSupport
import Testing

/// Tests/Golden/openai-videos.
@Suite struct OpenAIVideosGoldenTests {
    private let goldens = DialectGoldens(OpenAIVideos())

    @Test(arguments: try Golden.cases(in: "openai-videos/decode"))
    func aRequestMeansThisCommand(_ golden: GoldenCase) throws { try goldens.checkDecode(golden) }

    @Test(arguments: try Golden.cases(in: "openai-videos/encode"))
    func anOutcomeIsAnsweredSo(_ golden: GoldenCase) throws { try goldens.checkEncode(golden) }

    @Test(arguments: try Golden.cases(in: "openai-videos/errors"))
    func anErrorIsAnsweredSo(_ golden: GoldenCase) throws { try goldens.checkErrors(golden) }

    @Test func everyErrorHasAGolden() throws {
        #expect(try goldens.errorCodes(in: "openai-videos/errors") == Set(ErrorCode.allCases))
    }

    @Test func everyStateIsAWordOfTheDocument() throws {
        // Sora2API's document, section 3: status words.
        let words: Set = [
            "queued", "pending", "in_progress", "processing", "completed", "failed", "cancelled",
        ]
        for state in TaskState.allCases {
            let task = try GoldenOutcome.task(["state": .string(state.rawValue)])
            let response = goldens.dialect.encode(.task(task), for: Exchange())
            let status = try JSONParser.parse(response.body)["status"]?.stringValue ?? ""
            #expect(words.contains(status), "\(state)")
        }
    }
}
