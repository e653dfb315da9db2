import Core
import Store
import TestSupport
import Testing

/// Rows that must not exist, and the rule that keeps each of them out.
@Suite(.freshDatabase) struct RefusalTests {
    let database = TestDatabase.current

    /// A queued, a running, a storing and a succeeded task, found by these words in the table `life`.
    private func lives() throws {
        let owner = try database.caller()
        try database.account("one", slots: 4)
        let store = database.store(connectionsMax: 2)
        for index in 0..<3 { _ = try store.submit(.sample(owner, prompt: "\(index)")) }
        let worker = try database.worker()
        let claimed = try store.claim(worker: worker).sorted { $0.row < $1.row }
        for task in claimed { _ = try store.accepted(task, vendorTask: "v\(task.row)") }
        _ = try store.rests(claimed[0].resting(in: .waiting, 40), isRenewed: false)
        _ = try store.storing(claimed[1])
        _ = try store.storing(claimed[2])
        let result = StoredMedia(sha256: String(repeating: "0b", count: 32), bytes: 5, type: .mp4)
        _ = try store.succeeded(claimed[2], results: [TaskResult(result)])
        _ = try store.submit(.sample(owner, prompt: "waits"))
        try database.account("two", slots: 1)
        try database.sql("CREATE TEMP TABLE life (word text, id bigint)")
        for (word, state) in [
            ("running", "running"), ("storing", "storing"), ("done", "succeeded"), ("queued", "queued"),
        ] {
            try database.sql("INSERT INTO life SELECT '\(word)', id FROM task WHERE state = '\(state)'")
        }
        #expect(try database.count("life") == 4)
    }

    private func expectRefused(_ cases: [(rule: String, statement: String)]) throws {
        try lives()
        for (rule, statement) in cases {
            let failure = #expect(throws: SQLFailure.self, "\(statement)") { try database.sql(statement) }
            #expect(failure?.constraint == rule, "\(statement)")
        }
    }

    private static func of(_ word: String) -> String { "(SELECT id FROM life WHERE word = '\(word)')" }

    private static let tasks = [
        // What is final stays as it is.
        (
            "task_final_is_final",
            "UPDATE task SET state = 'failed', error_code = 'x', progress = 99 WHERE id = \(of("done"))"
        ),
        ("task_final_is_final", "UPDATE task SET finished_at = now() WHERE id = \(of("done"))"),
        ("task_final_is_final", "UPDATE task SET price_micros = 7 WHERE id = \(of("done"))"),
        (
            "task_final_is_final",
            "UPDATE task SET state = 'queued', finished_at = NULL, progress = 0, due_at = now() "
                + "WHERE id = \(of("done"))"
        ),
        // What rises does not fall.
        ("task_progress_never_falls", "UPDATE task SET progress = 39 WHERE id = \(of("running"))"),
        ("task_claim_never_falls", "UPDATE task SET claim = claim - 1 WHERE id = \(of("running"))"),
        // States and what goes with them.
        (
            "task_state_known",
            "UPDATE task SET state = 'resting', phase = NULL, due_at = NULL WHERE id = \(of("running"))"
        ),
        (
            "task_finished_iff_final",
            "UPDATE task SET state = 'cancelled', phase = NULL, due_at = NULL WHERE id = \(of("running"))"
        ),
        ("task_finished_iff_final", "UPDATE task SET finished_at = now() WHERE id = \(of("queued"))"),
        ("task_due_iff_open", "UPDATE task SET due_at = NULL WHERE id = \(of("running"))"),
        ("task_phase_iff_running", "UPDATE task SET phase = NULL WHERE id = \(of("running"))"),
        ("task_phase_iff_running", "UPDATE task SET phase = 'waiting' WHERE id = \(of("queued"))"),
        ("task_phase_known", "UPDATE task SET phase = 'thinking' WHERE id = \(of("running"))"),
        ("task_complete_iff_succeeded", "UPDATE task SET progress = 100 WHERE id = \(of("storing"))"),
        (
            "task_complete_iff_succeeded",
            "UPDATE task SET state = 'succeeded', due_at = NULL, finished_at = now() "
                + "WHERE id = \(of("storing"))"
        ),
        ("task_progress_in_range", "UPDATE task SET progress = 101 WHERE id = \(of("storing"))"),
        (
            "task_error_iff_failed",
            "UPDATE task SET state = 'failed', due_at = NULL, finished_at = now() WHERE id = \(of("storing"))"
        ),
        ("task_error_iff_failed", "UPDATE task SET error_code = 'x' WHERE id = \(of("running"))"),
        ("task_deleted_only_final", "UPDATE task SET deleted_at = now() WHERE id = \(of("running"))"),
        ("task_kind_known", "UPDATE task SET kind = 'song' WHERE id = \(of("running"))"),
        (
            "task_price_not_negative",
            "INSERT INTO task (user_id, model_id, kind, category, price_micros) "
                + "SELECT user_id, model_id, kind, category, -1 FROM task"
        ),
        ("task_price_is_fixed", "UPDATE task SET price_micros = 1 WHERE id = \(of("running"))"),
        ("task_attempt_not_negative", "UPDATE task SET attempt = -1 WHERE id = \(of("running"))"),
        (
            "task_input_uid",
            "UPDATE task_input SET uid = (SELECT uid FROM task_input WHERE task_id = \(of("done"))) "
                + "WHERE task_id = \(of("queued"))"
        ),
        ("task_price_is_fixed", "UPDATE task SET user_id = 4711 WHERE id = \(of("queued"))"),
    ]

    @Test func noTaskContradictsItself() throws { try expectRefused(Self.tasks) }

    private static let attempt = "INSERT INTO attempt (task_id, number, account_id, slot, vendor_model"

    private static let attempts = [
        // Two attempts in one slot of one account.
        (
            "attempt_slot_taken",
            attempt
                + ") SELECT \(of("queued")), 1, account_id, slot, 'm' FROM attempt "
                + "WHERE task_id = \(of("running"))"
        ),
        // One vendor task that two attempts call their own.
        (
            "attempt_vendor_task",
            attempt
                + ", vendor_task_id, accepted_at) "
                + "SELECT \(of("queued")), 1, account_id, 9, 'm', vendor_task_id, now() "
                + "FROM attempt WHERE task_id = \(of("running"))"
        ),
        (
            "attempt_number_unique",
            attempt
                + ") SELECT task_id, number, account_id, 9, 'm' FROM attempt WHERE task_id = \(of("running"))"
        ),
        ("attempt_slot_positive", attempt + ") VALUES (\(of("queued")), 1, 1, 0, 'm')"),
        ("attempt_account_id_fkey", attempt + ") VALUES (\(of("queued")), 1, 4711, 1, 'm')"),
        (
            "attempt_outcome_iff_finished",
            "UPDATE attempt SET finished_at = now() WHERE task_id = \(of("running"))"
        ),
        (
            "attempt_outcome_iff_finished",
            "UPDATE attempt SET outcome = 'failed' WHERE task_id = \(of("running"))"
        ),
        (
            "attempt_outcome_known",
            "UPDATE attempt SET outcome = 'lost', finished_at = now() WHERE task_id = \(of("running"))"
        ),
        (
            "attempt_accepted_with_id",
            "UPDATE attempt SET vendor_task_id = NULL WHERE task_id = \(of("running"))"
        ),
    ]

    @Test func noAttemptTakesWhatAnotherHas() throws { try expectRefused(Self.attempts) }

    /// The same vendor task id at another account is another task.
    @Test func twoAccountsMayUseTheSameVendorTaskID() throws {
        try lives()
        try database.sql(
            """
            \(Self.attempt), vendor_task_id, accepted_at)
            SELECT \(Self.of("queued")), 1, (SELECT id FROM account WHERE name = 'two'), 1, 'm',
                vendor_task_id, now()
            FROM attempt WHERE task_id = \(Self.of("running"))
            """)
    }

    /// A slot is free again when its attempt has ended.
    @Test func aFinishedAttemptLeavesItsSlot() throws {
        try lives()
        try database.sql(
            """
            \(Self.attempt)) SELECT \(Self.of("queued")), 1, account_id, slot, 'm' FROM attempt
            WHERE task_id = \(Self.of("done"))
            """
        )
    }

    private static let others = [
        ("account_cooling_has_end", "UPDATE account SET state = 'cooling'"),
        ("account_state_known", "UPDATE account SET state = 'tired'"),
        ("account_slots_in_range", "UPDATE account SET slots = 0"),
        ("account_name_unique", "UPDATE account SET name = 'same'"),
        ("account_name_form", "UPDATE account SET name = E'two\\nlines' WHERE name = 'one'"),
        ("account_base_url_form", "UPDATE account SET base_url = 'ftp://x'"),
        ("account_vendor_form", "UPDATE account SET vendor = 'Open AI'"),
        ("account_errors_not_negative", "UPDATE account SET consecutive_errors = -1"),
        ("api_key_public_id_form", "UPDATE api_key SET public_id = 'SHORT'"),
        ("api_key_secret_hash_length", "UPDATE api_key SET secret_hash = '\\x00'"),
        ("api_key_expires_finite", "UPDATE api_key SET expires_at = 'infinity'"),
        ("api_key_created_status_known", "UPDATE api_key SET video_created_status = 202"),
        ("api_key_content_mode_known", "UPDATE api_key SET content_mode = 'guess'"),
        ("app_user_role_known", "UPDATE app_user SET role = 'root'"),
        ("app_user_password_form", "UPDATE app_user SET password_hash = 'plain'"),
        ("app_user_name_unique", "INSERT INTO app_user (name) VALUES ('owner')"),
        ("asset_sha256_length", "UPDATE asset SET sha256 = '\\x00'"),
        ("asset_media_type_form", "UPDATE asset SET media_type = 'text/html'"),
        ("config_version_one_row", "INSERT INTO config_version (only_row) VALUES (false)"),
        ("config_version_pkey", "INSERT INTO config_version DEFAULT VALUES"),
        ("idempotency_key_length", "INSERT INTO idempotency VALUES (1, '', sha256(''), 1)"),
        ("idempotency_hash_length", "INSERT INTO idempotency VALUES (1, 'k', '\\x00', 1)"),
        ("model_id_form", "UPDATE model SET id = 'two words' WHERE id = 'sora-2'"),
        (
            "model_category_known",
            "UPDATE model_category SET category = 'x2y' WHERE model_id = 'sora-2' AND category = 't2v'"
        ),
        ("model_category_parameters_array", "UPDATE model_category SET parameters = '{}'"),
        (
            "route_unique",
            "INSERT INTO route (model_id, vendor, vendor_model) VALUES ('sora-2', 'openai', 'sora-2')"
        ),
        ("task_input_parameters_object", "UPDATE task_input SET parameters = '[]'"),
        ("task_input_prompt_length", "UPDATE task_input SET prompt = repeat('x', 32001)"),
        ("task_asset_role_known", "UPDATE task_asset SET role = 'gift'"),
        ("task_asset_asset_id_fkey", "DELETE FROM asset"),
        ("setting_name_form", "INSERT INTO setting VALUES ('Two Words', '1', '')"),
    ]

    @Test func everyOtherRuleHoldsToo() throws { try expectRefused(Self.others) }
}
