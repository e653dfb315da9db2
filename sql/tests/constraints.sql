-- constraints.sql: every rule of the tables refuses its impossible row, and none is forgotten here.
\ir support.psql
SELECT no_plan();

-- Users and keys
SELECT pg_temp.refuses('app_user_name_unique', $$INSERT INTO app_user (name) VALUES ('owner')$$);
SELECT pg_temp.refuses('app_user_name_form', $$INSERT INTO app_user (name) VALUES (E'two\nlines')$$);
SELECT pg_temp.refuses('app_user_name_form', $$INSERT INTO app_user (name) VALUES ('')$$);
SELECT pg_temp.refuses('app_user_role_known', $$UPDATE app_user SET role = 'root'$$);
SELECT pg_temp.refuses('app_user_state_known', $$UPDATE app_user SET state = 'asleep'$$);
SELECT pg_temp.refuses('app_user_password_form', $$UPDATE app_user SET password_hash = 'plain'$$);
SELECT pg_temp.refuses('app_user_requests_positive', $$UPDATE app_user SET requests_per_minute = 0$$);
SELECT pg_temp.refuses('app_user_concurrent_positive', $$UPDATE app_user SET concurrent_tasks_max = 0$$);
SELECT pg_temp.refuses('api_key_public_id_unique', $$INSERT INTO api_key (user_id, public_id, secret_hash)
    SELECT user_id, public_id, secret_hash FROM api_key$$);
SELECT pg_temp.refuses('api_key_public_id_form', $$UPDATE api_key SET public_id = 'SHORT'$$);
SELECT pg_temp.refuses('api_key_secret_hash_length', $$UPDATE api_key SET secret_hash = '\x00'$$);
SELECT pg_temp.refuses('api_key_name_length', $$UPDATE api_key SET name = repeat('x', 129)$$);
SELECT pg_temp.refuses('api_key_expires_finite', $$UPDATE api_key SET expires_at = 'infinity'$$);
SELECT pg_temp.refuses('api_key_requests_positive', $$UPDATE api_key SET requests_per_minute = 0$$);
SELECT pg_temp.refuses('api_key_concurrent_positive', $$UPDATE api_key SET concurrent_tasks_max = 0$$);
SELECT pg_temp.refuses('api_key_quota_cap_not_negative', $$UPDATE api_key SET quota_cap_micros = -1$$);
SELECT pg_temp.refuses('api_key_created_status_known', $$UPDATE api_key SET video_created_status = 202$$);
SELECT pg_temp.refuses('api_key_content_mode_known', $$UPDATE api_key SET content_mode = 'guess'$$);
SELECT pg_temp.refuses('api_key_dialect_known', $$UPDATE api_key SET dialect = 'openart'$$);
SELECT pg_temp.refuses('api_key_chat_format_known', $$UPDATE api_key SET chat_format = 'prose'$$);
SELECT pg_temp.refuses('api_key_user_id_fkey', $$UPDATE api_key SET user_id = 4711$$);
SELECT pg_temp.refuses('api_key_user_id_fkey', $$DELETE FROM app_user WHERE name = 'owner'$$);

-- Models, routes, accounts
SELECT pg_temp.refuses('model_pkey', $$INSERT INTO model (id, kind, family) VALUES ('sora-2', 'video', 'sora')$$);
SELECT pg_temp.refuses('model_id_form', $$UPDATE model SET id = 'two words' WHERE id = 'sora-2'$$);
SELECT pg_temp.refuses('model_kind_known', $$UPDATE model SET kind = 'song'$$);
SELECT pg_temp.refuses('model_family_form', $$UPDATE model SET family = 'So Ra'$$);
SELECT pg_temp.refuses('model_category_pkey', $$INSERT INTO model_category VALUES ('sora-2', 't2v')$$);
SELECT pg_temp.refuses('model_category_known', $$INSERT INTO model_category VALUES ('sora-2', 'x2y')$$);
SELECT pg_temp.refuses('model_category_parameters_array', $$UPDATE model_category SET parameters = '{}'$$);
SELECT pg_temp.refuses('model_category_text_takes_no_media',
    $$INSERT INTO model_category VALUES ('sora-2', 't2i', '[{"name": "image", "type": "media", "media": "image"}]')$$);
SELECT pg_temp.refuses('model_category_model_id_fkey', $$INSERT INTO model_category VALUES ('none', 't2v')$$);
SELECT pg_temp.refuses('route_unique', $$INSERT INTO route (model_id, vendor, vendor_model)
    SELECT model_id, vendor, vendor_model FROM route$$);
SELECT pg_temp.refuses('route_vendor_form', $$UPDATE route SET vendor = 'Open AI'$$);
SELECT pg_temp.refuses('route_position_positive', $$UPDATE route SET position = 0$$);
SELECT pg_temp.refuses('route_weight_positive', $$UPDATE route SET weight = 0$$);
SELECT pg_temp.refuses('route_cost_not_negative', $$UPDATE route SET cost_micros = -1$$);
SELECT pg_temp.refuses('route_usual_seconds_positive', $$UPDATE route SET usual_seconds = 0$$);
SELECT pg_temp.refuses('route_cost_not_negative', $$UPDATE route SET cost_micros = -1$$);
SELECT pg_temp.refuses('route_model_id_fkey', $$INSERT INTO route (model_id, vendor, vendor_model)
    VALUES ('none', 'openai', 'none')$$);
SELECT pg_temp.refuses('account_name_unique', $$UPDATE account SET name = 'same'$$);
SELECT pg_temp.refuses('account_name_form', $$UPDATE account SET name = E'two\nlines' WHERE name = 'one'$$);
SELECT pg_temp.refuses('account_vendor_form', $$UPDATE account SET vendor = 'Open AI'$$);
SELECT pg_temp.refuses('account_base_url_form', $$UPDATE account SET base_url = 'ftp://one.example'$$);
SELECT pg_temp.refuses('account_slots_in_range', $$UPDATE account SET slots = 0$$);
SELECT pg_temp.refuses('account_slots_in_range', $$UPDATE account SET slots = 100001$$);
SELECT pg_temp.refuses('account_weight_positive', $$UPDATE account SET weight = 0$$);
SELECT pg_temp.refuses('account_state_known', $$UPDATE account SET state = 'tired'$$);
SELECT pg_temp.refuses('account_cooling_has_end', $$UPDATE account SET state = 'cooling'$$);
SELECT pg_temp.refuses('account_errors_not_negative', $$UPDATE account SET consecutive_errors = -1$$);
SELECT pg_temp.refuses('account_throttles_not_negative', $$UPDATE account SET consecutive_throttles = -1$$);

-- Tasks: only rows that make sense
CREATE FUNCTION pg_temp.change(word text, change text) RETURNS text LANGUAGE sql
    AS $$ SELECT format('UPDATE task SET %s WHERE id = pg_temp.the(%L)', change, word) $$;
SELECT pg_temp.refuses(rule, pg_temp.change(word, change)) FROM (VALUES
    ('task_state_known', 'running', $$state = 'resting', phase = NULL, due_at = NULL$$),
    ('task_kind_known', 'queued', $$kind = 'song'$$),
    ('task_phase_iff_running', 'running', 'phase = NULL'),
    ('task_phase_iff_running', 'queued', $$phase = 'waiting'$$),
    ('task_phase_known', 'running', $$phase = 'thinking'$$),
    ('task_finished_iff_final', 'running', $$state = 'cancelled', phase = NULL, due_at = NULL$$),
    ('task_finished_iff_final', 'queued', 'finished_at = now()'),
    ('task_due_iff_open', 'running', 'due_at = NULL'),
    ('task_due_iff_open', 'failed', 'due_at = now()'),
    ('task_progress_in_range', 'storing', 'progress = 101'),
    ('task_complete_iff_succeeded', 'storing', 'progress = 100'),
    ('task_complete_iff_succeeded', 'storing', $$state = 'succeeded', due_at = NULL, finished_at = now()$$),
    ('task_error_iff_failed', 'storing', $$state = 'failed', due_at = NULL, finished_at = now()$$),
    ('task_error_iff_failed', 'running', $$error_code = 'x'$$),
    ('task_attempt_not_negative', 'queued', 'attempt = -1'),
    ('task_deleted_only_final', 'running', 'deleted_at = now()'),
    ('task_key_id_fkey', 'queued', 'key_id = 4711')) AS t (rule, word, change);
CREATE FUNCTION pg_temp.new_task(owner bigint, price bigint) RETURNS text LANGUAGE sql AS $$
    SELECT format('INSERT INTO task (user_id, model_id, kind, category, price_micros) '
        'VALUES (%L, %L, %L, %L, %L)', owner, 'sora-2', 'video', 't2v', price)
$$;
SELECT pg_temp.refuses('task_price_not_negative', pg_temp.new_task((SELECT min(user_id) FROM wallet), -1));
SELECT pg_temp.refuses('task_price_reaches_piece', $$INSERT INTO task (user_id, model_id, kind, category, piece_micros)
    SELECT min(user_id), 'sora-2', 'video', 't2v', 1 FROM wallet$$);
SELECT pg_temp.refuses('task_captured_only_succeeded', $$UPDATE task SET captured_micros = 0
    WHERE id = pg_temp.the('running')$$);
SELECT pg_temp.refuses('task_captured_within_price', $$UPDATE task SET state = 'succeeded', progress = 100, phase = NULL,
    due_at = NULL, finished_at = now(), captured_micros = 1 WHERE id = pg_temp.the('storing')$$);
SELECT pg_temp.refuses('task_user_id_fkey', pg_temp.new_task(4711, 0));
SELECT pg_temp.refuses('task_input_pkey', $$INSERT INTO task_input (task_id, uid, dialect, prompt, parameters)
    VALUES (pg_temp.the('queued'), gen_random_uuid(), 'openai', '', '{}')$$);
SELECT pg_temp.refuses('task_input_uid', $$UPDATE task_input
    SET uid = (SELECT uid FROM task_input WHERE task_id = pg_temp.the('running'))
    WHERE task_id = pg_temp.the('queued')$$);
SELECT pg_temp.refuses('task_input_prompt_length', $$UPDATE task_input SET prompt = repeat('x', 32001)$$);
SELECT pg_temp.refuses('task_input_parameters_object', $$UPDATE task_input SET parameters = '[]'$$);
SELECT pg_temp.refuses('task_input_user_identifier_length',
    $$UPDATE task_input SET user_identifier = repeat('x', 129)$$);
SELECT pg_temp.refuses('task_input_task_id_fkey', $$INSERT INTO task_input (task_id, uid, dialect, prompt, parameters)
    VALUES (4711, gen_random_uuid(), 'openai', '', '{}')$$);

-- Attempts: a slot is one attempt's, and a vendor's task too
CREATE FUNCTION pg_temp.attempt(word text, number integer, account bigint, slot integer, ticket text) RETURNS text
LANGUAGE sql AS $$
    SELECT format('INSERT INTO attempt (task_id, number, account_id, slot, vendor_model, vendor_task_id, accepted_at) '
        'VALUES (%L, %L, %L, %L, %L, %L, %L)', coalesce(pg_temp.the(word), 4711), number, account, slot, 'sora-2',
        ticket, CASE WHEN ticket IS NOT NULL THEN now() END)
$$;
SELECT pg_temp.refuses(rule, pg_temp.attempt(word, number, account_id, slot, ticket))
FROM (SELECT id FROM account WHERE name = 'one') AS one, LATERAL (VALUES
    ('attempt_slot_taken', 'queued', 1, one.id, 1, NULL),
    ('attempt_vendor_task', 'queued', 1, one.id, 4, 'video_running'),
    ('attempt_number_unique', 'running', 1, one.id, 4, NULL),
    ('attempt_slot_positive', 'queued', 1, one.id, 0, NULL),
    ('attempt_account_id_fkey', 'queued', 1, 4711, 4, NULL),
    ('attempt_task_id_fkey', 'no such task', 1, one.id, 4, NULL)) AS t (rule, word, number, account_id, slot, ticket);
SELECT lives_ok(pg_temp.attempt('queued', 1, id, 3, 'video_new'), 'a finished attempt has left its slot')
    FROM account WHERE name = 'one';
SELECT lives_ok(pg_temp.attempt('queued', 2, id, 1, 'video_running'), 'another account may use the same vendor id')
    FROM account WHERE name = 'two';
SELECT pg_temp.refuses('attempt_account_id_fkey', $$DELETE FROM account WHERE name = 'one'$$);
SELECT pg_temp.refuses('attempt_outcome_known', $$UPDATE attempt SET outcome = 'lost', finished_at = now()$$);
SELECT pg_temp.refuses('attempt_outcome_iff_finished', $$UPDATE attempt SET outcome = 'failed', finished_at = NULL$$);
SELECT pg_temp.refuses('attempt_outcome_iff_finished', $$UPDATE attempt SET outcome = NULL, finished_at = now()$$);
SELECT pg_temp.refuses('attempt_accepted_with_id', $$UPDATE attempt SET vendor_task_id = NULL$$);
SELECT pg_temp.refuses('removal_pkey', $$INSERT INTO removal SELECT attempt_id FROM removal$$);
SELECT pg_temp.refuses('removal_tries_not_negative', $$UPDATE removal SET tries = -1$$);
SELECT pg_temp.refuses('removal_attempt_id_fkey', $$INSERT INTO removal VALUES (4711)$$);
INSERT INTO media_removal (sha256, media_type) VALUES (sha256('bytes'), 'video/mp4');
SELECT pg_temp.refuses('media_removal_pkey', $$INSERT INTO media_removal SELECT * FROM media_removal$$);
SELECT pg_temp.refuses('media_removal_sha256_length', $$UPDATE media_removal SET sha256 = '\x00'$$);
SELECT pg_temp.refuses('media_removal_media_type_form', $$UPDATE media_removal SET media_type = '../x'$$);
SELECT pg_temp.refuses('media_removal_tries_not_negative', $$UPDATE media_removal SET tries = -1$$);
SELECT pg_temp.refuses('cancellation_pkey', $$INSERT INTO cancellation SELECT attempt_id FROM cancellation$$);
SELECT pg_temp.refuses('cancellation_attempt_id_fkey', $$INSERT INTO cancellation VALUES (4711)$$);

-- Assets
SELECT pg_temp.refuses('asset_unique', $$INSERT INTO asset (user_id, sha256, bytes, media_type)
    SELECT user_id, sha256, bytes, media_type FROM asset$$);
SELECT pg_temp.refuses('asset_sha256_length', $$UPDATE asset SET sha256 = '\x00'$$);
SELECT pg_temp.refuses('asset_bytes_not_negative', $$UPDATE asset SET bytes = -1$$);
SELECT pg_temp.refuses('asset_media_type_form', $$UPDATE asset SET media_type = 'text/html'$$);
SELECT pg_temp.refuses('asset_user_id_fkey', $$UPDATE asset SET user_id = 4711$$);
SELECT pg_temp.refuses('task_asset_pkey', $$INSERT INTO task_asset SELECT * FROM task_asset$$);
SELECT pg_temp.refuses('task_asset_role_known', $$UPDATE task_asset SET role = 'gift'$$);
SELECT pg_temp.refuses('task_asset_position_not_negative', $$UPDATE task_asset SET position = -1$$);
SELECT pg_temp.refuses('task_asset_revised_prompt_length',
    $$UPDATE task_asset SET revised_prompt = repeat('x', 32001)$$);
SELECT pg_temp.refuses('task_asset_task_id_fkey', $$UPDATE task_asset SET task_id = 4711$$);
SELECT pg_temp.refuses('task_asset_asset_id_fkey', $$DELETE FROM asset$$);

-- Idempotency, limits, settings
SELECT pg_temp.refuses('idempotency_pkey', $$INSERT INTO idempotency SELECT * FROM idempotency$$);
SELECT pg_temp.refuses('idempotency_key_length', $$UPDATE idempotency SET key = ''$$);
SELECT pg_temp.refuses('idempotency_key_length', $$UPDATE idempotency SET key = repeat('x', 256)$$);
SELECT pg_temp.refuses('idempotency_hash_length', $$UPDATE idempotency SET request_hash = '\x00'$$);
SELECT pg_temp.refuses('idempotency_user_id_fkey', $$UPDATE idempotency SET user_id = 4711$$);
SELECT pg_temp.refuses('request_permit_pkey', $$INSERT INTO request_permit SELECT * FROM request_permit$$);
SELECT pg_temp.refuses('request_permit_holder_known', $$UPDATE request_permit SET holder = 'guest'$$);
SELECT pg_temp.refuses('open_task_pkey', $$INSERT INTO open_task SELECT * FROM open_task$$);
SELECT pg_temp.refuses('open_task_holder_known', $$UPDATE open_task SET holder = 'guest'$$);
SELECT pg_temp.refuses('setting_pkey', $$INSERT INTO setting SELECT * FROM setting$$);
SELECT pg_temp.refuses('setting_name_form', $$INSERT INTO setting VALUES ('Two Words', '1', '')$$);
SELECT pg_temp.refuses('config_version_pkey', $$INSERT INTO config_version DEFAULT VALUES$$);
SELECT pg_temp.refuses('config_version_one_row', $$INSERT INTO config_version (only_row) VALUES (false)$$);

-- Webhooks
SELECT pg_temp.refuses('webhook_endpoint_url_form', $$UPDATE webhook_endpoint SET url = 'ftp://receiver.example'$$);
SELECT pg_temp.refuses('webhook_endpoint_url_length',
    $$UPDATE webhook_endpoint SET url = 'https://receiver.example/' || repeat('x', 2048)$$);
SELECT pg_temp.refuses('webhook_endpoint_reason_iff_disabled', $$UPDATE webhook_endpoint SET enabled = false$$);
SELECT pg_temp.refuses('webhook_endpoint_reason_iff_disabled', $$UPDATE webhook_endpoint SET disabled_reason = 'x'$$);
SELECT pg_temp.refuses('webhook_endpoint_failures_not_negative',
    $$UPDATE webhook_endpoint SET consecutive_failures = -1, failing_since = now()$$);
SELECT pg_temp.refuses('webhook_endpoint_failures_have_begin',
    $$UPDATE webhook_endpoint SET consecutive_failures = 1$$);
SELECT pg_temp.refuses('webhook_endpoint_user_id_fkey', $$UPDATE webhook_endpoint SET user_id = 4711$$);
SELECT pg_temp.refuses('webhook_delivery_event_known', $$UPDATE webhook_delivery SET event = 'task.begun'$$);
SELECT pg_temp.refuses('webhook_delivery_state_known',
    $$UPDATE webhook_delivery SET state = 'lost', due_at = NULL, finished_at = now()$$);
SELECT pg_temp.refuses('webhook_delivery_due_iff_pending', $$UPDATE webhook_delivery SET due_at = NULL$$);
SELECT pg_temp.refuses('webhook_delivery_finished_iff_final', $$UPDATE webhook_delivery SET finished_at = now()$$);
SELECT pg_temp.refuses('webhook_delivery_tries_not_negative', $$UPDATE webhook_delivery SET tries = -1$$);
SELECT pg_temp.refuses('webhook_delivery_endpoint_id_fkey', $$UPDATE webhook_delivery SET endpoint_id = 4711$$);

-- Prices, quota and the ledger
SELECT pg_temp.refuses('price_pkey', $$INSERT INTO price SELECT * FROM price$$);
SELECT pg_temp.refuses('price_category_fkey', $$UPDATE price SET category = 't2i'$$);
SELECT pg_temp.refuses('price_resolution_form', $$UPDATE price SET resolution = 'very large'$$);
SELECT pg_temp.refuses('price_task_in_range', $$UPDATE price SET task_micros = -1$$);
SELECT pg_temp.refuses('price_second_in_range', $$UPDATE price SET second_micros = -1$$);
SELECT pg_temp.refuses('price_image_in_range', $$UPDATE price SET image_micros = 1000000000001$$);
SELECT pg_temp.refuses('price_input_in_range', $$UPDATE price SET input_micros = -1$$);
SELECT pg_temp.refuses('price_output_in_range', $$UPDATE price SET output_micros = 1000000000001$$);
SELECT pg_temp.refuses('relay_captured_within_held', $$INSERT INTO relay (user_id, key_id, model_id, held_micros,
    captured_micros, deadline_at) VALUES (1, 1, 'gpt-4', 5, 6, now())$$);
SELECT pg_temp.refuses('price_off_peak_percent_in_range', $$UPDATE price SET off_peak_percent = 101$$);
SELECT pg_temp.refuses('wallet_pkey', $$INSERT INTO wallet SELECT * FROM wallet$$);
SELECT pg_temp.refuses('wallet_available_not_negative', $$UPDATE wallet SET available_micros = -1$$);
SELECT pg_temp.refuses('wallet_held_not_negative', $$UPDATE wallet SET held_micros = -1$$);
SELECT pg_temp.refuses('wallet_used_not_negative', $$UPDATE wallet SET used_micros = -1$$);
SELECT pg_temp.refuses('wallet_total_in_range', $$UPDATE wallet SET used_micros = 4000000000000000001$$);
SELECT pg_temp.refuses('wallet_user_id_fkey', $$UPDATE wallet SET user_id = 4711$$);
SELECT pg_temp.refuses('key_spend_pkey', $$INSERT INTO key_spend SELECT * FROM key_spend$$);
SELECT pg_temp.refuses('key_spend_not_negative', $$UPDATE key_spend SET spent_micros = -1$$);
SELECT pg_temp.refuses('key_spend_key_id_fkey', $$UPDATE key_spend SET key_id = 4711$$);
CREATE FUNCTION pg_temp.transfer(event text, kind text, debit text, credit text, amount bigint, task bigint, note text)
RETURNS text LANGUAGE sql AS $$
    SELECT format('INSERT INTO ledger (event, kind, debit, credit, user_id, amount_micros, task_id, note) '
        'VALUES (%L, %L, %L, %L, %L, %L, %L, %L)', event, kind, debit, credit, min(user_id), amount, task, note)
    FROM wallet
$$;
SELECT pg_temp.refuses(rule, pg_temp.transfer(event, kind, debit, credit, amount, task, note)) FROM (VALUES
    ('ledger_event_unique', 'topup:first', 'topup', 'issued', 'available', 1, NULL, ''),
    ('ledger_event_length', '', 'topup', 'issued', 'available', 1, NULL, ''),
    ('ledger_books_of_kind', 'topup:2', 'topup', 'available', 'issued', 1, NULL, ''),
    ('ledger_books_of_kind', 'settle:1', 'capture', 'available', 'used', 1, 1, ''),
    ('ledger_books_of_kind', 'gift:1', 'gift', 'issued', 'available', 1, NULL, ''),
    ('ledger_amount_in_range', 'topup:2', 'topup', 'issued', 'available', 0, NULL, ''),
    ('ledger_subject_iff_settled', 'topup:2', 'topup', 'issued', 'available', 1, 1, ''),
    ('ledger_subject_iff_settled', 'hold:1', 'hold', 'available', 'held', 1, NULL, ''),
    ('ledger_note_length', 'topup:2', 'topup', 'issued', 'available', 1, NULL, repeat('x', 501)))
    AS t (rule, event, kind, debit, credit, amount, task, note);
SELECT pg_temp.refuses('code_batch_amount_in_range', $$UPDATE code_batch SET amount_micros = 0$$);
SELECT pg_temp.refuses('code_batch_note_length', $$UPDATE code_batch SET note = repeat('x', 501)$$);
SELECT pg_temp.refuses('code_batch_expires_finite', $$UPDATE code_batch SET expires_at = 'infinity'$$);
SELECT pg_temp.refuses('redemption_code_hash_unique', $$INSERT INTO redemption_code (batch_id, code_hash)
    SELECT batch_id, code_hash FROM redemption_code$$);
SELECT pg_temp.refuses('redemption_code_hash_length', $$UPDATE redemption_code SET code_hash = '\x00'$$);
SELECT pg_temp.refuses('redemption_code_redeemed_by_somebody', $$UPDATE redemption_code SET redeemed_at = now()$$);
SELECT pg_temp.refuses('redemption_code_redeemed_or_void', $$UPDATE redemption_code SET voided_at = now(),
    redeemed_at = now(), redeemed_by = (SELECT min(user_id) FROM wallet)$$);
SELECT pg_temp.refuses('redemption_code_batch_id_fkey', $$UPDATE redemption_code SET batch_id = 4711$$);
SELECT pg_temp.refuses('redemption_code_redeemed_by_fkey',
    $$UPDATE redemption_code SET redeemed_at = now(), redeemed_by = 4711$$);

SELECT pg_temp.refuses('credit_turn_pkey', $$INSERT INTO credit_turn DEFAULT VALUES$$);
SELECT pg_temp.refuses('credit_turn_one_row', $$INSERT INTO credit_turn (only_row) VALUES (false)$$);

-- Settings that SQL reads
SELECT pg_temp.refuses('setting_off_peak_window_form', format(
    'UPDATE setting SET value = %L WHERE name = %L', value, 'off_peak_window')) FROM (VALUES
    ('"22:00"'), ('"22:00-24:00"'), ('"22:00-8:00"'), ('"22:00-08:00,"'), ('" "'), ('7'), ('null')) AS t (value);
SELECT pg_temp.refuses('setting_off_peak_time_zone_known',
    $$UPDATE setting SET value = '7' WHERE name = 'off_peak_time_zone'$$);
SELECT throws_ok($$UPDATE setting SET value = '"Mars/Olympus"' WHERE name = 'off_peak_time_zone'$$, '22023',
    NULL, 'a time zone that nobody knows is refused');

-- Usage
SELECT pg_temp.refuses('usage_day_once', $$INSERT INTO usage_day
    SELECT current_date, 1, NULL, 'sora-2', NULL, '', 1, 0, 0, 0, 0, 0 FROM generate_series(1, 2)$$);
SELECT pg_temp.refuses('usage_pending_pkey', $$INSERT INTO usage_pending VALUES (1), (1)$$);

-- Logs
SELECT cmp_ok(keep_logs(1, now()), '>', 0, 'there are partitions for today');
CREATE FUNCTION pg_temp.request(status integer, micros bigint) RETURNS text LANGUAGE sql AS $$
    SELECT format('INSERT INTO request_log (at, process, request_id, status, duration_micros, client_address, '
        'response_bytes) VALUES (now(), %L, %L, %L, %L, %L, 0)', 'here', 'one', status, micros, '127.0.0.1')
$$;
CREATE FUNCTION pg_temp.event(level text, fields text) RETURNS text LANGUAGE sql AS $$
    SELECT format('INSERT INTO event_log (at, process, level, name, fields) VALUES (now(), %L, %L, %L, %L)',
        'here', level, 'started', fields)
$$;
SELECT pg_temp.refuses('request_log_status_range', pg_temp.request(99, 1));
SELECT pg_temp.refuses('request_log_status_range', pg_temp.request(600, 1));
SELECT pg_temp.refuses('request_log_duration_not_negative', pg_temp.request(200, -1));
SELECT lives_ok(pg_temp.request(200, 0), 'an ordinary request is kept');
SELECT pg_temp.refuses('event_log_level_known', pg_temp.event('shout', '{}'));
SELECT pg_temp.refuses('event_log_fields_object', pg_temp.event('info', '[]'));
SELECT lives_ok(pg_temp.event('info', '{}'), 'an ordinary event too');

-- Characters
SELECT pg_temp.refuses('cameo_uid_unique', $$INSERT INTO cameo (uid, user_id, account_id, model, busy_until)
    SELECT uid, user_id, account_id, model, now() FROM cameo$$);
SELECT pg_temp.refuses('cameo_once', $$INSERT INTO cameo (user_id, account_id, model, busy_until, idempotency_key,
    request_hash) SELECT user_id, account_id, model, now(), idempotency_key, request_hash FROM cameo$$);
SELECT pg_temp.refuses('cameo_state_known', $$UPDATE cameo SET state = 'lost', busy_until = NULL$$);
SELECT pg_temp.refuses('cameo_made_iff_finalized', $$UPDATE cameo SET state = 'finalized', busy_until = NULL$$);
SELECT pg_temp.refuses('cameo_made_iff_finalized', $$UPDATE cameo SET cameo_id = 'ch_1'$$);
SELECT pg_temp.refuses('cameo_busy_iff_processing', $$UPDATE cameo SET busy_until = NULL$$);
SELECT pg_temp.refuses('cameo_busy_iff_processing', $$UPDATE cameo SET state = 'finalized', cameo_id = 'ch_1'$$);
SELECT pg_temp.refuses('cameo_key_has_hash', $$UPDATE cameo SET request_hash = NULL$$);
SELECT pg_temp.refuses('cameo_request_hash_length', $$UPDATE cameo SET request_hash = '\x00'$$);
SELECT pg_temp.refuses('cameo_user_id_fkey', $$UPDATE cameo SET user_id = 4711$$);
SELECT pg_temp.refuses('cameo_account_id_fkey', $$UPDATE cameo SET account_id = 4711$$);

-- Nothing is forgotten. A number that the database itself gives cannot come twice.
SELECT is_empty($$
    SELECT conname FROM pg_constraint c
    WHERE connamespace = 'kinora'::regnamespace AND contype IN ('c', 'u', 'f', 'p', 'x')
        AND NOT EXISTS (SELECT FROM pg_attribute a LEFT JOIN pg_attrdef d ON (adrelid, adnum) = (attrelid, attnum)
            WHERE contype = 'p' AND a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
                AND (a.attidentity = 'a' OR pg_get_expr(adbin, adrelid) LIKE 'nextval(%'))
    UNION SELECT relname FROM pg_index i JOIN pg_class r ON r.oid = i.indexrelid
        WHERE i.indisunique AND NOT i.indisprimary AND r.relnamespace = 'kinora'::regnamespace
    EXCEPT SELECT rule FROM met
$$, 'every rule of the schema is met above');

SELECT * FROM finish();
ROLLBACK;
