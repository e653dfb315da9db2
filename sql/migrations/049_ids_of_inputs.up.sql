-- 049_ids_of_inputs.up.sql: a task's random id stands in what is written once.
-- Every claim and every end of a task writes a new version of its row, and an entry in each index of the table. Ids are
-- random: among a million tasks that is another page each time, written whole after each checkpoint.
-- Copies all ids: some seconds for a million tasks, and as much space as task_input has, until it is vacuumed. Both
-- tables are locked meanwhile. Stop `serve` and `work` first: they look for the id where it was.
SET LOCAL search_path = kinora;

-- Both at once: who reads one and waits for the other would wait for what waits for him.
LOCK TABLE task, task_input IN ACCESS EXCLUSIVE MODE;

ALTER TABLE task_input ADD COLUMN uid uuid;
UPDATE task_input i SET uid = t.uid FROM task t WHERE t.id = i.task_id;
ALTER TABLE task_input ALTER COLUMN uid SET NOT NULL;
COMMENT ON COLUMN task_input.uid IS 'Random id; every client-side spelling of the task''s id derives from it.';

CREATE OR REPLACE VIEW v_ledger_fault AS
WITH balance AS (
    SELECT user_id,
        sum(CASE 'available' WHEN credit THEN amount_micros WHEN debit THEN -amount_micros ELSE 0 END) AS available,
        sum(CASE 'held' WHEN credit THEN amount_micros WHEN debit THEN -amount_micros ELSE 0 END) AS held,
        sum(CASE 'used' WHEN credit THEN amount_micros WHEN debit THEN -amount_micros ELSE 0 END) AS used,
        sum(CASE 'issued' WHEN credit THEN -amount_micros WHEN debit THEN amount_micros ELSE 0 END) AS issued
    FROM ledger GROUP BY user_id),
key_balance AS (
    SELECT key_id, sum(CASE kind WHEN 'hold' THEN amount_micros WHEN 'release' THEN -amount_micros ELSE 0 END) AS spent
    FROM ledger WHERE key_id IS NOT NULL GROUP BY key_id),
settled AS (
    SELECT task_id, min(user_id) AS user_id, count(DISTINCT user_id) AS users,
        coalesce(sum(amount_micros) FILTER (WHERE kind = 'hold'), 0) AS held,
        coalesce(sum(amount_micros) FILTER (WHERE kind = 'capture'), 0) AS captured,
        coalesce(sum(amount_micros) FILTER (WHERE kind = 'release'), 0) AS released
    FROM ledger WHERE task_id IS NOT NULL GROUP BY task_id)
SELECT 'wallet' AS subject, coalesce(w.user_id, b.user_id) AS id,
    format('available, held, used are %s, %s, %s; the ledger says %s, %s, %s', coalesce(w.available_micros, 0),
        coalesce(w.held_micros, 0), coalesce(w.used_micros, 0), coalesce(b.available, 0), coalesce(b.held, 0),
        coalesce(b.used, 0)) AS fault
FROM wallet w FULL JOIN balance b USING (user_id)
WHERE (coalesce(w.available_micros, 0), coalesce(w.held_micros, 0), coalesce(w.used_micros, 0))
    IS DISTINCT FROM (coalesce(b.available, 0), coalesce(b.held, 0), coalesce(b.used, 0))
UNION ALL
SELECT 'books', NULL, format('all wallets hold %s; %s was issued', w.total, b.issued)
FROM (SELECT coalesce(sum(available_micros + held_micros + used_micros), 0) AS total FROM wallet) w,
    (SELECT coalesce(sum(issued), 0) AS issued FROM balance) b
WHERE w.total <> b.issued
UNION ALL
SELECT 'key', coalesce(s.key_id, b.key_id),
    format('spent is %s; the ledger says %s', coalesce(s.spent_micros, 0), coalesce(b.spent, 0))
FROM key_spend s FULL JOIN key_balance b USING (key_id)
WHERE coalesce(s.spent_micros, 0) <> coalesce(b.spent, 0)
UNION ALL
SELECT 'code', c.id, format('%s; the ledger has %s', CASE WHEN c.id IS NULL THEN 'no such code was redeemed'
        ELSE 'user ' || c.redeemed_by || ' redeemed ' || c.amount_micros END,
    CASE WHEN l.event IS NULL THEN 'nothing' ELSE l.event || ' of user ' || l.user_id || ', ' || l.amount_micros END)
FROM (SELECT c.id, c.redeemed_by, b.amount_micros FROM redemption_code c JOIN code_batch b ON b.id = c.batch_id
        WHERE c.redeemed_at IS NOT NULL) c
    FULL JOIN (SELECT * FROM ledger WHERE kind = 'redemption') l ON l.event = 'code:' || c.id
WHERE (c.redeemed_by, c.amount_micros) IS DISTINCT FROM (l.user_id, l.amount_micros)
UNION ALL
SELECT 'task', coalesce(t.id, s.task_id),
    format('%s, price %s: held %s, captured %s, released %s', coalesce(t.state || ' task of user ' || t.user_id,
        'no such task'), t.price_micros, coalesce(s.held, 0), coalesce(s.captured, 0), coalesce(s.released, 0))
FROM settled s FULL JOIN (SELECT id, user_id, state, price_micros, captured_micros FROM task WHERE price_micros > 0) t
        ON t.id = s.task_id
WHERE coalesce(s.users > 1 OR s.user_id <> t.user_id, false)
    OR coalesce(s.held, 0) <> coalesce(t.price_micros, s.captured + s.released)
    OR t.id IS NOT NULL AND (coalesce(s.captured, 0), coalesce(s.released, 0)) IS DISTINCT FROM
        (CASE WHEN t.state = 'succeeded' THEN coalesce(t.captured_micros, t.price_micros) ELSE 0 END,
            CASE WHEN t.state = 'succeeded' THEN t.price_micros - coalesce(t.captured_micros, t.price_micros)
                WHEN t.state IN ('failed', 'cancelled', 'expired') THEN t.price_micros ELSE 0 END)
UNION ALL
SELECT 'relay', coalesce(r.id, s.relay_id),
    format('%s: held %s, captured %s, released %s', CASE WHEN r.id IS NULL THEN 'has ended'
        ELSE 'open relay of user ' || r.user_id || ', holds ' || r.held_micros END,
        coalesce(s.held, 0), coalesce(s.captured, 0), coalesce(s.released, 0))
FROM (SELECT relay_id, min(user_id) AS user_id, count(DISTINCT user_id) AS users,
            coalesce(sum(amount_micros) FILTER (WHERE kind = 'hold'), 0) AS held,
            coalesce(sum(amount_micros) FILTER (WHERE kind = 'capture'), 0) AS captured,
            coalesce(sum(amount_micros) FILTER (WHERE kind = 'release'), 0) AS released
        FROM ledger WHERE relay_id IS NOT NULL GROUP BY relay_id) s
    FULL JOIN (SELECT * FROM relay WHERE held_micros > 0) r ON r.id = s.relay_id
WHERE coalesce(s.users > 1 OR s.user_id <> r.user_id, false)
    OR CASE WHEN r.id IS NULL THEN s.held <> s.captured + s.released
        ELSE (coalesce(s.held, 0), coalesce(s.captured + s.released, 0)) IS DISTINCT FROM (r.held_micros, 0) END;

CREATE OR REPLACE VIEW v_stuck_task AS
SELECT t.id, i.uid, t.model_id, t.state, t.phase, t.progress, t.worker_id, w.heartbeat_at,
       t.due_at, now() - t.due_at AS overdue
FROM task t LEFT JOIN task_input i ON i.task_id = t.id LEFT JOIN worker w ON w.id = t.worker_id
WHERE t.state IN ('running', 'storing')
    AND (t.due_at < now() - interval '30 seconds'
        OR t.due_at > now() + interval '30 seconds' AND coalesce(w.heartbeat_at < now() - interval '30 seconds', true));

CREATE OR REPLACE FUNCTION task_webhook() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM kinora.webhook_endpoint WHERE user_id = NEW.user_id AND enabled) THEN
        RETURN NULL;
    END IF;
    INSERT INTO kinora.webhook_delivery (endpoint_id, task_id, event, payload)
    SELECT e.id, NEW.id, 'task.' || NEW.state, json_build_object(
        'type', 'task.' || NEW.state,
        'timestamp', to_char(NEW.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'data', (jsonb_build_object(
            'id', i.uid, 'model', NEW.model_id, 'status', NEW.state,
            'error', CASE WHEN NEW.error_code IS NOT NULL THEN jsonb_build_object(
                'code', CASE NEW.error_code WHEN 'content_policy_violation' THEN NEW.error_code
                    ELSE 'generation_failed' END,
                'message', NEW.error_message) END,
            'created_at', to_char(NEW.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'finished_at', to_char(NEW.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
            || CASE NEW.kind WHEN 'video' THEN jsonb_build_object('video_id',
                regexp_replace("left"(NEW.model_id, 64), '[^a-zA-Z0-9._-]', '-', 'g') || '-'
                || "left"(replace(i.uid::text, '-', ''), 12)) ELSE '{}' END))::text
    FROM kinora.webhook_endpoint e, kinora.task_input i
    WHERE e.user_id = NEW.user_id AND e.enabled AND i.task_id = NEW.id;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION cancel_task(short text, owner bigint)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = kinora
AS $$
DECLARE
    cancelled record;
BEGIN
    UPDATE task SET state = 'cancelled', phase = NULL, worker_id = NULL, due_at = NULL, finished_at = now(),
        claim = claim + 1
    FROM task_input i
    WHERE "left"(replace(i.uid::text, '-', ''), 12) COLLATE "C" = short AND id = i.task_id
        AND user_id = coalesce(owner, user_id) AND finished_at IS NULL
    RETURNING id, attempt INTO cancelled;
    INSERT INTO cancellation (attempt_id) SELECT p.id FROM attempt p
    WHERE p.task_id = cancelled.id AND p.number = cancelled.attempt AND p.finished_at IS NULL;
    RETURN cancelled.id;
END $$;

DROP INDEX task_uid;
ALTER TABLE task DROP COLUMN uid;
CREATE UNIQUE INDEX task_input_uid ON task_input (("left"(replace(uid::text, '-', ''), 12) COLLATE "C"));
