import Core
import Store
import TestSupport
import Testing
import Upstream

@testable import Engine

/// Polls and downloads that go wrong.
@Suite(.freshDatabase) struct WorkerPollTests {
    let stage: Stage

    init() throws { stage = try Stage(slots: [8]) }

    /// Lets tasks rest only as long as it takes to see that they do, until so many have ended.
    private func hurryUntil(ended: Int) throws {
        #expect(
            try eventually {
                try stage.hurry()
                return stage.events.count { if case .taskFinished = $0 { true } else { false } } == ended
            })
    }

    @Test func aPollThatFailsIsRepeatedAndTheTaskGoesOn() throws {
        let failures: [(code: ErrorCode, answer: ScriptedVendor.Answer)] = [
            (.upstreamServer, .json(500, [:])), (.upstreamUnreachable, .lost(mayHaveArrived: true)),
            (.upstreamRate, .json(429, [:])), (.upstreamProtocol, .bytes(Array("<html>".utf8))),
            (.upstreamProtocol, .json(200, ["status": "rendering_v2", "progress": 5])),
            (.upstreamProtocol, .json(200, [:])), (.upstreamCredential, .json(401, [:])),
        ]
        stage.vendor.script { call in
            // Twice at least: what a poll says is forgotten when another claim has come in between.
            guard call.step == .poll, call.nthOfTask <= 4 else { return nil }
            return call.prompt.flatMap { Int($0) }.map { failures[$0].answer }
        }
        _ = try stage.worker()
        let tasks = try failures.indices.map { try stage.submit("\($0)") }
        try hurryUntil(ended: tasks.count)
        for (task, failure) in zip(tasks, failures) {
            #expect(stage.events.end(of: task.id)?.state == .succeeded, "\(failure)")
            func reported() -> Int {
                stage.events.count { event in
                    guard case .pollFailed(task.id, let error, _) = event else { return false }
                    return error.code == failure.code
                }
            }
            #expect(eventually { reported() >= 2 }, "\(failure)")
        }
        #expect(stage.vendor.taken == tasks.count)
    }

    @Test func pollsThatOnlyFailEndAtTheDeadline() throws {
        stage.vendor.script { $0.step == .poll ? .json(500, [:]) : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .poll, times: 2))
        try stage.database.sql("UPDATE task SET deadline_at = now()")
        try hurryUntil(ended: 1)
        #expect(try #require(stage.events.end(of: task.id)) == (.expired, "task_deadline"))
    }

    @Test func aTaskThatTheVendorNoLongerHasFails() throws {
        stage.vendor.script { $0.step == .poll ? .json(404, [:]) : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(try #require(stage.events.end(of: task.id)) == (.failed, "upstream_expired"))
    }

    // The result --------------------------------------------------------------------------------------

    @Test func aResultThatIsNoFilmIsAFailure() throws {
        let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        let bad: [String: ScriptedVendor.Answer] = [
            "gone": .json(404, [:]), "page": .bytes(Array("<!doctype html><html></html>".utf8)),
            "nothing": .bytes([]),
            "picture": .bytes(png), "error": .json(200, ["error": "no such file"]),
        ]
        stage.vendor.script { call in call.step == .content ? call.prompt.flatMap { bad[$0] } : nil }
        _ = try stage.worker()
        let tasks = try bad.keys.map { ($0, try stage.submit($0)) }
        for (name, task) in tasks {
            #expect(
                try #require(stage.events.end(of: task.id)) == (.failed, "upstream_empty_result"), "\(name)")
        }
        #expect(stage.folder.files("media").isEmpty)
        #expect(eventually { stage.folder.files("spool").isEmpty })
        #expect(try stage.database.count("asset") == 0)
        #expect(try stage.database.count("attempt WHERE finished_at IS NULL") == 0)
    }

    /// That it is on its way is worth no write.
    @Test func aResultThatIsHereAtOnceIsNotNotedAsOnItsWay() throws {
        try stage.database.sql(
            """
            CREATE TABLE seen (n serial, state text);
            GRANT ALL ON seen, seen_n_seq TO kinora_app;
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN INSERT INTO kinora.seen (state) VALUES (NEW.state); RETURN NULL; END';
            CREATE TRIGGER note AFTER UPDATE OF state ON task FOR EACH ROW EXECUTE FUNCTION note();
            """)
        _ = try stage.worker()
        // Unless it took long on a machine that is busy.
        let isUnsaid = try (0..<5).contains { _ in
            try stage.database.sql("TRUNCATE seen")
            #expect(try stage.finished().state == .succeeded)
            return try stage.database.sql("SELECT state FROM seen ORDER BY n") == [
                ["running"], ["succeeded"],
            ]
        }
        #expect(isUnsaid)
    }

    @Test func aDownloadThatBreaksOffIsDoneAgain() throws {
        let first = ScriptedVendor.Answer.lost(mayHaveArrived: true)
        stage.vendor.script { $0.step == .content ? first : nil }
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .content))
        for next in [ScriptedVendor.Answer.json(503, [:]), nil] {
            #expect(try eventually { try stage.resting("state = 'storing'") == 1 })
            let resting = try #require(try stage.task(task.id))
            #expect((resting.state, resting.progress) == (.storing, 99))
            let asked = stage.vendor.calls(.content).count
            stage.vendor.script { $0.step == .content ? next : nil }
            try stage.hurry()
            #expect(stage.vendor.waits(for: .content, times: asked + 1))
        }
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(stage.vendor.taken == 1)
        #expect(stage.folder.files("media").count == 1)
        #expect(eventually { stage.folder.files("spool").isEmpty })
    }

    /// Results often lie on another host, whose business our key is not.
    @Test func aRedirectToTheResultIsFollowedWithoutTheKey() throws {
        stage.vendor.script { call in
            guard call.step == .content else { return nil }
            switch call.nth {
            case 1: return .json(302, [:], headers: ["location": "https://files.example/a?signature=b"])
            case 2: return .json(307, [:], headers: ["location": "//files.example/b/"])
            case 3: return .json(302, [:], headers: ["location": "../c"])
            default: return nil
            }
        }
        _ = try stage.worker()
        #expect(try stage.finished().state == .succeeded)
        let downloads = stage.vendor.calls(.content)
        #expect(downloads.map(\.hasKey) == [true, false, false, false])
        #expect(downloads.last?.path == "https://files.example/c")
        #expect(eventually { stage.folder.files("spool").isEmpty })
    }

    @Test func aRedirectThatLeadsInACircleOrIntoTheOpenIsNotFollowed() throws {
        stage.vendor.script { call in
            guard call.step == .content else { return nil }
            let isOpen = call.prompt == "open" || call.path.hasPrefix("http://")
            return .json(
                302, [:], headers: ["location": isOpen ? "http://files.example/a" : "https://files.example/a"]
            )
        }
        _ = try stage.worker()
        for prompt in ["open", "circle"] { try stage.submit(prompt) }
        #expect(try eventually { try stage.resting("state = 'storing'") == 2 })
        // Each look is a poll and what its result leads to.
        let contents = stage.vendor.calls(.content).count
        let most = stage.vendor.calls(.poll).map { $0.prompt == "open" ? 1 : 6 }.reduce(0, +)
        #expect(contents <= most)
        #expect(!stage.vendor.calls(.content).contains { $0.path.hasPrefix("http://") })
    }

    /// A full disk is our fault and not the task's.
    @Test func aMediaStoreThatCannotBeWrittenDelaysTheTask() throws {
        let blocked = try stage.folder.block("media")
        _ = try stage.worker()
        let task = try stage.submit()
        // The operator hears of it: no other sign of a full disk would be in the log.
        #expect(
            stage.events.has { event in
                guard case .storeFailed(task.id, let error, _) = event else { return false }
                return error.code == .storageFailed
            })
        #expect(try eventually { try stage.resting("state = 'storing'") == 1 })
        try blocked()
        try stage.hurry()
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
    }

    @Test func howLongTasksTakeIsLearned() throws {
        _ = try stage.worker()
        _ = try stage.finished()
        // Written down with a heartbeat.
        #expect(
            try eventually {
                try stage.database.value("SELECT usual_seconds > 0 FROM route WHERE model_id = 'sora-2'")
                    == "t"
            })
    }
}
