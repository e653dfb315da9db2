import Core
import Dialects
import TestSupport
import Testing

/// Tests/Golden/openai-images.
@Suite struct OpenAIImagesGoldenTests {
    private let goldens = DialectGoldens(OpenAIImages())

    @Test(arguments: try Golden.cases(in: "openai-images/decode"))
    func aRequestMeansThisCommand(_ golden: GoldenCase) throws { try goldens.checkDecode(golden) }

    @Test(arguments: try Golden.cases(in: "openai-images/encode"))
    func anOutcomeIsAnsweredSo(_ golden: GoldenCase) throws { try goldens.checkEncode(golden) }

    @Test(arguments: try Golden.cases(in: "openai-images/errors"))
    func anErrorIsAnsweredSo(_ golden: GoldenCase) throws { try goldens.checkErrors(golden) }

    @Test func everyErrorHasAGolden() throws {
        #expect(try goldens.errorCodes(in: "openai-images/errors") == Set(ErrorCode.allCases))
    }

    /// Jimeng's document: status, type and code of each.
    @Test(
        arguments: [
            (.missingParameter, 400, "invalid_request_error", "missing_parameter"),
            (.invalidKey, 401, "authentication_error", "invalid_api_key"),
            (.insufficientCredits, 402, "billing_error", "insufficient_credits"),
            (.modelNotFound, 404, "invalid_request_error", "model_not_found"),
            (.waitTimedOut, 408, "timeout_error", "task_timeout"),
            (.queueFull, 429, "rate_limit_error", "queue_full"),
            (.internalFault, 500, "server_error", "internal_error"),
        ] as [(ErrorCode, Int, String, String)])
    func theSevenErrorsOfJimengAreSpelledSo(
        _ code: ErrorCode, _ status: Int, _ type: String, _ word: String
    ) throws {
        let response = goldens.dialect.encode(KinoraError(code), for: Exchange())
        let error = try JSONParser.parse(response.body)["error"]
        #expect(response.status == status)
        #expect(error?["type"]?.stringValue == type)
        #expect(error?["code"]?.stringValue == word)
    }

    @Test func whoHasATaskIsNotToSendTheRequestAgain() {
        for code in [ErrorCode.waitTimedOut, .syncFailed, .contentRefused] {
            let named = goldens.dialect.encode(KinoraError(code, taskID: "x-1"), for: Exchange())
            #expect(named.headers.contains { $0.name == "x-should-retry" && $0.value == "false" }, "\(code)")
            let unnamed = goldens.dialect.encode(KinoraError(code), for: Exchange())
            #expect(!unnamed.headers.contains { $0.name == "x-should-retry" }, "\(code)")
        }
    }
}
