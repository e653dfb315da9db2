import Core
import Store
import TestSupport
import Testing
import Upstream

@testable import Engine

/// Workers that leave while they have what no other one could get: what came with the answer to a submit.
@Suite(.freshDatabase) struct WorkerLeavingTests {
    let stage: Stage

    init() throws { stage = try Stage() }

    private func draw() throws -> MediaTask {
        try stage.submit { submission in
            submission.kind = .image
            submission.model = "gpt-image-2"
            submission.parameters = [GivenParameter(name: "n", value: 1)]
        }
    }

    /// A vendor that answers with a link, behind which nobody answers for now.
    private static func link(_ call: ScriptedVendor.Call) -> ScriptedVendor.Answer? {
        switch call.step {
        case .submit: .json(200, ["created": 1, "data": [["url": "https://media.example/p/1"]]])
        case .content: .held
        default: nil
        }
    }

    @Test func aDrainWaitsForAResultThatIsOnItsWay() throws {
        stage.vendor.script { Self.link($0) }
        let worker = try stage.worker()
        let task = try draw()
        #expect(stage.vendor.waits(for: .content))
        let drained = Happening<Bool>()
        _ = try Thread { drained.note(worker.drain(within: patience)) }
        #expect(!drained.wait(within: .milliseconds(300)) { !$0.isEmpty })
        stage.vendor.release(with: .bytes(ScriptedVendor.picture("1")))
        #expect(drained.wait { $0 == [true] })
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(try stage.database.count("worker") == 0)
        #expect(eventually { stage.folder.files("spool").isEmpty })
    }

    /// Its next try would come later than a worker has time to leave.
    @Test func aDrainTriesAgainWhatRestsForADiskThatIsFull() throws {
        let unblock = try stage.folder.block("media")
        let worker = try stage.worker()
        let task = try draw()
        #expect(try eventually { try stage.resting("state = 'storing'") == 1 })
        let drained = Happening<Bool>()
        _ = try Thread { drained.note(worker.drain(within: patience)) }
        #expect(stage.events.has(3) { if case .storeFailed(task.id, _, _) = $0 { true } else { false } })
        #expect(drained.all.isEmpty)
        try unblock()
        #expect(drained.wait { $0 == [true] })
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(stage.vendor.calls(.submit).count == 1)
    }

    @Test(arguments: ["on its way", "at rest"])
    func aDrainThatLosesAResultSaysSo(_ place: String) throws {
        let isAtRest = place == "at rest"
        if !isAtRest { stage.vendor.script { Self.link($0) } }
        let unblock = try isAtRest ? stage.folder.block("media") : nil
        let worker = try stage.worker()
        let task = try draw()
        if isAtRest {
            #expect(try eventually { try stage.resting("state = 'storing'") == 1 })
        } else {
            #expect(stage.vendor.waits(for: .content))
        }
        #expect(!worker.drain(within: .milliseconds(200)))
        try unblock?()
        _ = try stage.worker()
        #expect(try #require(stage.events.end(of: task.id)) == (.failed, "submit_unknown"))
        #expect(stage.vendor.calls(.submit).count == 1)
    }

    /// Its worker learns of that by itself, while the call is still under way.
    @Test func aDrainDoesNotWaitForWhatWasCancelled() throws {
        stage.vendor.script { Self.link($0) }
        let worker = try stage.worker()
        let task = try draw()
        #expect(stage.vendor.waits(for: .content))
        #expect(try stage.store.cancel(TaskReference(task.id)) != nil)
        #expect(worker.drain(within: patience))
        #expect(try stage.task(task.id)?.state == .cancelled)
    }
}
