import Core
import Store
import TestSupport
import Testing

/// The statements of the hot path read their rows by an index, however many finished tasks lie around them.
@Suite(.freshDatabase) struct PlanTests {
    let database = TestDatabase.current

    /// 20,000 tasks of 40 users: mostly finished, 600 queued, 400 running.
    private func fill() throws {
        try database.account("one", slots: 1000)
        try database.sql(
            """
            INSERT INTO app_user (name) SELECT 'user ' || n FROM generate_series(1, 40) n;
            INSERT INTO task (uid, user_id, model_id, kind, category, state, phase, progress, attempt, due_at,
                    finished_at, deadline_at, created_at)
                SELECT gen_random_uuid(), 1 + n % 40, 'sora-2', 'video', 't2v',
                    CASE WHEN n % 20 > 0 THEN 'succeeded' WHEN n % 50 > 10 THEN 'queued' ELSE 'running' END,
                    CASE WHEN n % 20 > 0 OR n % 50 > 10 THEN NULL ELSE 'waiting' END,
                    CASE WHEN n % 20 > 0 THEN 100 ELSE 0 END,
                    CASE WHEN n % 20 > 0 OR n % 50 <= 10 THEN 1 ELSE 0 END,
                    CASE WHEN n % 20 > 0 THEN NULL ELSE now() + (n % 600 - 300) * interval '1 second' END,
                    CASE WHEN n % 20 > 0 THEN now() END, now() + interval '1 hour',
                    now() - n * interval '1 second'
                FROM generate_series(1, 20000) n;
            INSERT INTO task_input (task_id, dialect, prompt, parameters)
                SELECT id, 'test', 'p', '{}' FROM task;
            INSERT INTO attempt (task_id, number, account_id, slot, vendor_model, vendor_task_id, accepted_at,
                    outcome, finished_at)
                SELECT id, 1, 1, row_number() OVER (), 'sora-2', 'v' || id, now(),
                    CASE WHEN finished_at IS NOT NULL THEN 'succeeded' END, finished_at
                FROM task WHERE attempt = 1;
            INSERT INTO asset (user_id, sha256, bytes, media_type)
                SELECT 1, sha256(n::text::bytea), n, 'video/mp4' FROM generate_series(1, 5000) n;
            INSERT INTO task_asset (task_id, role, position, asset_id)
                SELECT id, CASE WHEN finished_at IS NULL THEN 'reference' ELSE 'result' END, 0, 1 + id % 5000
                FROM task;
            UPDATE task SET worker_id = 1 WHERE state = 'running';
            INSERT INTO removal (attempt_id) SELECT id FROM attempt WHERE finished_at IS NOT NULL LIMIT 500;
            """)
        try database.sql("VACUUM ANALYZE")
    }

    private static let arguments: [String: String] = [
        "task_find": "'{0123456789ab,0123456789ac}', '{3,4}'",
        "task_point": "'0123456789ab', 3",
        "task_claim": "1, 10, 300, 1800, 900, '{sora-2}', '{7}'",
        "task_claim_due": "1, 10, 900",
        "task_next_due": "",
        "task_waiting": "'0123456789ab'",
        "task_place": "'0123456789ab', 10000",
        "task_expire": "1000, 'x', 'y'",
        "task_page_down": "3, 'video', 9000, 21",
        "task_page_up": "3, 'video', 9000, 21",
        "tasks_final": "'{1,2,3}'",
        "task_result": "7",
        "task_accepted": "7, 1, 2, 'v'",
        "task_wait": "7, 1, 2, 'waiting', 5",
        "task_storing": "7, 1",
        "task_failed": "7, 1, 'failure', NULL, 5, 2, 600, 'x', 'z', 'failed', 'y', 'failed'",
        "task_requeue": "7, 1, 'failure', NULL, 5, 2, 600, 'x', 'y', 2",
        "task_cancel": "'0123456789ab'",
        "attempt_hint": "'0123456789ab', '01234567-89ab-cdef-0123-456789abcdef', 1",
        "worker_leave": "1",
        "worker_release": "1, '{1,2,3}'",
        "worker_rescue": "10",
        "removal_claim": "50",
        "waiting_lines": "10000",
        "usage_roll": "1000",
        "key_limit": "'0123456789ab', 60, 5, 7",
        "user_limit": "'user 7', 60, 5",
    ]

    @Test func noStatementOfTheHotPathReadsWholeTables() throws {
        try fill()
        for (name, values) in Self.arguments.sorted(by: { $0.key < $1.key }) {
            let statement = try #require(Statement.all.first { $0.name == name }, "\(name)")
            try database.sql("PREPARE \(name) AS \(statement.sql)")
            // As at its first runs, and as after many.
            for mode in ["force_custom_plan", "force_generic_plan"] {
                try database.sql("SET plan_cache_mode = \(mode)")
                let call = values.isEmpty ? name : "\(name)(\(values))"
                let plan = try database.sql("EXPLAIN EXECUTE \(call)").compactMap { $0.first ?? nil }
                let scans = plan.filter {
                    $0.contains(/Seq Scan on (task|task_input|task_asset|attempt)( |$)/)
                }
                #expect(scans.isEmpty, "\(name), \(mode):\n\(plan.joined(separator: "\n"))")
            }
        }
    }
}
