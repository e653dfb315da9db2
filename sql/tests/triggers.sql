-- triggers.sql: what a trigger promises: final states are final, nothing that rises falls, and who is told.
\ir support.psql
SELECT no_plan();

-- A final state never changes, whoever writes.
SELECT pg_temp.refuses('task_final_is_final', format('UPDATE task SET %s WHERE id = pg_temp.the(%L)', change, word))
FROM unnest(ARRAY['succeeded', 'failed', 'cancelled', 'expired']) AS word, unnest(ARRAY[
    $$state = 'queued', finished_at = NULL, due_at = now(), progress = 0, error_code = NULL$$,
    $$state = CASE state WHEN 'cancelled' THEN 'expired' ELSE 'cancelled' END, progress = least(progress, 99),
        error_code = CASE state WHEN 'cancelled' THEN 'task_deadline' END$$,
    $$finished_at = finished_at + interval '1 s'$$,
    $$price_micros = 7$$]) AS change;
SELECT pg_temp.refuses('task_final_is_final', $$UPDATE task SET error_code = 'x' WHERE id = pg_temp.the('failed')$$);
SELECT lives_ok($$UPDATE task SET deleted_at = now() WHERE id = pg_temp.the('succeeded')$$,
    'what is final may be deleted');

-- The fence of a claim, and progress.
SELECT pg_temp.refuses('task_claim_never_falls',
    $$UPDATE task SET claim = claim - 1 WHERE id = pg_temp.the('running')$$);
SELECT pg_temp.refuses('task_progress_never_falls',
    $$UPDATE task SET progress = 39 WHERE id = pg_temp.the('running')$$);
SELECT lives_ok($$UPDATE task SET claim = claim + 1, progress = 41 WHERE id = pg_temp.the('running')$$,
    'both may rise');

-- Who pays how much is fixed, and the ledger is only added to, whoever asks.
SELECT pg_temp.refuses('task_price_is_fixed', $$UPDATE task SET price_micros = 7 WHERE id = pg_temp.the('queued')$$);
SELECT pg_temp.refuses('task_price_is_fixed',
    $$UPDATE task SET user_id = (SELECT id FROM app_user WHERE name = 'stranger') WHERE id = pg_temp.the('queued')$$);
SELECT pg_temp.refuses('ledger_append_only', statement) FROM unnest(ARRAY[
    'UPDATE ledger SET amount_micros = 1', 'DELETE FROM ledger', 'TRUNCATE ledger']) AS statement;

-- Money: held with the task, captured by a success, released by any other end, and never more than there is.
CREATE FUNCTION pg_temp.pays(price bigint) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO task (user_id, model_id, kind, category, price_micros)
    SELECT id, 'sora-2', 'video', 't2v', price FROM app_user WHERE name = 'owner' RETURNING id
$$;
CREATE FUNCTION pg_temp.has(available bigint, held bigint, used bigint, what text) RETURNS text LANGUAGE sql AS $$
    SELECT tap.is(format('%s %s %s', available_micros, held_micros, used_micros),
        format('%s %s %s', available, held, used), what) FROM wallet
$$;
INSERT INTO life VALUES ('paid', pg_temp.pays(300)), ('released', pg_temp.pays(200));
SELECT pg_temp.has(500, 500, 0, 'two tasks are held for');
SELECT throws_ok('SELECT pg_temp.pays(501)', 'KN209', NULL, 'a task that is not covered is refused');
UPDATE task SET state = 'succeeded', progress = 100, due_at = NULL, finished_at = now() WHERE id = pg_temp.the('paid');
UPDATE task SET state = 'cancelled', due_at = NULL, finished_at = now() WHERE id = pg_temp.the('released');
SELECT pg_temp.has(700, 0, 300, 'a success is captured, the other one released');
UPDATE task SET deleted_at = now() WHERE id IN (pg_temp.the('paid'), pg_temp.the('released'));
SELECT pg_temp.has(700, 0, 300, 'and nothing is settled twice');
INSERT INTO life VALUES ('partly', pg_temp.pays(90));
SELECT pg_temp.refuses('task_price_is_fixed', $$UPDATE task SET piece_micros = 7 WHERE id = pg_temp.the('partly')$$);
SELECT pg_temp.refuses('task_captured_only_succeeded',
    $$UPDATE task SET captured_micros = 7 WHERE id = pg_temp.the('partly')$$);
SELECT pg_temp.refuses('task_captured_within_price', $$UPDATE task SET state = 'succeeded', progress = 100,
    due_at = NULL, finished_at = now(), captured_micros = 91 WHERE id = pg_temp.the('partly')$$);
UPDATE task SET state = 'succeeded', progress = 100, due_at = NULL, finished_at = now(), captured_micros = 60
WHERE id = pg_temp.the('partly');
SELECT pg_temp.has(640, 0, 360, 'of a success that came in part only that part is captured');
SELECT pg_temp.refuses('task_final_is_final',
    $$UPDATE task SET captured_micros = 90 WHERE id = pg_temp.the('partly')$$);
SELECT lives_ok('SELECT pg_temp.pays(640)', 'what is left may be spent to the last bit');
SELECT results_eq($$SELECT refusal, added_micros FROM redeem((SELECT user_id FROM wallet), 1, sha256('code'), 9)$$,
    $$VALUES (NULL::text, 70::bigint)$$, 'a code adds what it is worth');
SELECT results_eq($$SELECT refusal, added_micros FROM redeem((SELECT user_id FROM wallet), 1, sha256('code'), 9)$$,
    $$VALUES ('used', NULL::bigint)$$, 'once');
SELECT pg_temp.has(70, 640, 360, 'and everything adds up');
SELECT is_empty('SELECT * FROM v_ledger_fault', 'as the proof says');
SELECT set_eq('SELECT task_id FROM usage_pending', $$SELECT id FROM life WHERE word IN ('paid', 'released', 'partly')$$,
    'what has ended is to be added up, once each');

-- Configuration: a change of it is counted, what workers write all the time is not.
CREATE FUNCTION pg_temp.counts(statement text, expected boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before bigint := (SELECT version FROM config_version);
BEGIN
    EXECUTE statement;
    RETURN tap.is((SELECT version FROM config_version) > before, expected, statement);
END $$;
SELECT pg_temp.counts(statement, true) FROM unnest(ARRAY[
    $$UPDATE app_user SET state = 'disabled' WHERE name = 'stranger'$$,
    $$UPDATE api_key SET revoked_at = now()$$,
    $$UPDATE model SET enabled = false$$,
    $$UPDATE model_category SET parameters = '[]'$$,
    $$UPDATE route SET weight = 2$$,
    $$UPDATE price SET task_micros = 5$$,
    $$UPDATE account SET state = 'disabled' WHERE name = 'two'$$,
    $$DELETE FROM account WHERE name = 'two'$$,
    $$UPDATE setting SET value = '7' WHERE name = 'error_ban_threshold'$$]) AS statement;
SELECT pg_temp.counts(statement, false) FROM unnest(ARRAY[
    $$UPDATE route SET usual_seconds = 7$$,
    $$UPDATE account SET consecutive_errors = 1, state = 'cooling', cooling_until = now()$$]) AS statement;

-- An account that could not pay works again once its credits rise, and only then.
UPDATE account SET credits_micros = 5, exhausted_at = now(), state_reason = 'upstream_money' WHERE name = 'one';
UPDATE account SET credits_micros = 4 WHERE name = 'one';
SELECT isnt(exhausted_at, NULL, 'fewer credits change nothing') FROM account WHERE name = 'one';
UPDATE account SET credits_micros = 6 WHERE name = 'one';
SELECT is(exhausted_at, NULL, 'more credits end it') FROM account WHERE name = 'one';
SELECT is(state_reason, '', 'and its reason') FROM account WHERE name = 'one';

-- A webhook is written once, with the end of a task of a user who asked for it, and with no word of the vendor's.
DELETE FROM webhook_delivery;
UPDATE task SET state = 'cancelled', phase = NULL, due_at = NULL, finished_at = now() WHERE id = pg_temp.the('running');
SELECT is_empty('SELECT FROM webhook_delivery', 'who has no endpoint is not told');
UPDATE webhook_endpoint SET user_id = (SELECT id FROM app_user WHERE name = 'owner');
UPDATE task SET progress = 99 WHERE id = pg_temp.the('storing');
SELECT is_empty('SELECT FROM webhook_delivery', 'what has not ended is not told');
UPDATE task SET state = 'failed', due_at = NULL, finished_at = now(), error_code = 'upstream_server',
    error_message = 'The generation failed.' WHERE id = pg_temp.the('storing');
UPDATE task SET deleted_at = now() WHERE id = pg_temp.the('storing');
SELECT results_eq($$SELECT event, payload::jsonb #>> '{data,error,code}' FROM webhook_delivery$$,
    $$VALUES ('task.failed', 'generation_failed')$$, 'one message, with the words of a poll');

SELECT * FROM finish();
ROLLBACK;
