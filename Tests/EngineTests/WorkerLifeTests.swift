import Core
import Store
import TestSupport
import Testing
import Upstream

@testable import Engine

/// One worker and a vendor: every way the life of a task can go.
@Suite(.freshDatabase) struct WorkerLifeTests {
    let stage: Stage

    init() throws { stage = try Stage() }

    private func attempts() throws -> [[String?]] { try stage.attempts().map { [$0[0], $0[2]] } }

    @Test func aTaskIsSubmittedPolledFetchedAndKept() throws {
        _ = try stage.worker()
        let task = try stage.submit("a quiet harbour") {
            $0.parameters = [GivenParameter(name: "seconds", value: 8)]
        }
        #expect(try #require(stage.events.end(of: task.id)) == (.succeeded, nil))
        let done = try #require(try stage.task(task.id))
        #expect((done.state, done.progress, done.failure) == (.succeeded, 100, nil))
        #expect(done.finishedAt != nil)

        #expect(stage.vendor.calls.map(\.step) == [.submit, .poll, .content])
        let submit = try #require(stage.vendor.calls(.submit).first)
        #expect(submit.account.credential.revealed() == Stage.credential("account 1"))
        guard case .json(let body) = submit.body else { throw Unexpected("no JSON") }
        #expect(body == ["model": "sora-2", "prompt": "a quiet harbour", "seconds": "8", "size": "1280x720"])
        #expect(!submit.isRepeatable)

        guard case .content(let media, _) = try stage.perform(.content(TaskReference(task.id))) else {
            throw Unexpected("no content")
        }
        #expect(stage.folder.bytes(stage.folder.media.path(of: media)) == ScriptedVendor.film("video_1"))
        #expect(eventually { stage.folder.files("spool").isEmpty })
        #expect(try attempts() == [["1", "succeeded"]])
        #expect(
            stage.events.has { if case .taskSubmitted(task.id, "openai", _) = $0 { true } else { false } })
    }

    @Test func progressAndPhaseFollowTheVendor() throws {
        func script(_ status: String, _ progress: Int64) {
            let told: JSON = ["status": .string(status), "progress": .integer(progress)]
            stage.vendor.script { $0.step == .poll ? .json(200, told) : nil }
        }
        script("queued", 0)
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(try eventually { try stage.task(task.id)?.phase == .waiting })
        script("in_progress", 57)
        let isTold = try eventually {
            try stage.hurry()
            return try stage.task(task.id)?.progress == 57
        }
        #expect(isTold)
        script("in_progress", 21)
        let polls = stage.vendor.calls(.poll).count
        // The first of them may be another's by now; what the others said has been heard by then.
        let isAskedAgain = try eventually {
            try stage.hurry()
            return stage.vendor.calls(.poll).count >= polls + 5
        }
        #expect(isAskedAgain)
        let running = try #require(try stage.task(task.id))
        #expect((running.state, running.phase, running.progress) == (.running, .waiting, 57))
        stage.vendor.script { _ in nil }
        try stage.hurry(until: task.id)
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
    }

    @Test func aReferenceTravelsAsAFile() throws {
        _ = try stage.worker()
        _ = try stage.finished {
            $0.references = [Reference(.bytes(GatewaySubmitTests.png), field: "input_reference")]
        }
        guard case .multipart(let parts) = try #require(stage.vendor.calls(.submit).first).body else {
            throw Unexpected("no form")
        }
        let files = parts.compactMap { part in
            if case .file(let name, let path, _, let type) = part { (name, path, type) } else { nil }
        }
        #expect(files.count == 1)
        #expect(files.first?.0 == "input_reference" && files.first?.2 == .png)
        #expect(files.first.flatMap { stage.folder.bytes($0.1) } == GatewaySubmitTests.png)
    }

    // Refusals ----------------------------------------------------------------------------------------

    @Test func aBusyVendorIsTriedAgainWhenItAsks() throws {
        stage.vendor.script { call in
            guard call.step == .submit, call.nth == 1 else { return nil }
            return .json(429, ["error": ["code": "rate_limit_exceeded"]], headers: ["retry-after": "2"])
        }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(
            stage.events.has {
                if case .taskRequeued(task.id, 0, let error, _) = $0 {
                    error.code == .upstreamRate
                } else {
                    false
                }
            })
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(try attempts() == [["1", "abandoned"], ["2", "succeeded"]])
        #expect(stage.vendor.taken == 1)
        let pause = "(b.started_at - a.finished_at) >= '1.9 s'"
        let pair = "attempt a JOIN attempt b ON (a.number, b.number) = (1, 2)"
        #expect(try stage.database.value("SELECT \(pause) FROM \(pair)") == "t")
    }

    @Test func refusedContentFailsAtOnceWithoutAWordOfTheVendors() throws {
        stage.vendor.script { call in
            call.step == .submit
                ? .json(
                    400,
                    ["error": ["code": "content_policy_violation", "message": "FORBIDDEN by VendorCorp"]])
                : nil
        }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(try #require(stage.events.end(of: task.id)) == (.failed, "content_policy_violation"))
        let failure = try #require(try stage.task(task.id)?.failure)
        #expect(failure.message == KinoraError(.contentRefused).message)
        #expect(!failure.message.contains("VendorCorp"))
        #expect(stage.vendor.calls.map(\.step) == [.submit])
        #expect(try stage.database.value("SELECT error_detail FROM attempt")?.contains("VendorCorp") == true)
    }

    @Test func aTaskThatTheVendorCallsFailedHasFailed() throws {
        stage.vendor.script { call in
            call.step == .poll
                ? .json(
                    200,
                    ["status": "failed", "error": ["code": "render_failed", "message": "GPU 7 on fire"]])
                : nil
        }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(try #require(stage.events.end(of: task.id)) == (.failed, "generation_failed"))
        #expect(try stage.task(task.id)?.failure?.message.contains("GPU") == false)
        #expect(try attempts() == [["1", "failed"]])
    }

    /// A vendor that quotes the key it refuses must not put it into our database or log.
    @Test func aCredentialNeverReachesTheDatabase() throws {
        let secret = Stage.credential("account 1")
        stage.vendor.script { call in
            call.step == .submit ? .json(400, ["error": ["message": .string("bad key \(secret)")]]) : nil
        }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.events.end(of: task.id)?.state == .failed)
        #expect(try stage.database.value("SELECT error_detail FROM attempt")?.contains("bad key ***") == true)
        #expect(stage.events.all.allSatisfy { !"\($0)".contains(secret) })
    }

    // Submits without an answer -----------------------------------------------------------------------

    @Test func anUnansweredSubmitThatArrivedIsFoundAtTheVendor() throws {
        stage.vendor.script { $0.step == .submit ? .lost(mayHaveArrived: true, isTaken: true) : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(stage.vendor.calls.map(\.step) == [.submit, .list, .poll, .content])
        #expect(stage.vendor.taken == 1)
        #expect(try attempts() == [["1", "succeeded"]])
    }

    @Test func anUnreadableAnswerIsLookedUpToo() throws {
        stage.vendor.script { call in
            call.step == .submit && call.nth == 1
                ? .bytes(Array("<html>Bad Gateway</html>".utf8), status: 502) : nil
        }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .list))
        #expect(stage.vendor.taken == 0)
        #expect(try eventually { try stage.task(task.id)?.phase == .submitting })
        #expect(stage.vendor.calls(.submit).count == 1)
    }

    @Test func anUnansweredSubmitIsSentAgainOnlyWhenTheVendorCannotHaveIt() throws {
        stage.vendor.script { $0.step == .submit && $0.nth == 1 ? .lost(mayHaveArrived: true) : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        // Young: the vendor may list it a moment later. It is asked again, and nothing is sent.
        #expect(stage.vendor.waits(for: .list, times: 2))
        #expect(stage.vendor.calls(.submit).count == 1)
        #expect(try stage.task(task.id)?.phase == .submitting)
        try stage.database.sql("UPDATE attempt SET started_at = now() - interval '90 seconds'")
        try stage.hurry(until: task.id)
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(stage.vendor.calls(.submit).count == 2)
        #expect(stage.vendor.taken == 1)
        #expect(try attempts() == [["1", "abandoned"], ["2", "succeeded"]])
    }

    @Test func whatSurelyNeverLeftIsSentAgainWithoutAsking() throws {
        stage.vendor.script { $0.step == .submit && $0.nth == 1 ? .lost(mayHaveArrived: false) : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(stage.vendor.calls.map(\.step) == [.submit, .submit, .poll, .content])
    }

    @Test func anUnansweredSubmitPastItsDeadlineIsUnknownAndKeptForTheOperator() throws {
        stage.vendor.script { $0.step == .submit ? .held : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .submit))
        try stage.database.sql(
            "UPDATE task SET deadline_at = now(); UPDATE attempt SET started_at = now() - interval '1 hour'")
        stage.vendor.script { _ in .lost(mayHaveArrived: true, isTaken: false) }
        try stage.kill(try #require(stage.theWorker))
        _ = try stage.worker()
        #expect(try #require(stage.events.end(of: task.id)) == (.failed, "submit_unknown"))
        #expect(try attempts() == [["1", "unknown"]])
        #expect(stage.vendor.calls(.submit).count == 1)
    }

    /// Two equal prompts, both unanswered, one taken: the vendor's one task belongs to one of them.
    @Test func twoUnansweredSubmitsNeverShareAVendorTask() throws {
        stage.vendor.script { call in
            guard call.step == .submit, call.nth <= 2 else { return nil }
            return .lost(mayHaveArrived: true, isTaken: call.nth == 1)
        }
        _ = try stage.worker()
        let tasks = [try stage.submit("the same"), try stage.submit("the same")]
        #expect(
            stage.events.has { if case .taskFinished(_, .succeeded, _, _, _) = $0 { true } else { false } })
        #expect(try stage.database.count("attempt WHERE vendor_task_id = 'video_1'") == 1)
        try stage.database.sql(
            "UPDATE attempt SET started_at = now() - interval '90 seconds' WHERE finished_at IS NULL")
        for task in tasks {
            try stage.hurry(until: task.id)
            #expect(stage.events.end(of: task.id)?.state == .succeeded)
        }
        #expect(stage.vendor.taken == 2)
        #expect(
            try stage.database.count(
                "(SELECT DISTINCT vendor_task_id FROM attempt WHERE vendor_task_id IS NOT NULL) v") == 2)
    }

    /// The look-up of one took the other's for its own: then the first one's is left, and serves as well.
    @Test func anAcceptanceOfATaskThatAnotherTookIsLookedUpAgain() throws {
        stage.vendor.script { call in
            guard call.step == .submit else { return nil }
            return call.nth == 1 ? .held : .lost(mayHaveArrived: true)
        }
        _ = try stage.worker()
        let first = try stage.submit("the same")
        #expect(stage.vendor.waits(for: .submit))
        // Taken for the first, and found by the second.
        stage.vendor.script { call in
            switch (call.step, call.nth) {
            case (.list, 1):
                let fields: JSONObject = [
                    "id": "video_9", "prompt": "the same", "model": "sora-2", "seconds": "15",
                    "size": "1280x720",
                ]
                return .json(200, ["data": [.object(fields)]])
            case (.submit, 2): return .lost(mayHaveArrived: true, isTaken: true)
            default: return nil
            }
        }
        let second = try stage.submit("the same")
        #expect(try eventually { try stage.database.count("attempt WHERE vendor_task_id = 'video_9'") == 1 })
        stage.vendor.release(with: .json(200, ["id": "video_9"]))
        for task in [first, second] { #expect(stage.events.end(of: task.id)?.state == .succeeded) }
        let ids = try stage.database.sql("SELECT vendor_task_id FROM attempt ORDER BY vendor_task_id")
        #expect(ids == [["video_1"], ["video_9"]])
    }

    // Deadlines ---------------------------------------------------------------------------------------

    @Test func aTaskWhoseTimeIsOverIsNotSubmittedAnyMore() throws {
        stage.vendor.script { $0.step == .submit ? .json(429, [:]) : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.events.has { if case .taskRequeued(task.id, _, _, _) = $0 { true } else { false } })
        try stage.database.sql("UPDATE task SET deadline_at = now()")
        stage.vendor.script { _ in nil }
        #expect(try #require(stage.events.end(of: task.id)) == (.expired, "task_deadline"))
        #expect(stage.vendor.taken == 0)
    }

    @Test func aTaskThatIsNeverDoneExpires() throws {
        stage.vendor.script { $0.step == .poll ? .json(200, ["status": "in_progress", "progress": 5]) : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .poll))
        try stage.database.sql("UPDATE task SET deadline_at = now()")
        try stage.hurry(until: task.id)
        #expect(try #require(stage.events.end(of: task.id)) == (.expired, "task_deadline"))
        #expect(try stage.task(task.id)?.state == .expired)
    }
}
