import Core
import TestSupport
import Testing

@testable import Store

/// The statements of the hot path read their rows by an index, however many finished tasks lie around them.
@Suite(.freshDatabase) struct PlanTests {
    let database = TestDatabase.current

    /// 100,000 finished tasks, then 100,000 queued ones, then 400 that run; of 40 users in turn. A task's
    /// uid begins with its number.
    private func fill() throws {
        try database.account("one", slots: 1000)
        try database.sql(
            """
            INSERT INTO app_user (name) SELECT 'user ' || n FROM generate_series(1, 40) n;
            INSERT INTO task (user_id, model_id, kind, category, state, phase, progress, attempt, claim,
                    due_at, finished_at, deadline_at, created_at)
                SELECT 1 + n % 40, 'sora-2', 'video', 't2v', state,
                    CASE state WHEN 'running' THEN 'waiting' END,
                    CASE state WHEN 'succeeded' THEN 100 ELSE 0 END,
                    CASE state WHEN 'queued' THEN 0 ELSE 1 END, 1,
                    CASE state WHEN 'queued' THEN now() WHEN 'running'
                        THEN now() + (n % 600 - 300) * interval '1 second' END,
                    CASE state WHEN 'succeeded' THEN now() END,
                    CASE WHEN state <> 'queued' OR n % 100 = 0 THEN now() + interval '1 hour' END,
                    now() - n * interval '1 second'
                FROM generate_series(1, 200400) n CROSS JOIN LATERAL (SELECT CASE WHEN n <= 100000
                    THEN 'succeeded' WHEN n <= 200000 THEN 'queued' ELSE 'running' END AS state) s;
            INSERT INTO task_input (task_id, uid, dialect, prompt, parameters)
                SELECT id, (lpad(to_hex(id), 12, '0') || '00004000800000000000')::uuid, 'test', 'p', '{}'
                FROM task;
            INSERT INTO attempt (task_id, number, account_id, slot, vendor_model, vendor_task_id, accepted_at,
                    outcome, finished_at)
                SELECT id, 1, 1, 1 + id % 1000, 'sora-2', 'v' || id, now(),
                    CASE WHEN finished_at IS NOT NULL THEN 'succeeded' END, finished_at
                FROM task WHERE attempt = 1;
            INSERT INTO asset (user_id, sha256, bytes, media_type)
                SELECT 1, sha256(n::text::bytea), n, 'video/mp4' FROM generate_series(1, 5000) n;
            INSERT INTO task_asset (task_id, role, position, asset_id)
                SELECT id, CASE WHEN finished_at IS NULL THEN 'reference' ELSE 'result' END, 0, 1 + id % 5000
                FROM task WHERE id % 5 = 0;
            UPDATE task SET worker_id = 1 WHERE state = 'running';
            INSERT INTO removal (attempt_id) SELECT id FROM attempt WHERE finished_at IS NOT NULL LIMIT 500;
            INSERT INTO media_removal SELECT sha256, media_type, 0, now() FROM asset WHERE id <= 500;
            INSERT INTO api_key (user_id, public_id, secret_hash, requests_per_minute, concurrent_tasks_max)
                VALUES (3, '0123456789ab', sha256(''), 1000, 1000);
            UPDATE app_user SET requests_per_minute = 1000, concurrent_tasks_max = 1000 WHERE id = 3;
            INSERT INTO ledger (event, kind, debit, credit, user_id, amount_micros)
                SELECT 'topup:' || id, 'topup', 'issued', 'available', id, 1000 FROM app_user;
            INSERT INTO worker (host, process_id, version) VALUES ('here', 1, 'test');
            """)
        try fillLimits()
        try database.sql("VACUUM ANALYZE")
    }

    /// A key and a user with 60 submits in the last minute and 50 unfinished tasks each, among thousands.
    private func fillLimits() throws {
        try database.sql(
            """
            INSERT INTO request_permit (holder, holder_id, number, oldest, used_at)
                SELECT holder, id, n, greatest(n - 60, 1), now() - (200 - n) * interval '1 second'
                FROM generate_series(1, 200) n, (SELECT 'key' AS holder, generate_series(1, 200) AS id
                    UNION ALL SELECT 'user', id FROM app_user) h;
            INSERT INTO open_task (holder, holder_id, task_id)
                SELECT 'user', user_id, id FROM task WHERE id BETWEEN 100001 AND 102000
                UNION ALL SELECT 'key', CASE user_id WHEN 3 THEN 1 ELSE user_id END, id FROM task
                    WHERE id BETWEEN 100001 AND 102000;
            INSERT INTO idempotency (user_id, key, request_hash, task_id)
                SELECT user_id, 'key ' || id, sha256(''), id FROM task WHERE id <= 50000;
            """)
    }

    /// What a submit of the key has in common with the others.
    private static let submit =
        "'ffffffff-0000-4000-8000-000000000000', 3, 1, 'sora-2', 'video', 't2v', 'test', 'p', '{}', NULL, "
        + "NULL, NULL, '{1,2}', 5, 0, 5, 7"

    /// Tasks 50,000 (finished), 150,000 (queued) and 200,001 (running).
    private static let arguments: [String: String] = [
        "task_find": "'{00000000c350,0000000249f0}', '{1,1}'",
        "task_point": "'00000000c350', 1",
        "task_submit": submit,
        "task_submit_once": submit + ", 'new', '\\x\(String(repeating: "0a", count: 32))'",
        "task_submit_within": submit + ", 'sora', 100000",
        "task_submit_once_within":
            submit + ", 'new', '\\x\(String(repeating: "0a", count: 32))', NULL, NULL",
        "task_admit": "1, 3, NULL, NULL, 0",
        "idempotency_find": "3, 'key 42'",
        "task_claim": "1, 10, 300, 1800, 900, '{sora-2}', '{7}'",
        "task_claim_due": "1, 10, 900",
        "task_input": "200001, 1",
        "task_more": "'{200001,150000}', '{1,0}'",
        "task_next_due": "",
        "task_waiting": "'0000000249f0'",
        "task_place": "'0000000249f0', 1000",
        "task_expire": "1000, 'x', 'y'",
        "task_outwait": "604800, 'x', 'y'",
        "task_page_down": "3, 'video', 90000, 21",
        "task_page_up": "3, 'video', 90000, 21",
        "task_reports": "3, 'video', 10000, '{running}', '{waiting}', 20, 50",
        "family_stats": "'sora', 3, 10000",
        "task_standings": "'{1,2,3}'",
        "task_results": "50000",
        "task_accepted": "'{200001}', '{1}', '{v}'",
        "task_rests": "'{200001}', '{1}', '{waiting}', '{5}', '{0}'",
        "task_storing": "'{200001}', '{1}'",
        "task_succeeded":
            "'{200001}', '{1}', '{1,1}', '{0,1}', '{\(String(repeating: "0c", count: 32)),"
            + "\(String(repeating: "0d", count: 32))}', '{9,9}', '{image/png,image/png}', '{\"\",x}', '{1}', "
            + "ARRAY['{\"seconds\": 4}']",
        "task_has_other": "200001",
        "task_failed": "200001, 1, 'failure', NULL, 5, 2, 600, 'x', 'z', 'failed', 'y', 'failed'",
        "task_requeue": "200001, 1, 'failure', NULL, 5, 2, 600, 'x', 'y', 2",
        "task_cancel": "'000000030d41', NULL",
        "cancellation_claim": "50",
        "cancellation_ticket": "200001, 1, 'v', NULL",
        "cancellation_wait": "200001, 1, 2, true",
        "cancellation_end": "200001, 1, 'cancelled'",
        "attempt_account": "'000000030d41', '00000003-0d41-0000-4000-800000000000', 1",
        "attempt_hint": "'000000030d41', '00000003-0d41-0000-4000-800000000000', 1",
        "worker_held": "1",
        "worker_leave": "1",
        "worker_release": "'{200001,200002}', '{1,1}'",
        "worker_rescue": "10, 1",
        "removal_claim": "50",
        "media_removal_claim": "50",
        "waiting_lines": "1000, '{0,10}'",
        "usage_roll": "1000",
    ]

    private static let large = [
        "task", "task_input", "task_asset", "attempt", "open_task", "request_permit", "idempotency",
    ]

    /// Pages that a statement may touch where it is more than a few: the whole queue has tens of thousands.
    private static let pagesMax: [String: Int] = [
        // The line, as far as it is counted.
        "task_place": 8_000, "waiting_lines": 8_000, "task_submit_within": 8_000,
        // The newest of a user, as far as a list goes.
        "task_reports": 12_000, "family_stats": 3_000,
        // Every task that the worker holds is written.
        "worker_leave": 20_000, "worker_release": 20_000, "worker_rescue": 20_000,
    ]

    @Test func noStatementOfTheHotPathReadsWholeTables() throws {
        try fill()
        for (name, values) in Self.arguments.sorted(by: { $0.key < $1.key }) {
            let statement = try #require(Statement.all.first { $0.name == name }, "\(name)")
            try database.sql("PREPARE \(name) AS \(statement.sql)")
            // As at its first runs, and as after many.
            let call = values.isEmpty ? name : "\(name)(\(values))"
            for mode in ["force_custom_plan", "force_generic_plan"] {
                try database.sql("SET plan_cache_mode = \(mode)")
                let plan = try database.sql("EXPLAIN EXECUTE \(call)").compactMap { $0.first ?? nil }
                let scans = plan.filter { line in
                    Self.large.contains { line.contains("Seq Scan on \($0) ") }
                }
                #expect(scans.isEmpty, "\(name), \(mode):\n\(plan.joined(separator: "\n"))")
            }
            let pages = try pages(call)
            #expect(pages < Self.pagesMax[name] ?? 1_500, "\(name) touches \(pages) pages")
        }
    }

    /// Looking at each of 100,000 touches a hundred times as many.
    private static let fewPages = 3_000

    /// 100,000 off-peak tasks wait, and 200 others.
    @Test func whatWaitsForItsWindowIsNotLookedAt() throws {
        try fill()
        try database.sql("UPDATE task SET priority = 10 WHERE state = 'queued' AND id % 500 > 0")
        try database.sql("VACUUM ANALYZE")
        let names = ["task_claim", "task_next_due", "task_admit", "waiting_lines"]
        for name in names {
            let statement = try #require(Statement.all.first { $0.name == name })
            try database.sql("PREPARE \(name) AS \(statement.sql)")
        }
        func look() throws -> [Int] {
            [
                try pages("task_claim(1, 10, 300, 1800, 900, '{sora-2}', '{7}')"),
                try pages("task_next_due"),
                try pages("task_admit(NULL, NULL, 'sora', 100000, 0)"),
                try pages("waiting_lines(100000, '{0}')"),
            ]
        }
        for mode in ["force_custom_plan", "force_generic_plan"] {
            try database.sql("SET plan_cache_mode = \(mode)")
            try database.offPeakWindow(opensInHours: 2)
            for (name, pages) in zip(names, try look()) {
                #expect(pages < Self.fewPages, "\(name), \(mode): \(pages)")
            }
            try database.offPeakWindow(opensInHours: -1)
            for (name, pages) in zip(names, try look()) {
                #expect(pages < Self.fewPages, "\(name), \(mode): \(pages)")
            }
        }
    }

    /// What running it reads and writes.
    private func pages(_ call: String) throws -> Int {
        let plan = try database.sql("BEGIN; EXPLAIN (ANALYZE, BUFFERS) EXECUTE \(call)").compactMap {
            $0.first ?? nil
        }
        try database.sql("ROLLBACK")
        // One that touched nothing tells of no buffers.
        let line = plan.first { $0.contains("Buffers:") } ?? ""
        return line.matches(of: /(?:hit|read)=(\d+)/).compactMap { Int($0.output.1) }.reduce(0, +)
    }

    /// Where the whole queue is of one user, the primary key promises his oldest task at once; it lies behind
    /// all that have ended.
    @Test func aClaimFromTheQueueOfOneUserDoesNotReadWhatHasEnded() throws {
        try database.account("one", slots: 1000)
        try database.sql(
            """
            INSERT INTO app_user (name) VALUES ('one');
            INSERT INTO task (user_id, model_id, kind, category, state, progress, due_at, finished_at)
                SELECT 1, 'sora-2', 'video', 't2v',
                    CASE WHEN n <= 20000 THEN 'succeeded' ELSE 'queued' END,
                    CASE WHEN n <= 20000 THEN 100 ELSE 0 END,
                    CASE WHEN n > 20000 THEN now() END, CASE WHEN n <= 20000 THEN now() END
                FROM generate_series(1, 60000) n;
            INSERT INTO task_input (task_id, uid, dialect, prompt, parameters)
                SELECT id, gen_random_uuid(), 'test', 'p', '{}' FROM task;
            """)
        try database.sql("VACUUM ANALYZE")
        try database.sql("SET enable_seqscan = off")
        try database.sql("PREPARE task_claim AS \(Store.taskClaim.sql)")
        for mode in ["force_custom_plan", "force_generic_plan"] {
            try database.sql("SET plan_cache_mode = \(mode)")
            let pages = try pages("task_claim(1, 10, 300, 1800, 900, '{}', '{}')")
            #expect(pages < 600, "\(mode): \(pages) pages")
        }
    }

    /// Statistics of a quiet moment make indexes of what is under way look empty: cheaper than any other.
    @Test func whatIsWrittenOfATaskFindsItByItsNumberThoughNothingRanWhenThePlanWasMade() throws {
        try fill()
        try database.sql(
            "UPDATE task SET state = 'queued', phase = NULL, worker_id = NULL WHERE state = 'running'")
        try database.sql("VACUUM ANALYZE")
        let steps = [
            "task_accepted", "task_rests", "task_storing", "task_succeeded", "task_failed", "task_requeue",
            "attempt_hint",
        ]
        for name in steps {
            let statement = try #require(Statement.all.first { $0.name == name })
            try database.sql("PREPARE \(name) AS \(statement.sql)")
            try database.sql("SET plan_cache_mode = force_generic_plan")
            let plan = try database.sql("EXPLAIN EXECUTE \(name)(\(#require(Self.arguments[name])))")
                .compactMap { $0.first ?? nil }
            #expect(!plan.contains { $0.contains("task_due") }, "\(name):\n\(plan.joined(separator: "\n"))")
        }
    }
}
