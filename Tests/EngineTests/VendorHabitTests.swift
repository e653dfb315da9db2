import Core
import Store
import TestSupport
import Testing
import Upstream

@testable import Engine

/// What workers make of habits that OpenAI's services do not have: refusals in a reply that calls itself a
/// success, results on a host of somebody else's, references inside JSON.
@Suite(.freshDatabase) struct VendorHabitTests {
    /// Two accounts of a vendor that makes the model, and nobody else.
    private func stage(_ vendor: String, _ model: String) throws -> Stage {
        let database = TestDatabase.current
        try database.sql("DELETE FROM route WHERE model_id = 'sora-2'")
        try database.sql(
            "INSERT INTO route (model_id, vendor, vendor_model) VALUES ('sora-2', '\(vendor)', '\(model)')")
        let vault = try Vault(masterKey: [UInt8](repeating: 7, count: 32))
        for name in ["account 1", "account 2"] {
            _ = try database.store().addAccount(
                vendor: vendor, name: name, baseURL: "https://vendor.example/v1", region: "", slots: 1
            ) { row throws(KinoraError) in
                try vault.seal(
                    Secret(Stage.credential(name)), table: "account", row: row, column: "credential_sealed")
            }
        }
        return try Stage(slots: [])
    }

    private static func obliging(_ call: ScriptedVendor.Call) -> ScriptedVendor.Answer? {
        switch call.step {
        case .submit: .json(200, ["id": "t1", "task_status": "PROCESSING"])
        case .poll:
            .json(200, ["task_status": "SUCCESS", "video_result": [["url": "https://cdn.example/1.mp4"]]])
        default: nil
        }
    }

    @Test func anAccountWithoutMoneyMaySaySoInASuccessAndTheNextOneIsAsked() throws {
        let stage = try stage("zhipu", "cogvideox-3")
        stage.vendor.script { call in
            call.step == .submit && call.nth == 1
                ? .json(200, ["error": ["code": "1113", "message": "arrears"]]) : Self.obliging(call)
        }
        _ = try stage.worker()
        _ = try stage.finished()
        #expect(Set(stage.vendor.calls(.submit).map(\.account.row)).count == 2)
        #expect(try stage.database.count("account WHERE exhausted_at IS NOT NULL") == 1)
    }

    @Test func refusedContentInASuccessFailsTheTaskForGood() throws {
        let stage = try stage("zhipu", "cogvideox-3")
        stage.vendor.script { call in
            call.step == .submit ? .json(200, ["error": ["code": 1301, "message": "no"]]) : nil
        }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.events.end(of: task.id)?.code == "content_policy_violation")
        #expect(stage.vendor.calls(.submit).count == 1)
    }

    /// A table of codes is never whole, and one request must not take every account out of service.
    @Test func aCodeThatNobodyKnowsFailsTheTaskAndBlamesNobody() throws {
        let stage = try stage("minimax", "MiniMax-Hailuo-2.3")
        stage.vendor.script { call in
            call.step == .submit
                ? .json(200, ["task_id": "", "base_resp": ["status_code": 1999, "status_msg": "odd"]]) : nil
        }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.events.end(of: task.id)?.code == "upstream_request")
        #expect(stage.vendor.calls(.submit).count == 1)
        #expect(try stage.database.count("account WHERE consecutive_errors > 0 OR state <> 'active'") == 0)
    }

    @Test func whoseMoneyEndsBeforeTheTaskDoesLosesItToAnother() throws {
        let stage = try stage("luma-agents", "ray-3.2")
        stage.vendor.script { call in
            switch call.step {
            case .submit: .json(201, ["id": .string("t\(call.nth)"), "state": "queued"])
            case .poll where call.nth == 1:
                .json(200, ["state": "failed", "failure_code": "budget_exhausted"])
            case .poll:
                .json(200, ["state": "completed", "output": [["url": "https://cdn.example/1.mp4"]]])
            default: nil
            }
        }
        _ = try stage.worker()
        _ = try stage.finished()
        #expect(Set(stage.vendor.calls(.submit).map(\.account.row)).count == 2)
        #expect(try stage.database.count("account WHERE exhausted_at IS NOT NULL") == 1)
    }

    @Test func aResultIsFetchedFromAnotherHostWithoutTheKey() throws {
        let stage = try stage("zhipu", "cogvideox-3")
        stage.vendor.script(Self.obliging)
        _ = try stage.worker()
        _ = try stage.finished()
        #expect(stage.vendor.calls(.content).map(\.hasKey) == [false])
        #expect(stage.vendor.calls(.poll).allSatisfy { $0.hasKey })
    }

    @Test func aReferenceGoesOutInsideTheJSON() throws {
        let stage = try stage("zhipu", "cogvideox-3")
        stage.vendor.script(Self.obliging)
        _ = try stage.worker()
        _ = try stage.finished {
            $0.references = [Reference(.bytes(ScriptedVendor.picture("r")), field: "input_reference")]
        }
        guard case .jsonWithFiles(let json, let files) = stage.vendor.calls(.submit).first?.body else {
            Issue.record("the reference is not in the JSON")
            return
        }
        #expect(files.map(\.type) == [.png])
        #expect(json["image_url"]?.stringValue == files.first?.mark)
    }

    /// A vendor that keeps a client's own id is asked by that, and its task gone on with.
    @Test func aSubmitWithoutAnAnswerIsFoundByOurOwnID() throws {
        let stage = try stage("kling", "kling-v2-6")
        stage.vendor.script { call in
            if call.step == .submit { return .lost(mayHaveArrived: true) }
            guard call.path != "https://cdn.example/1.mp4" else { return nil }
            guard call.path.hasSuffix("/7") else {
                return .json(200, ["code": 0, "data": ["task_id": "7", "task_status": "submitted"]])
            }
            let made: JSON = ["videos": [["url": "https://cdn.example/1.mp4"]]]
            return .json(200, ["code": 0, "data": ["task_status": "succeed", "task_result": made]])
        }
        _ = try stage.worker()
        _ = try stage.finished()
        let submits = stage.vendor.calls(.submit)
        #expect(submits.count == 1)
        guard case .json(let body)? = submits.first?.body else { return }
        let id = body["external_task_id"]?.stringValue ?? "none"
        #expect(stage.vendor.calls.contains { $0.path.hasSuffix("/v1/videos/text2video/\(id)") })
    }

    /// What came of a task may stand in a reply of its own, which is asked for once.
    @Test func aResultThatIsToldApartIsAskedFor() throws {
        let stage = try stage("minimax", "MiniMax-Hailuo-2.3")
        stage.vendor.script { call in
            switch call.path {
            case "/v1/video_generation": .json(200, ["task_id": "1"])
            case "/v1/query/video_generation?task_id=1": .json(200, ["status": "Success", "file_id": "2"])
            case "/v1/files/retrieve?file_id=2":
                .json(200, ["file": ["download_url": "https://cdn.example/1.mp4"]])
            default: nil
            }
        }
        _ = try stage.worker()
        _ = try stage.finished()
        #expect(stage.vendor.calls(.content).map(\.path).contains("https://cdn.example/1.mp4"))
    }

    /// Tokens, seconds, credits: an operator compares them with the vendor's bill.
    @Test(
        arguments: [
            (["completion_tokens": 108_900], #"{"completion_tokens": 108900}"#),
            (["why": .string(String(repeating: "x", count: 2000))], nil), ("much", nil), (.null, nil),
        ] as [(JSON, String?)])
    func whatAVendorSaysOfUsageStandsWithTheAttempt(_ usage: JSON, _ kept: String?) throws {
        let stage = try stage("ark", "doubao-seedance-1-5-pro-251215")
        stage.vendor.script { call in
            switch call.path {
            case "/contents/generations/tasks": .json(200, ["id": "cgt-1"])
            case "/contents/generations/tasks/cgt-1":
                .json(
                    200,
                    [
                        "id": "cgt-1", "status": "succeeded", "usage": usage,
                        "content": ["video_url": "https://cdn.example/1.mp4"],
                    ])
            default: nil
            }
        }
        _ = try stage.worker()
        let task = try stage.finished()
        #expect(try stage.database.value("SELECT vendor_usage FROM attempt") == kept)
        let shown = try stage.store.describeTask(TaskReference(task.id))
        let told = shown?["attempts"]?.arrayValue?.first?["vendor_usage"]
        #expect(told == (kept == nil ? .null : usage))
    }

    /// Its list tells nothing that could tell one task from another: whoever has sent it once does not send
    /// it again.
    @Test func aSubmitWithoutAnAnswerIsNotRepeatedWhereTheListDoesNotTell() throws {
        let stage = try stage("zhipu", "cogvideox-3")
        stage.vendor.script { $0.step == .submit ? .lost(mayHaveArrived: true, isTaken: true) : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.events.end(of: task.id)?.code == "submit_unknown")
        #expect(stage.vendor.calls(.submit).count == 1)
    }

    // MARK: chats whose answer is the film

    private static let begun: JSON = ["choices": [["delta": ["reasoning_content": "**Progress**: 5%"]]]]
    private static let trouble: JSON = ["error": ["message": "it broke", "type": "server_error"]]

    private static func said(_ text: String) -> JSON {
        ["choices": [["delta": ["content": .string(text)], "finish_reason": "STOP"]]]
    }

    private static let film = said("<video src='https://cdn.example/1.mp4' controls></video>")

    private static func chat(_ events: JSON...) -> ScriptedVendor.Answer {
        .bytes(Array(events.map { "data: \($0.text)\n\n" }.joined().utf8))
    }

    @Test func aFilmComesWithTheChatThatAskedForIt() throws {
        let stage = try stage("sora-chat", "sora-2")
        stage.vendor.script { $0.step == .submit ? Self.chat(Self.begun, Self.film) : nil }
        _ = try stage.worker()
        _ = try stage.finished()
        #expect(stage.vendor.calls(.content).map(\.path) == ["https://cdn.example/1.mp4"])
        #expect(stage.vendor.calls(.content).map(\.hasKey) == [false])
        #expect(stage.vendor.calls(.submit).count == 1)
    }

    @Test func aChatThatFailsBeforeItBeginsIsHadElsewhere() throws {
        let stage = try stage("sora-chat", "sora-2")
        stage.vendor.script { call in
            guard call.step == .submit else { return nil }
            return call.nth == 1 ? Self.chat(Self.trouble) : Self.chat(Self.begun, Self.film)
        }
        _ = try stage.worker()
        _ = try stage.finished()
        #expect(Set(stage.vendor.calls(.submit).map(\.account.row)).count == 2)
    }

    /// Whatever it began may be paid for: nobody else is asked.
    @Test(
        arguments: [
            (chat(begun, trouble), "generation_failed"), (chat(begun), "submit_unknown"),
            (chat(begun, said("sorry")), "upstream_empty_result"),
            (chat(said("against the policy")), "content_policy_violation"),
            (.lost(mayHaveArrived: true), "submit_unknown"), (.bytes(Array("<html>".utf8)), "submit_unknown"),
        ] as [(ScriptedVendor.Answer, String)])
    func aChatThatHasBegunIsNotRepeated(_ answer: ScriptedVendor.Answer, _ code: String) throws {
        let stage = try stage("sora-chat", "sora-2")
        stage.vendor.script { $0.step == .submit ? answer : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.events.end(of: task.id)?.code == code)
        #expect(stage.vendor.calls(.submit).count == 1)
    }
}
