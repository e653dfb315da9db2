import Core
import Store
import TestSupport
import Testing

@Suite(.freshDatabase) struct SubmitTests {
    let database = TestDatabase.current

    private static func sha(_ byte: String) -> String { String(repeating: byte, count: 32) }

    @Test func aSubmitIsOneCommit() throws {
        let owner = try database.caller()
        let store = database.store()
        var task = NewTask.sample(owner)
        for byte in ["0a", "0b"] {
            let media = StoredMedia(sha256: Self.sha(byte), bytes: 3, type: .png)
            task.references.append(try store.putAsset(media, owner: owner.userID))
        }
        task.idempotency = (key: "once", fingerprint: [UInt8](repeating: 1, count: 32))
        _ = try #require(try store.submit(task))
        // The same transaction wrote every row.
        let writers = try database.sql(
            """
            SELECT xmin FROM task UNION SELECT xmin FROM task_input UNION SELECT xmin FROM task_asset
            UNION SELECT xmin FROM idempotency
            """)
        #expect(writers.count == 1)
        #expect(
            try database.sql("SELECT role, position, asset_id FROM task_asset ORDER BY position")
                == [
                    ["reference", "0", "\(task.references[0])"], ["reference", "1", "\(task.references[1])"],
                ])
    }

    @Test func whatWasSubmittedIsReadBack() throws {
        let owner = try database.caller()
        let store = database.store()
        let task = NewTask.sample(owner)
        let accepted = try #require(try store.submit(task))
        let kept = try #require(try store.task(TaskReference(task.id), of: owner))
        #expect(
            kept
                == MediaTask(
                    row: accepted.row, id: task.id, model: "sora-2", kind: .video, category: .t2v,
                    state: .queued,
                    progress: 0,
                    prompt: task.prompt, parameters: task.parameters, createdAt: accepted.createdAt))
    }

    @Test func aTaskOfAnUnknownUserIsNotKept() throws {
        let nobody = Caller(userID: 4711, keyID: 4711)
        #expect(throws: KinoraError.self) { try database.store().submit(.sample(nobody)) }
        #expect(try database.count("task") == 0)
        #expect(try database.count("task_input") == 0)
    }

    @Test func sixteenRacersWithOneIdempotencyKeyMakeOneTask() throws {
        let owner = try database.caller()
        let store = database.store()
        let fingerprint = [UInt8](repeating: 9, count: 32)
        let made = Happening<TaskID>(), replayed = Happening<TaskID>()
        try concurrently(16) { _ in
            var task = NewTask.sample(owner)
            task.idempotency = (key: "same", fingerprint: fingerprint)
            if try store.submit(task) != nil {
                made.note(task.id)
            } else if let first = try store.replay(of: "same", by: owner), first.fingerprint == fingerprint {
                replayed.note(first.id)
            }
        }
        #expect(made.all.count == 1)
        #expect(replayed.all == Array(repeating: made.all[0], count: 15))
        #expect(try database.count("task") == 1)
        #expect(try database.count("task_input") == 1)
    }

    @Test func anIdempotencyKeyBelongsToItsUser() throws {
        let first = try database.caller("first"), second = try database.caller("second")
        let store = database.store()
        for caller in [first, second] {
            var task = NewTask.sample(caller)
            task.idempotency = (key: "same", fingerprint: [UInt8](repeating: 9, count: 32))
            #expect(try store.submit(task) != nil)
        }
        #expect(try store.replay(of: "same", by: first)?.id != (try store.replay(of: "same", by: second)?.id))
    }

    @Test func oldIdempotencyKeysAreForgotten() throws {
        let owner = try database.caller()
        let store = database.store()
        for key in ["old", "young"] {
            var task = NewTask.sample(owner)
            task.idempotency = (key: key, fingerprint: [UInt8](repeating: 9, count: 32))
            _ = try store.submit(task)
        }
        try database.sql("UPDATE idempotency SET created_at = now() - interval '49 hours' WHERE key = 'old'")
        #expect(try store.sweepIdempotency() == 1)
        #expect(try store.replay(of: "old", by: owner) == nil)
        #expect(try store.replay(of: "young", by: owner) != nil)
    }

    @Test func pagesWalkThroughEveryTaskInEitherDirection() throws {
        let owner = try database.caller()
        let store = database.store()
        for index in 0..<7 { _ = try store.submit(.sample(owner, prompt: "\(index)")) }
        var image = NewTask.sample(owner, prompt: "an image")
        image.kind = .image
        _ = try store.submit(image)
        for (order, wanted) in [
            (TaskPage.Order.asc, (0..<7).map(String.init)), (.desc, (0..<7).reversed().map(String.init)),
        ] {
            var seen: [String] = []
            var after: Int64?
            while true {
                let rows = try store.tasks(
                    TaskPage(kind: .video, limit: 3, order: order), after: after, of: owner)
                // One more than asked for says that there are more.
                #expect(rows.count == min(4, 7 - seen.count))
                seen += rows.prefix(3).map(\.prompt)
                guard rows.count > 3 else { break }
                after = rows[2].row
            }
            #expect(seen == wanted)
        }
        let images = try store.tasks(TaskPage(kind: .image, limit: 3, order: .asc), after: nil, of: owner)
        #expect(images.map(\.prompt) == ["an image"])
    }

    @Test func nobodySeesTheTasksOfAnother() throws {
        let owner = try database.caller("owner"), stranger = try database.caller("stranger")
        let store = database.store()
        let task = NewTask.sample(owner)
        let row = try #require(try store.submit(task)).row
        let reference = TaskReference(task.id)
        #expect(try store.task(reference, of: stranger) == nil)
        #expect(try store.point(reference, of: stranger) == nil)
        #expect(
            try store.tasks(TaskPage(kind: .video, limit: 9, order: .desc), after: nil, of: stranger).isEmpty)
        #expect(
            try store.tasks(TaskPage(kind: .video, limit: 9, order: .asc), after: row - 1, of: stranger)
                .isEmpty)
        #expect(try store.replay(of: "any", by: stranger) == nil)
        _ = try store.cancel(reference)
        let finished = try #require(try store.task(reference, of: owner))
        _ = try store.delete(finished, of: stranger)
        #expect(try store.task(reference, of: owner) != nil)
    }

    @Test func everySpellingOfAnIDFindsTheTask() throws {
        let owner = try database.caller()
        let store = database.store()
        let task = NewTask.sample(owner)
        _ = try store.submit(task)
        let uuid = task.id.description
        for spelling in [
            uuid, uuid.uppercased(), uuid.replacing("-", with: ""), "sora-2-\(task.id.short)",
            "job_\(task.id.short)",
        ] {
            let reference = try #require(TaskReference(spelling), "\(spelling)")
            #expect(try store.task(reference, of: owner)?.id == task.id, "\(spelling)")
        }
    }
}
