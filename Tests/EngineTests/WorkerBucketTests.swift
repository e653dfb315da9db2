import Core
import Store
import TestSupport
import Testing
import Upstream

@testable import Engine

/// What becomes of tasks whose media lie in a bucket, whatever the bucket does.
@Suite(.freshDatabase) struct WorkerBucketTests {
    let peer: BucketPeer
    let stage: Stage

    init() throws {
        let peer = try BucketPeer()
        self.peer = peer
        stage = try Stage { try peer.media($0) }
    }

    /// ASCII that passes for WebP.
    private static let picture = Array("RIFF----WEBP a picture".utf8)

    private func submitWithPicture() throws -> MediaTask {
        try stage.submit {
            $0.references = [Reference(.bytes(Self.picture), field: "input_reference")]
        }
    }

    private func place(of task: MediaTask) throws -> String {
        guard case .content(_, let place) = try stage.perform(.content(TaskReference(task.id))) else {
            throw Unexpected("no content")
        }
        return place
    }

    private func storeFailures(_ task: MediaTask, _ words: String) -> Bool {
        stage.events.has { event in
            guard case .storeFailed(task.id, let error, _) = event else { return false }
            #expect(!error.debugDescription.contains(BucketPeer.secret))
            return error.code == .storageFailed && error.detail.contains(words)
        }
    }

    private func rests(_ task: MediaTask) throws -> Bool {
        try eventually { try stage.resting("state = 'storing' AND id = \(task.row)") == 1 }
    }

    // Results

    @Test func aResultGoesToTheBucketAndIsServedFromThere() throws {
        _ = try stage.worker()
        let task = try stage.finished()
        let film = String(decoding: ScriptedVendor.film("video_1"), as: UTF8.self)
        #expect(Array(peer.objects.values) == [film])
        let key = try #require(peer.objects.keys.first)
        let place = try place(of: task)
        #expect(place.hasPrefix("/_bucket\(key)?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKTEST%2F"))
        #expect(!place.contains(BucketPeer.secret))
        #expect(eventually { stage.folder.files("spool").isEmpty })
        #expect(stage.folder.files("media").isEmpty)
    }

    /// S3 down while storing, in all its ways.
    @Test(arguments: BucketPeer.Mood.allCases.filter { ![.well, .hangs].contains($0) })
    func aTaskOutlivesABucketThatFails(_ mood: BucketPeer.Mood) throws {
        peer.be(mood)
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(storeFailures(task, mood.words))
        #expect(try rests(task))
        #expect(stage.folder.files("spool").isEmpty)
        peer.be(.well)
        try stage.hurry()
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(stage.vendor.taken == 1)
        #expect(try stage.attempts() == [["1", "1", "succeeded"]])
        #expect(peer.objects.count == 1)
        #expect(try place(of: task).hasPrefix("/_bucket/"))
    }

    @Test func aTaskOutlivesABucketThatNobodyReaches() throws {
        peer.receiver.stop()
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(storeFailures(task, "bucket media: PUT http://127.0.0.1:"))
        #expect(try rests(task))
        #expect(try stage.task(task.id)?.progress == 99)
    }

    /// More results on their way than there are threads: none of them waits for the bucket.
    @Test func aBucketThatHangsHoldsNothingUp() throws {
        peer.be(.hangs)
        _ = try stage.worker()
        let count = 40
        try stage.database.sql("UPDATE account SET slots = 100")
        let tasks = try (0..<count).map { try stage.submit("film \($0)") }
        #expect(eventually { peer.calls("PUT") >= count })
        #expect(try eventually { try stage.database.count("task WHERE state = 'storing'") == count })
        // Cancelling one needs a thread that reads answers.
        let gone = try #require(tasks.first)
        guard case .task = try stage.perform(.cancel(TaskReference(gone.id))) else {
            throw Unexpected("not cancelled")
        }
        #expect(try eventually { try stage.database.count("attempt WHERE finished_at IS NULL") == count - 1 })
        peer.be(.well)
        peer.receiver.cut()
        for task in tasks.dropFirst() {
            #expect(
                try eventually {
                    try stage.hurry()
                    return try stage.task(task.id)?.state == .succeeded
                })
        }
        #expect(stage.vendor.taken == count)
    }

    /// The bytes are there already; nothing says so.
    @Test func aWorkerKilledBetweenBucketAndDatabaseIsFollowedByAnother() throws {
        peer.be(.hangs)
        let first = try stage.worker()
        let task = try stage.submit()
        #expect(eventually { peer.calls("PUT") == 1 })
        try stage.kill(first)
        peer.be(.well)
        peer.receiver.cut()
        _ = try stage.worker()
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(stage.vendor.taken == 1)
        #expect(peer.objects.count == 1)
    }

    // References

    @Test func aReferenceGoesThereAndComesBackForTheVendor() throws {
        stage.vendor.script { $0.step == .submit ? .held : nil }
        _ = try stage.worker()
        let task = try submitWithPicture()
        #expect(peer.objects.values.map { Array($0.utf8) } == [Self.picture])
        #expect(stage.vendor.waits(for: .submit))
        guard case .multipart(let parts) = try #require(stage.vendor.calls(.submit).first).body else {
            throw Unexpected("no form")
        }
        let files = parts.compactMap { part in if case .file(_, let path, _, _) = part { path } else { nil } }
        #expect(files.count == 1)
        #expect(files.first.flatMap { stage.folder.bytes($0) } == Self.picture)
        stage.vendor.release()
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(eventually { stage.folder.files("spool").isEmpty })
    }

    @Test func aReferenceThatCannotBeKeptIsRefusedToTheClient() throws {
        peer.be(.forbidden)
        let error = #expect(throws: KinoraError.self) { _ = try submitWithPicture() }
        #expect(error?.code == .storageFailed)
        #expect(error?.message == ErrorCode.storageFailed.facts.message)
        #expect(try stage.database.count("task") == 0)
        #expect(stage.folder.files("spool").isEmpty)
    }

    @Test(arguments: [BucketPeer.Mood.slowDown, .cutsOff])
    func aTaskWaitsForAReferenceThatCannotBeRead(_ mood: BucketPeer.Mood) throws {
        let task = try submitWithPicture()
        peer.be(mood)
        _ = try stage.worker()
        #expect(
            stage.events.has { event in
                guard case .taskRequeued(task.id, _, let error, _) = event else { return false }
                return error.code == .storageFailed
            })
        #expect(stage.vendor.taken == 0)
        peer.be(.well)
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(stage.vendor.taken == 1)
        #expect(try stage.database.value("SELECT consecutive_errors FROM account") == "0")
        #expect(eventually { stage.folder.files("spool").isEmpty })
    }

    /// It comes after all, and its task has been cancelled meanwhile.
    @Test func whatIsCancelledWhileItsReferenceComesIsNotSubmitted() throws {
        let task = try submitWithPicture()
        let object = try #require(peer.objects.values.first)
        let (asked, released) = (Signal(), Signal())
        peer.receiver.answers { _ in
            asked.raise()
            _ = released.wait(for: patience)
            return Receiver.reply(200, object, headers: "Date: Mon, 07 Nov 1994 00:00:30 GMT\r\n")
        }
        let worker = try stage.worker()
        #expect(asked.wait(for: patience))
        guard case .task = try stage.perform(.cancel(TaskReference(task.id))) else {
            throw Unexpected("not cancelled")
        }
        #expect(eventually { (worker.holdings.claims[task.row] ?? 0) == 0 })
        released.raise()
        let outcome = "SELECT outcome FROM attempt"
        #expect(try eventually { try stage.database.value(outcome) == "abandoned" })
        #expect(stage.vendor.calls(.submit).isEmpty)
    }

    @Test func otherBytesThanTheReferencesAreGivenToNobody() throws {
        let task = try submitWithPicture()
        let key = try #require(peer.objects.keys.first)
        peer.spoil(key, with: "RIFF----WEBP another")
        _ = try stage.worker()
        #expect(stage.events.has { if case .taskRequeued(task.id, _, _, _) = $0 { true } else { false } })
        #expect(stage.vendor.taken == 0)
        peer.spoil(key, with: String(decoding: Self.picture, as: UTF8.self))
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
    }

    @Test func aBucketThatHangsHoldsOnlySoManyThreadsForShortCalls() throws {
        peer.be(.hangs)
        let stage = stage
        @Sendable func refusal() -> KinoraError? {
            do throws(KinoraError) {
                var submission = Submission(dialect: "test", model: "sora-2", kind: .video, prompt: "p")
                submission.references = [Reference(.bytes(Self.picture), field: "input_reference")]
                _ = try stage.perform(.submit(submission), mayWait: false)
                return nil
            } catch { return error }
        }
        let refused = Happening<KinoraError>()
        for _ in 0..<Limits.fastUploadsMax {
            _ = try Thread { if let error = refusal() { refused.note(error) } }
        }
        #expect(eventually { peer.calls("PUT") == Limits.fastUploadsMax })
        let error = refusal()
        #expect(error?.code == .storageFailed && error?.retryAfterSeconds == 1)
        #expect(peer.calls("PUT") == Limits.fastUploadsMax)
        peer.be(.well)
        peer.receiver.cut()
        #expect(refused.wait { $0.count == Limits.fastUploadsMax })
        #expect(refusal() == nil, "none of them is counted any more")
    }

    // What nobody needs

    private func delete(_ task: MediaTask) throws {
        guard case .deleted = try stage.perform(.delete(TaskReference(task.id))) else {
            throw Unexpected("not deleted")
        }
    }

    private func removalsLeft() throws -> Int { try stage.database.count("media_removal") }

    private func hurryRemovals() throws { try stage.database.sql("UPDATE media_removal SET due_at = now()") }

    @Test func whatIsDeletedIsDeletedInTheBucketInTheEnd() throws {
        _ = try stage.worker()
        let task = try stage.finished()
        try delete(task)
        #expect(try removalsLeft() == 1)
        #expect(peer.objects.count == 1, "the same bytes may be arriving again")
        peer.be(.slowDown)
        try hurryRemovals()
        #expect(stage.events.has { if case .mediaRemovalFailed(_, 1, _) = $0 { true } else { false } })
        #expect(try removalsLeft() == 1)
        peer.be(.well)
        try hurryRemovals()
        #expect(try eventually { try removalsLeft() == 0 })
        #expect(peer.objects.isEmpty)
    }

    @Test func whatWasStoredAMomentAgoStaysThoughItsRowWasDeleted() throws {
        _ = try stage.worker()
        let task = try stage.finished()
        peer.storedNow()
        try delete(task)
        try hurryRemovals()
        #expect(eventually { peer.calls("HEAD") == 1 })
        #expect(try eventually { try stage.database.value("SELECT tries FROM media_removal") == "1" })
        #expect(peer.calls("DELETE") == 0 && peer.objects.count == 1)
    }

    @Test func whatAnotherTaskMadeAgainStays() throws {
        let film = ScriptedVendor.film("the same for both")
        stage.vendor.script { $0.step == .content ? .bytes(film) : nil }
        _ = try stage.worker()
        try delete(try stage.finished("one"))
        _ = try stage.finished("two")
        try hurryRemovals()
        #expect(try eventually { try removalsLeft() == 0 })
        #expect(peer.calls("DELETE") == 0 && peer.objects.count == 1)
    }

    // What lies on disk from before

    @Test func whatLiesOnDiskIsServedFromThereUntilItIsMoved() throws {
        let disk = stage.folder.media
        let (path, stored) = try disk.spool.write(Self.picture, type: .webp)
        try disk.keep(path, as: stored)
        let media = try #require(stage.media as? BucketMedia)
        #expect(media.place(of: stored) == "/_media/\(stored.relativePath)")
        peer.be(.broken)
        #expect(throws: KinoraError.self) { try media.move(stored) }
        #expect(disk.has(stored), "a file leaves the disk only when the bucket has it")
        peer.be(.well)
        try media.move(stored)
        #expect(stage.folder.files("media").isEmpty)
        #expect(media.place(of: stored).hasPrefix("/_bucket/media/\(stored.relativePath)?"))
        #expect(
            peer.objects["/media/\(stored.relativePath)"] == String(decoding: Self.picture, as: UTF8.self))
        // Once more is no fault where another command was faster.
        #expect(try disk.files().isEmpty)
    }
}
