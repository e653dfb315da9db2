import Core
import Dialects
import TestSupport
import Testing

/// Tests/Golden/media-chat: chats whose answer is a picture or a video.
@Suite struct MediaChatGoldenTests {
    private let goldens = DialectGoldens(OpenAIText())

    @Test(arguments: try Golden.cases(in: "media-chat/decode"))
    func aChatMeansThisSubmission(_ golden: GoldenCase) throws { try goldens.checkDecode(golden) }

    @Test(arguments: try Golden.cases(in: "media-chat/encode"))
    func whatWasMadeIsAnsweredSo(_ golden: GoldenCase) throws { try goldens.checkEncode(golden) }

    @Test(arguments: try Golden.cases(in: "media-chat/errors"))
    func anErrorIsAnsweredSo(_ golden: GoldenCase) throws { try goldens.checkErrors(golden) }

    /// What begins as a stream can only end by an event.
    @Test(arguments: ErrorCode.allCases)
    func anErrorInTheMiddleIsAnEventWithTheSameWords(_ code: ErrorCode) {
        let error = KinoraError(code, taskID: "sora-2-abc123def456")
        let exchange = Exchange()
        let event = String(decoding: goldens.dialect.lastWords(on: error, for: exchange), as: UTF8.self)
        let body = String(decoding: goldens.dialect.encode(error, for: exchange).body, as: UTF8.self)
        #expect(event == "data: \(body)\n\n")
        #expect(!body.contains("\n"))
    }

    @Test func theIdOfAnAnswerFindsItsTask() throws {
        let task = MediaTask(
            row: 1, id: .random(), model: "sora-2", kind: .video, category: .t2v, state: .succeeded,
            progress: 100,
            prompt: "", parameters: [:], createdAt: Timestamp(seconds: 0))
        let made = [MadeMedia(.link("/media/x.mp4"))]
        let response = goldens.dialect.encode(.told(task, made, family: "sora"), for: Exchange())
        let id = try JSONParser.parse(response.body)["id"]?.stringValue ?? ""
        #expect(TaskReference(id) == TaskReference(task.id))
    }
}
