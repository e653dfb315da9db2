import Core
import Store
import Synchronization
import TestSupport
import Testing
import Upstream

@testable import Engine

/// How workers find work, and how much of it they take.
@Suite(.freshDatabase) struct WorkerQueueTests {
    @Test func threeHundredTasksOverTwoWorkersAreEachSubmittedOnce() throws {
        let stage = try Stage(slots: [40, 60, 50])
        let stages = stage
        _ = try stage.worker()
        _ = try stage.worker()
        try concurrently(4) { thread in
            for index in 0..<75 { try stages.submit("task \(thread * 75 + index)") }
        }
        #expect(
            stage.events.has(300, within: .seconds(60)) { if case .taskFinished = $0 { true } else { false } }
        )
        #expect(try stage.database.count("task WHERE state = 'succeeded' AND attempt = 1") == 300)
        let prompts = stage.vendor.calls(.submit).compactMap(\.prompt)
        #expect(prompts.count == 300)
        #expect(Set(prompts).count == 300)
        #expect(stage.folder.files("media").count == 300)
        #expect(
            try stage.database.count("attempt a JOIN account c ON c.id = a.account_id WHERE a.slot > c.slots")
                == 0)
        #expect(try stage.database.count("attempt WHERE finished_at IS NULL") == 0)
        #expect(stage.events.count { if case .fault = $0 { true } else { false } } == 0)
        #expect(stage.events.count { if case .leaseLost = $0 { true } else { false } } == 0)
    }

    /// Its last account is gone.
    @Test func whatNobodyComesForExpires() throws {
        let stage = try Stage()
        let task = try stage.submit()
        try stage.database.sql(
            "UPDATE account SET state = 'disabled'; UPDATE task SET created_at = now() - interval '8 days'")
        _ = try stage.worker()
        #expect(stage.events.end(of: task.id)?.state == .expired)
        #expect(try stage.task(task.id)?.failure?.message == "No account could take the task in time.")
    }

    @Test func withoutNotificationsWorkIsFoundByPolling() throws {
        let stage = try Stage(isNotifying: false)
        _ = try stage.worker(isNotifying: false)
        var fastest = Duration.seconds(60)
        for index in 0..<3 {
            let start = ContinuousClock.now
            let task = try stage.submit("\(index)")
            #expect(stage.vendor.waits(for: .submit, times: index + 1))
            fastest = min(fastest, start.duration(to: .now))
            #expect(stage.events.end(of: task.id)?.state == .succeeded)
        }
        #expect(fastest < .seconds(4))
    }

    /// Each submit comes when the worker rests, and by itself it would not look again in time.
    @Test func aNotificationWakesAnIdleWorkerOfAnotherProcess() throws {
        let stage = try Stage(slots: [20])
        stage.vendor.script { $0.step == .poll ? .held : nil }
        _ = try stage.worker(pollInterval: .seconds(600))
        for nth in 1...10 {
            #expect(try eventually { try stage.database.count("worker WHERE idle") == 1 })
            try stage.submit("\(nth)")
            #expect(stage.vendor.waits(for: .submit, times: nth))
        }
    }

    @Test func aSlotThatBecomesFreeIsUsedAtOnce() throws {
        let stage = try Stage(slots: [1])
        _ = try stage.worker()
        let tasks = try (0..<3).map { try stage.submit("\($0)") }
        for task in tasks { #expect(stage.events.end(of: task.id)?.state == .succeeded) }
        // One after the other.
        #expect(
            stage.vendor.calls.map(\.step)
                == Array(repeating: [.submit, .poll, .content], count: 3).flatMap(\.self))
    }

    @Test func aWorkerTakesNoMoreCallsThanItMay() throws {
        let stage = try Stage(slots: [20])
        stage.vendor.script { $0.step == .submit ? .held : nil }
        _ = try stage.worker(callsMax: 3)
        let tasks = try (0..<6).map { try stage.submit("\($0)") }
        #expect(stage.vendor.waits(for: .submit, times: 3))
        #expect(!stage.vendor.called.wait(within: .milliseconds(500)) { $0.count > 3 })
        stage.vendor.release()
        for task in tasks { #expect(stage.events.end(of: task.id)?.state == .succeeded) }
    }

    // Vendors that hang

    /// A quarter of all calls may be looks at one of them; most of all may be looks.
    @Test func aVendorThatHangsHoldsUpItsOwnTasksOnly() throws {
        let stage = try Stage(slots: [20, 4])
        try stage.database.sql("UPDATE account SET base_url = 'https://other.example/v1' WHERE id = 2")
        stage.vendor.script { $0.step == .poll && $0.account.row == 1 ? .held : nil }
        for index in 0..<24 { try stage.submit("\(index)") }
        _ = try stage.worker(callsMax: 16)
        #expect(
            try eventually {
                try stage.database.count("task WHERE state = 'queued'") == 0
                    && stage.database.count("attempt WHERE account_id = 2 AND finished_at IS NULL") == 0
            })
        #expect(try stage.database.count("attempt WHERE account_id = 1") > 12, "more than there are looks")
        #expect(eventually { stage.vendor.calls(.poll).count { $0.account.row == 1 } == 4 })
        stage.vendor.release()
        #expect(stage.events.has(24) { if case .taskFinished = $0 { true } else { false } })
        #expect(stage.vendor.taken == 24)
    }

    /// Where all the looks that there may be hang as well.
    @Test func aSubmitThatHangsKeepsNoOtherTaskFromItsStart() throws {
        let stage = try Stage(slots: [4, 4, 4, 4])
        try stage.database.sql("UPDATE account SET base_url = 'https://vendor-' || id || '.example/v1'")
        #expect(try stage.store.setAccountState("account 4", to: "disabled", reason: "later") == 1)
        stage.vendor.script { $0.step == .poll || $0.prompt == "hangs" ? .held : nil }
        _ = try stage.worker(callsMax: 16)
        for index in 0..<12 { try stage.submit("\(index)") }
        #expect(stage.vendor.waits(for: .poll, times: 12))
        #expect(try stage.store.setAccountState("account 4", to: "active", reason: "") == 1)
        try stage.submit("hangs")
        #expect(stage.vendor.waits(for: .submit, times: 13))
        try stage.submit("another")
        #expect(stage.vendor.waits(for: .submit, times: 14))
    }

    @Test func whatIsCancelledTakesAQuarterOfTheCallsAtMost() throws {
        let stage = try Stage(slots: [20])
        stage.vendor.script { call in
            switch call.step {
            case .poll: .json(200, ["status": "in_progress"])
            case .removal: .held
            default: nil
            }
        }
        let worker = try stage.worker(callsMax: 16)
        let tasks = try (0..<8).map { try stage.submit("\($0)") }
        #expect(try eventually { try stage.resting("phase = 'waiting'") == 8 })
        for task in tasks { #expect(try stage.store.cancel(TaskReference(task.id)) != nil) }
        #expect(stage.vendor.waits(for: .removal, times: 4))
        for _ in 0..<3 { try worker.endCancelled() }
        #expect(stage.vendor.calls(.removal).count == 4)
        stage.vendor.release()
        #expect(stage.vendor.waits(for: .removal, times: 8))
    }

    /// Nothing to do but wait: that must not cost a statement per millisecond.
    @Test(arguments: ["full", "draining"])
    func aWorkerThatMayTakeNothingRests(_ why: String) throws {
        let stage = try Stage(slots: [20])
        try stage.database.sql(
            """
            CREATE TABLE turn (id bigint GENERATED ALWAYS AS IDENTITY); GRANT ALL ON turn TO kinora_app;
            CREATE FUNCTION note_turn() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    IF NEW.idle <> OLD.idle THEN INSERT INTO kinora.turn DEFAULT VALUES; END IF;
                    RETURN NEW;
                END $$;
            CREATE TRIGGER note_turn AFTER UPDATE ON worker FOR EACH ROW EXECUTE FUNCTION note_turn();
            """)
        stage.vendor.script { $0.step == .submit ? .held : nil }
        let worker = try stage.worker(callsMax: why == "full" ? 1 : 20)
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .submit))
        if why == "draining" { worker.isDraining.store(true, ordering: .releasing) }
        #expect(try !eventually(within: .seconds(1)) { try stage.database.count("turn") > 20 })
        worker.isDraining.store(false, ordering: .releasing)
        stage.vendor.release()
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
    }

    @Test func anAccountWhoseCredentialDoesNotOpenCostsNoTask() throws {
        let database = TestDatabase.current
        let other = try Vault(masterKey: [UInt8](repeating: 9, count: 32))
        let account = try Stage.addAccount("foreign", slots: 4, database.store(), other)
        let stage = try Stage(slots: [])
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(
            stage.events.has {
                if case .taskRequeued(task.id, _, let error, _) = $0 {
                    error.code == .upstreamCredential
                } else {
                    false
                }
            })
        #expect(stage.vendor.calls.isEmpty)
        #expect(try stage.task(task.id)?.failure == nil)
        let sealed = try stage.vault.seal(
            Secret("good"), table: "account", row: account, column: "credential_sealed")
        try stage.store.changeAccount(account, AccountChange(sealedCredential: sealed))
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
    }

    @Test func aVendorThatThisKinoraDoesNotKnowIsLeftToANewerOne() throws {
        let database = TestDatabase.current
        try database.model("newer-1", vendor: "newer")
        try database.account("one", vendor: "newer")
        let stage = try Stage(slots: [])
        _ = try stage.worker()
        let task = try stage.submit { $0.model = "newer-1" }
        #expect(stage.events.has { if case .taskRequeued(task.id, _, _, _) = $0 { true } else { false } })
        #expect(try stage.task(task.id)?.failure == nil)
    }
}
