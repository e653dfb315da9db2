import Core
import Store
import TestSupport
import Testing

/// Why a queued task waits, and that it is true.
@Suite(.freshDatabase) struct WaitingReasonTests {
    let database = TestDatabase.current
    let store = TestDatabase.current.store()

    private func worker() throws -> Int64 { try database.worker() }

    private func submit() throws -> TaskReference {
        let task = NewTask.sample(try database.caller())
        _ = try #require(try store.submit(task))
        return TaskReference(task.id)
    }

    private func claimed() throws -> Int { try store.claim(worker: try worker()).count }

    @Test func withoutAnAccountThatIsTheReason() throws {
        let task = try submit()
        let reason = try #require(try store.waitingReason(of: task))
        #expect((reason.code, reason.words) == (.noAccount, "there is no account for sora-2"))
        try database.account("elsewhere", vendor: "other")
        #expect(try store.waitingReason(of: task)?.code == .noAccount)
        #expect(try claimed() == 0)
    }

    @Test func anAccountWithoutAnEnabledRouteIsNone() throws {
        try database.account("one")
        let task = try submit()
        try database.sql("UPDATE route SET enabled = false")
        #expect(try store.waitingReason(of: task)?.code == .noAccount)
        #expect(try claimed() == 0)
    }

    @Test(arguments: [
        (
            "state = 'disabled'", "disabled",
            "all 2 accounts of sora-2 are disabled or their keys were refused"
        ),
        (
            "state = 'invalid'", "disabled",
            "all 2 accounts of sora-2 are disabled or their keys were refused"
        ),
        ("exhausted_at = now()", "credit", "all 2 accounts of sora-2 have too little credit for it"),
        ("credits_micros = 4", "credit", "all 2 accounts of sora-2 have too little credit for it"),
        ("credits_micros = 0", "credit", "all 2 accounts of sora-2 have too little credit for it"),
        (
            "state = 'cooling', cooling_until = '2100-01-01T00:00:00Z'", "rest",
            "all 2 accounts of sora-2 rest, until 2100-01-01T00:00:00Z"
        ),
    ])
    func whatAllAccountsHaveInCommonIsTheReason(_ change: String, _ code: String, _ words: String) throws {
        try database.account("one")
        try database.account("two")
        let task = try submit()
        try database.sql("UPDATE account SET \(change); UPDATE route SET cost_micros = 5")
        let reason = try #require(try store.waitingReason(of: task))
        #expect((reason.code.rawValue, reason.words) == (code, words))
        #expect(try claimed() == 0)
        try database.sql(
            """
            UPDATE account SET state = 'active', cooling_until = NULL, exhausted_at = NULL,
                credits_micros = 5 WHERE name = 'two'
            """)
        #expect(try claimed() == 1)
    }

    @Test func slotsThatAreAllTakenAreTheReason() throws {
        try database.account("one", slots: 1)
        _ = try submit()
        #expect(try claimed() == 1)
        let task = try submit()
        let reason = try #require(try store.waitingReason(of: task))
        #expect(
            (reason.code, reason.words) == (.slots, "the only account of sora-2 is at its slot limit"))
        #expect(try claimed() == 0)
    }

    @Test func accountsThatDifferAreCounted() throws {
        try database.account("full", slots: 1)
        _ = try submit()
        #expect(try claimed() == 1)
        for name in ["resting", "empty", "off", "refused"] { try database.account(name) }
        let task = try submit()
        try database.sql(
            """
            UPDATE account SET cooling_until = '2100-01-01' WHERE name = 'resting';
            UPDATE account SET exhausted_at = now() WHERE name = 'empty';
            UPDATE account SET state = 'disabled' WHERE name = 'off';
            UPDATE account SET state = 'invalid' WHERE name = 'refused';
            """)
        let reason = try #require(try store.waitingReason(of: task))
        #expect(reason.code == .slots)
        #expect(
            reason.words == "no account of sora-2 is free: 1 is at its slot limit, 1 rests, "
                + "1 has too little credit for it, 2 are disabled or their keys were refused")
        #expect(try claimed() == 0)
    }

    @Test func anAccountThatComesBackTriesOneTaskFirst() throws {
        try database.account("one")
        _ = try submit()
        try database.sql("UPDATE account SET consecutive_errors = 1, cooling_until = now()")
        #expect(try claimed() == 1)
        let task = try submit()
        #expect(try store.waitingReason(of: task)?.code == .proof)
        #expect(try claimed() == 0)
        try database.sql("UPDATE attempt SET accepted_at = now(), vendor_task_id = 'v'")
        #expect(try store.waitingReason(of: task)?.code == .turn)
        #expect(try claimed() == 1)
    }

    @Test func aPinnedTaskSpeaksOfItsAccountAlone() throws {
        let home = try database.account("home")
        try database.account("away")
        let task = try submit()
        try database.sql("UPDATE task SET pinned_account_id = \(home)")
        // A remix runs even while its account is paused for others.
        try database.sql("UPDATE account SET state = 'disabled'")
        _ = try worker()
        #expect(try store.waitingReason(of: task)?.code == .turn)
        try database.sql("UPDATE account SET state = 'invalid' WHERE id = \(home)")
        let reason = try #require(try store.waitingReason(of: task))
        #expect(
            (reason.code, reason.words)
                == (.disabled, "the account it must run on is disabled or its key was refused"))
        #expect(try claimed() == 0)
        try database.sql("UPDATE account SET state = 'active'; DELETE FROM route")
        #expect(
            try store.waitingReason(of: task)?.words
                == "the account it must run on has no route of sora-2")
        #expect(try claimed() == 0)
    }

    @Test func aTaskThatWasPutOffSaysUntilWhen() throws {
        try database.account("one")
        let task = try submit()
        try database.sql("UPDATE task SET due_at = '2100-01-01'")
        let reason = try #require(try store.waitingReason(of: task))
        #expect((reason.code, reason.until) == (.later, Timestamp(seconds: 4_102_444_800)))
        #expect(try claimed() == 0)
    }

    @Test func withoutALivingWorkerThatIsTheReason() throws {
        try database.account("one")
        let task = try submit()
        #expect(try store.waitingReason(of: task)?.code == .noWorker)
        let worker = try worker()
        #expect(try store.waitingReason(of: task)?.code == .turn)
        try database.sql("UPDATE worker SET heartbeat_at = now() - interval '11 s'")
        #expect(try store.waitingReason(of: task)?.code == .noWorker)
        try database.sql("UPDATE worker SET heartbeat_at = now()")
        #expect(try store.claim(worker: worker).count == 1)
        #expect(try store.waitingReason(of: task) == nil)
        #expect(try store.tasksAhead(of: task, limit: 9) == nil)
        #expect(try store.waitingReason(of: TaskReference(.random())) == nil)
    }

    /// Accounts and tasks of all kinds: exactly those whose turn it is are claimed, until nobody's is.
    @Test func itIsTrueWhateverTheAccountsAre() throws {
        try database.model("other-1", vendor: "other")
        try database.sql(
            "INSERT INTO route (model_id, vendor, vendor_model) VALUES ('other-1', 'openai', 'o')")
        _ = try database.caller("a")
        _ = try database.caller("b")
        let worker = try worker()
        var claims = 0
        var seen: Set<String> = []
        for seed in 1...60 {
            try fill(seed)
            // Some are under way already.
            _ = try store.claim(worker: worker, limit: seed % 4)
            let before = try reasons()
            seen.formUnion(before.values)
            var claimed: Set<String> = []
            while case let some = try store.claim(worker: worker, limit: 1 + seed % 7), !some.isEmpty {
                claimed.formUnion(some.map { String($0.row) })
            }
            claims += claimed.count
            let wrong = claimed.filter { before[$0] != "turn" }
            #expect(wrong.isEmpty, "seed \(seed): claimed in spite of \(wrong.map { before[$0] ?? "?" })")
            let left = try reasons().filter { $0.value == "turn" }
            #expect(left.isEmpty, "seed \(seed): their turn and not claimed: \(left.keys.sorted())")
        }
        #expect(claims > 50)
        #expect(seen == Set(WaitingReason.Code.allCases.map(\.rawValue)).subtracting(["no_worker"]))
    }

    private func reasons() throws -> [String: String] {
        let rows = try database.sql(
            """
            SELECT t.id, w.reason FROM task t CROSS JOIN LATERAL
                waiting_reason(t.model_id, t.priority, t.pinned_account_id, t.due_at) w
            WHERE t.state = 'queued'
            """)
        return Dictionary(uniqueKeysWithValues: rows.map { ($0[0] ?? "", $0[1] ?? "") })
    }

    private func fill(_ seed: Int) throws {
        try database.offPeakWindow(opensInHours: seed % 2 == 0 ? -1 : 2)
        try database.sql(
            """
            TRUNCATE task, attempt, account CASCADE;
            SELECT setseed(\(Double(seed) / 100));
            UPDATE route SET cost_micros = CASE WHEN random() < 0.7 THEN (random() * 8)::bigint END,
                enabled = random() < 0.9;
            INSERT INTO account (vendor, name, base_url, credential_sealed, slots, state, cooling_until,
                    exhausted_at, credits_micros, consecutive_errors)
                SELECT CASE WHEN random() < 0.7 THEN 'openai' ELSE 'other' END, 'account ' || n,
                    'https://vendor.example', '\\x01', 1 + (random() * 3)::integer,
                    CASE WHEN random() < 0.8 THEN 'active' WHEN random() < 0.7 THEN 'disabled'
                        ELSE 'invalid' END,
                    CASE WHEN random() < 0.4 THEN now() + (random() - 0.7) * interval '1 hour' END,
                    CASE WHEN random() < 0.15 THEN now() END,
                    CASE WHEN random() < 0.5 THEN (random() * 10)::bigint END,
                    CASE WHEN random() < 0.3 THEN 1 ELSE 0 END
                FROM generate_series(1, 1 + \(seed) % 6) n;
            WITH t AS (
                INSERT INTO task (user_id, model_id, kind, category, priority, due_at, pinned_account_id)
                    SELECT (SELECT min(id) FROM app_user) + (random() * 1.4)::integer,
                        CASE WHEN random() < 0.6 THEN 'sora-2' ELSE 'other-1' END, 'video', 't2v',
                        CASE n % 5 WHEN 0 THEN 10 ELSE 0 END + (random() * 2)::smallint,
                        CASE WHEN random() < 0.2 THEN now() + interval '1 hour' ELSE now() END,
                        CASE WHEN random() < 0.3 THEN
                            (SELECT id FROM account WHERE n > 0 ORDER BY random() LIMIT 1) END
                    FROM generate_series(1, 12) n RETURNING id)
            INSERT INTO task_input (task_id, uid, dialect, prompt, parameters)
                SELECT id, gen_random_uuid(), 'test', 'p', '{}' FROM t;
            """)
    }

    // The place in line

    @Test func thePlaceInLineIsTheOrderOfTheClaim() throws {
        for (name, count) in [("a", 4), ("b", 1), ("c", 6)] { try database.queue(count, of: name) }
        try database.queue(2, of: "b", priority: 1)
        try database.queue(1, of: "c", priority: -1)
        let ids = try database.sql("SELECT uid FROM task_input ORDER BY task_id").compactMap {
            TaskID(uuid: $0[0] ?? "")
        }
        func counted(_ limit: Int64) throws -> [Int64] {
            try ids.map { try store.tasksAhead(of: TaskReference($0), limit: limit) ?? -1 }
        }
        let ahead = try counted(100)
        #expect(ahead.sorted() == Array(0..<14))
        #expect(try counted(5) == ahead.map { min($0, 5) })
        try database.account("one", slots: 1)
        var order: [TaskID] = [], served: [String: Int64] = [:]
        let worker = try worker()
        while let task = try store.claim(worker: worker, served: served).first {
            order.append(task.id)
            served[task.model] = task.userID
            _ = try store.failed(task, KinoraError(.generationFailed))
        }
        #expect(order == zip(ids, ahead).sorted { $0.1 < $1.1 }.map(\.0))
    }

    @Test func aPinnedTaskStandsInTheLineOfItsAccount() throws {
        try database.queue(5, of: "a")
        let home = try database.account("home", slots: 1)
        try database.sql("UPDATE task SET pinned_account_id = \(home) WHERE id > 2")
        let ids = try database.sql("SELECT uid FROM task_input ORDER BY task_id").compactMap {
            TaskID(uuid: $0[0] ?? "")
        }
        #expect(try ids.map { try store.tasksAhead(of: TaskReference($0), limit: 9) } == [0, 1, 0, 1, 2])
    }

    // What people see

    @Test func theQueueSaysPerModelWhyItWaits() throws {
        try database.queue(3, of: "a")
        let home = try database.account("home", slots: 1)
        #expect(try claimed() == 1)
        try database.sql("UPDATE task SET pinned_account_id = \(home) WHERE id = 3")
        let rows = try database.sql(
            "SELECT state, tasks, pinned_account_id, reason FROM v_queue ORDER BY state, pinned_account_id")
        #expect(
            rows == [
                ["queued", "1", String(home), "slots"], ["queued", "1", nil, "slots"],
                ["running", "1", nil, nil],
            ])
    }

    @Test func anOperatorSeesReasonAndPlace() throws {
        try database.queue(3, of: "a")
        let ids = try database.sql("SELECT uid FROM task_input ORDER BY task_id").compactMap {
            TaskID(uuid: $0[0] ?? "")
        }
        let shown = try #require(try store.describeTask(TaskReference(ids[2])))
        #expect(shown["waits"] == "no_account")
        #expect(shown["reason"] == "there is no account for sora-2")
        #expect(shown["tasks_ahead"] == 2)
        let listed = try store.listTasks(state: .queued, limit: 9)
        #expect(listed.map { $0["waits"] } == ["no_account", "no_account", "no_account"])
        try database.account("one", slots: 1)
        #expect(try claimed() == 1)
        #expect(try store.listTasks(state: .running, limit: 9).map { $0["waits"] } == [.null])
        #expect(try store.describeTask(TaskReference(ids[0]))?["waits"] == nil)
    }
}
