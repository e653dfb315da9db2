import Core
import Store
import TestSupport
import Testing
import Upstream

@testable import Engine

/// What a client deletes here its vendor forgets too, in the end.
@Suite(.freshDatabase) struct WorkerRemovalTests {
    let stage: Stage

    init() throws { stage = try Stage() }

    private func delete(_ task: MediaTask) throws {
        guard case .deleted = try stage.perform(.delete(TaskReference(task.id))) else {
            throw Unexpected("not deleted")
        }
    }

    private func removals() throws -> Int { try stage.database.count("removal") }

    /// Makes the next try due now.
    private func hurry() throws { try stage.database.sql("UPDATE removal SET due_at = now()") }

    private func refusals(_ tries: Int) -> Bool {
        stage.events.has { if case .removalFailed(_, tries, _) = $0 { true } else { false } }
    }

    @Test func aDeletedTaskIsDeletedAtItsVendorWithItsAccount() throws {
        _ = try stage.worker()
        let task = try stage.finished()
        #expect(try removals() == 0)
        try delete(task)
        #expect(stage.vendor.waits(for: .removal))
        #expect(try eventually { try removals() == 0 })
        let call = try #require(stage.vendor.calls(.removal).first)
        #expect(call.path == "/videos/video_1")
        #expect(call.account.credential.revealed() == Stage.credential("account 1"))
        #expect(call.isRepeatable)
    }

    @Test func aTaskThatNoVendorTookLeavesNothingToRemove() throws {
        stage.vendor.script { _ in .json(400, ["error": ["code": "invalid_value"]]) }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.events.end(of: task.id)?.state == .failed)
        try delete(task)
        #expect(try removals() == 0)
    }

    @Test func aRemovalOutlivesTheWorkerThatBeganIt() throws {
        stage.vendor.script { $0.step == .removal ? .held : nil }
        let first = try stage.worker()
        let task = try stage.finished()
        try delete(task)
        #expect(stage.vendor.waits(for: .removal))
        try stage.kill(first)
        #expect(try removals() == 1)
        stage.vendor.script { _ in nil }
        try hurry()
        _ = try stage.worker()
        #expect(try eventually { try removals() == 0 })
        #expect(stage.vendor.calls(.removal).count == 2)
    }

    @Test func aVendorThatRefusesIsAskedAgainLaterAndNotForEver() throws {
        stage.vendor.script { call in
            guard call.step == .removal else { return nil }
            return call.nth == 1
                ? .lost(mayHaveArrived: false)
                : .json(500, ["error": ["message": .string(Stage.credential("account 1"))]])
        }
        _ = try stage.worker()
        try delete(try stage.finished())
        for tries in 1...9 {
            #expect(refusals(tries), "try \(tries)")
            let wait = try stage.database.sql(
                "SELECT round(extract(epoch FROM due_at - now()) / 60) FROM removal")
            #expect(wait == [[String(min(60, 1 << (tries - 1)))]], "after try \(tries)")
            try hurry()
        }
        #expect(refusals(10))
        #expect(try eventually { try removals() == 0 }, "given up")
        #expect(stage.vendor.calls(.removal).count == 10)
        for case .removalFailed(_, _, let error) in stage.events.all {
            #expect(!"\(error.debugDescription)".contains(Stage.credential("account 1")))
        }
    }

    @Test func theSourceOfARemixIsKeptUntilTheRemixHasEnded() throws {
        _ = try stage.worker()
        let source = try stage.finished()
        stage.vendor.script { $0.step == .poll ? .held : nil }
        let remix = try stage.submit { $0.remixOf = TaskReference(source.id) }
        #expect(stage.vendor.waits(for: .poll, times: 2))
        try delete(source)
        #expect(try stage.store.claimRemovals(limit: 10).isEmpty)
        stage.vendor.release()
        #expect(stage.events.end(of: remix.id)?.state == .succeeded)
        #expect(stage.vendor.waits(for: .removal))
        #expect(stage.vendor.calls(.removal).map(\.ticket) == ["video_1"])
    }

    @Test func aClaimedRemovalIsGivenToNobodyElse() throws {
        let worker = try stage.worker()
        let task = try stage.finished()
        _ = worker.drain(within: .seconds(2))
        try delete(task)
        #expect(try stage.store.claimRemovals(limit: 10).map(\.tries) == [1])
        #expect(try stage.store.claimRemovals(limit: 10).isEmpty)
        try hurry()
        #expect(try stage.store.claimRemovals(limit: 10).map(\.tries) == [2])
    }
}
