import Core
import Dialects
import TestSupport
import Testing

/// new-api (https://github.com/QuantumNous/new-api) sends its users' videos to a Kinora as to a channel of
/// the type "Sora". This reads our answers as its first generation does: strictly typed, by 200 alone, and
/// with the consequences it draws. Tests/Golden/openai-videos/new-api.
@Suite struct NewAPIGoldenTests {
    /// What it knows after an answer.
    private enum Finding: CustomStringConvertible {
        case refused(status: Int)
        case undecodable(String)
        case video(
            id: String, state: String, progress: String, seconds: String, size: String, failure: String?)

        var description: String {
            switch self {
            case .refused(let status): "refused with \(status)"
            case .undecodable(let why): "undecodable: \(why)"
            case .video(let id, let state, let progress, let seconds, let size, let failure):
                "\(id) \(state) \(progress), \(seconds) s of \(size)" + (failure.map { ": \($0)" } ?? "")
            }
        }
    }

    private static let texts = [
        "id", "task_id", "object", "model", "status", "seconds", "size", "remixed_from_video_id",
    ]
    private static let integers = ["progress", "created_at", "completed_at", "expires_at"]

    private func finding(_ response: Response) throws -> Finding {
        guard response.status == 200 else { return .refused(status: response.status) }
        let json = try JSONParser.parse(response.body)
        guard json.objectValue != nil else { return .undecodable("no object") }
        // Otherwise it takes the answer for an envelope of its own.
        guard json["code"] != "success" else { return .undecodable("an envelope") }
        for name in Self.texts {
            if let value = json[name], value.stringValue == nil {
                return .undecodable("\(name) is \(value.kindName)")
            }
        }
        for name in Self.integers {
            if let value = json[name], value.integerValue == nil {
                return .undecodable("\(name) is \(value.kindName)")
            }
        }
        var failure: String?
        if let error = json["error"], !error.isNull {
            guard let message = error["message"]?.stringValue, error["code"]?.stringValue != nil else {
                return .undecodable("error is \(error.text)")
            }
            failure = message
        }
        guard let id = json["id"]?.stringValue ?? json["task_id"]?.stringValue, !id.isEmpty else {
            return .undecodable("task_id is empty")
        }
        guard let state = Self.state(json["status"]?.stringValue ?? "") else {
            return .undecodable("status is \(json["status"]?.text ?? "missing")")
        }
        let percent = json["progress"]?.integerValue ?? 0
        let progress = (1...99).contains(percent) ? "\(percent)%" : Self.progress(state)
        return .video(
            id: id, state: state, progress: progress, seconds: json["seconds"]?.stringValue ?? "4 (billed)",
            size: json["size"]?.stringValue ?? "720x1280 (billed)",
            failure: state == "FAILURE" ? failure ?? "task failed" : nil)
    }

    private static func state(_ status: String) -> String? {
        switch status {
        case "queued", "pending": "QUEUED"
        case "processing", "in_progress": "IN_PROGRESS"
        case "completed": "SUCCESS"
        case "failed", "cancelled": "FAILURE"
        default: nil
        }
    }

    private static func progress(_ state: String) -> String {
        switch state {
        case "QUEUED": "20%"
        case "IN_PROGRESS": "30%"
        default: "100%"
        }
    }

    @Test(arguments: try Golden.cases(in: "openai-videos/new-api"))
    func anAnswerTellsIt(_ golden: GoldenCase) throws {
        let dialect = OpenAIVideos()
        let actual = try golden.sections.map { section in
            let golden = try GoldenOutcome(section)
            return try finding(dialect.encode(golden.outcome, for: Exchange(options: golden.options)))
                .description
        }
        let mismatch = try golden.mismatch(with: actual.joined(separator: "\n"))
        #expect(mismatch == nil, "\(mismatch.map(\.description) ?? "")")
    }

    /// Its second generation does not look at the status of a poll's answer: it ends the task, and pays the
    /// money back, unless the error's code is "429".
    @Test(arguments: ErrorCode.allCases)
    func aPollThatFailsForAMomentDoesNotEndItsTask(_ code: ErrorCode) throws {
        let dialect = OpenAIVideos()
        let path = try RequestPath(target: "/v1/videos/sora-2-abc123def456")
        let match = try Router([dialect], fallback: dialect).route(.get, path).match
        let response = dialect.encode(
            KinoraError(code), for: Exchange(match: match, path: path, method: .get))
        let said = try JSONParser.parse(response.body)["error"]?["code"]?.stringValue
        let isMomentary = code.facts.retry == .later && code.facts.status >= 429
        #expect((said == "429") == isMomentary)
    }
}
