-- 028_pieces.down.sql: a success costs the whole price again. What has been captured stays as it is.
SET LOCAL search_path = kinora;
DROP VIEW v_ledger_fault;

CREATE OR REPLACE VIEW v_task_usage AS
SELECT t.id AS task_id, d.day, t.user_id, t.key_id, t.model_id, a.account_id,
    coalesce(i.user_identifier, '') AS user_identifier, d.accepted, d.succeeded, d.failed, d.captured_micros,
    d.video_seconds, d.images
FROM task t JOIN task_input i ON i.task_id = t.id
    LEFT JOIN attempt a ON a.task_id = t.id AND a.number = t.attempt
    CROSS JOIN LATERAL (
        SELECT (t.created_at AT TIME ZONE 'UTC')::date AS day, 1 AS accepted, 0 AS succeeded, 0 AS failed,
            0::bigint AS captured_micros, 0::bigint AS video_seconds, 0::bigint AS images
        UNION ALL
        SELECT (t.finished_at AT TIME ZONE 'UTC')::date, 0, 1, 0, t.price_micros,
            CASE WHEN t.kind = 'video' AND jsonb_typeof(i.parameters -> 'seconds') = 'number'
                THEN least(greatest((i.parameters ->> 'seconds')::numeric, 0), 1000000)::bigint ELSE 0 END,
            CASE WHEN t.kind = 'image' THEN (SELECT count(*) FROM task_asset r
                WHERE r.task_id = t.id AND r.role = 'result') ELSE 0 END
        WHERE t.state = 'succeeded'
        UNION ALL
        SELECT (t.finished_at AT TIME ZONE 'UTC')::date, 0, 0, 1, 0, 0, 0
        WHERE t.state IN ('failed', 'cancelled', 'expired')) d;

CREATE OR REPLACE FUNCTION task_settle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO kinora.ledger (event, kind, debit, credit, user_id, key_id, task_id, amount_micros)
    VALUES ('settle:' || NEW.id, CASE NEW.state WHEN 'succeeded' THEN 'capture' ELSE 'release' END, 'held',
        CASE NEW.state WHEN 'succeeded' THEN 'used' ELSE 'available' END,
        NEW.user_id, NEW.key_id, NEW.id, NEW.price_micros);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION task_settle() IS 'Settles what was held for a task that has just ended, whoever ended it: captures a success, releases the rest in full.';
COMMENT ON COLUMN ledger.event IS 'What happened, which can happen once: hold:<task>, settle:<task> (capture or release), hold:r<relay>, capture:r<relay>, release:r<relay>, code:<redemption_code.id>, topup:<reference>, withdrawal:<reference>.';

CREATE OR REPLACE FUNCTION task_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.finished_at IS NOT NULL AND (NEW.state, NEW.finished_at, NEW.progress, NEW.error_code, NEW.price_micros)
            IS DISTINCT FROM (OLD.state, OLD.finished_at, OLD.progress, OLD.error_code, OLD.price_micros) THEN
        RAISE EXCEPTION 'task % is %: a final state never changes', OLD.id, OLD.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'task_final_is_final';
    END IF;
    IF NEW.progress < OLD.progress THEN
        RAISE EXCEPTION 'task %: progress never falls (% to %)', OLD.id, OLD.progress, NEW.progress
            USING ERRCODE = 'check_violation', CONSTRAINT = 'task_progress_never_falls';
    END IF;
    IF NEW.claim < OLD.claim THEN
        RAISE EXCEPTION 'task %: the claim number never falls', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'task_claim_never_falls';
    END IF;
    IF (NEW.price_micros, NEW.user_id) IS DISTINCT FROM (OLD.price_micros, OLD.user_id) THEN
        RAISE EXCEPTION 'task %: who pays how much is fixed at acceptance', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'task_price_is_fixed';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER task_guard ON task;
CREATE TRIGGER task_guard BEFORE UPDATE ON task FOR EACH ROW
    WHEN (OLD.finished_at IS NOT NULL OR NEW.progress < OLD.progress OR NEW.claim < OLD.claim
        OR NEW.price_micros <> OLD.price_micros OR NEW.user_id <> OLD.user_id)
    EXECUTE FUNCTION task_guard();

ALTER TABLE task DROP COLUMN piece_micros, DROP COLUMN captured_micros;

CREATE VIEW v_ledger_fault AS
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
FROM settled s FULL JOIN (SELECT * FROM task WHERE price_micros > 0) t ON t.id = s.task_id
WHERE coalesce(s.users > 1 OR s.user_id <> t.user_id, false)
    OR coalesce(s.held, 0) <> coalesce(t.price_micros, s.captured + s.released)
    OR t.id IS NOT NULL AND (coalesce(s.captured, 0), coalesce(s.released, 0)) IS DISTINCT FROM
        (CASE WHEN t.state = 'succeeded' THEN t.price_micros ELSE 0 END,
            CASE WHEN t.state IN ('failed', 'cancelled', 'expired') THEN t.price_micros ELSE 0 END)
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
COMMENT ON VIEW v_ledger_fault IS 'What does not agree between ledger, wallets, keys, codes, tasks and relays; empty on a sound system. Reads everything: `kinora check --ledger`.';
