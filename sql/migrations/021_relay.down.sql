-- 021_relay.down.sql: back to images and videos alone. What the ledger says of text models stays in it.
SET LOCAL search_path = kinora;
DELETE FROM relay;
DELETE FROM setting WHERE name IN ('relay_first_byte_seconds', 'relay_idle_seconds', 'relay_total_seconds');
DELETE FROM model WHERE id IN ('gpt-4', 'text-embedding-3-small');
DROP VIEW v_ledger_fault;
DROP VIEW v_spend_by_day;
DROP VIEW v_usage;
CREATE VIEW v_usage AS
SELECT day, user_id, key_id, model_id, account_id, user_identifier, accepted, succeeded, failed, captured_micros,
    video_seconds, images
FROM usage_day
UNION ALL
SELECT u.day, u.user_id, u.key_id, u.model_id, u.account_id, u.user_identifier, u.accepted, u.succeeded, u.failed,
    u.captured_micros, u.video_seconds, u.images
FROM (SELECT id FROM task WHERE state IN ('running', 'storing')
    UNION ALL SELECT id FROM task WHERE state = 'queued' AND pinned_account_id IS NULL
    UNION ALL SELECT id FROM task WHERE state = 'queued' AND pinned_account_id IS NOT NULL
    UNION ALL SELECT task_id FROM usage_pending) live JOIN v_task_usage u ON u.task_id = live.id;
COMMENT ON VIEW v_usage IS 'All usage up to this moment, whether it was added up or not. Sum what you group by.';

CREATE VIEW v_spend_by_day AS
SELECT u.day, a.name AS user_name, u.model_id, sum(u.accepted) AS accepted, sum(u.succeeded) AS succeeded,
    sum(u.failed) AS failed, sum(u.captured_micros) AS captured_micros
FROM v_usage u JOIN app_user a ON a.id = u.user_id
GROUP BY u.day, a.name, u.model_id;
COMMENT ON VIEW v_spend_by_day IS 'What each user spent on each model, by day in UTC.';

CREATE OR REPLACE FUNCTION admit(asking_key bigint, asking_user bigint, line text, line_max bigint,
    line_priority smallint)
RETURNS TABLE (holder text, holder_id bigint, refusal text, retry_seconds integer, requests_max integer,
    requests_used integer, reset_seconds float8, permit bigint, oldest bigint, used_at timestamptz,
    is_counted boolean)
LANGUAGE plpgsql VOLATILE
SET search_path = kinora
AS $$
#variable_conflict use_column
DECLARE
    asking record;
    queue record;
    moment timestamptz;
    newest bigint;
    newest_at timestamptz;
    first bigint;
    live bigint;
    free_after integer;
BEGIN
    IF line IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('kinora line ' || line, 0));
        SELECT * INTO queue FROM waiting_line(line, line_max, line_priority);
        IF queue.waiting >= queue.slots_free + line_max THEN
            RETURN QUERY SELECT 'line', 0::bigint, 'queue', queue.retry_seconds, NULL::integer, NULL::integer,
                NULL::float8, NULL::bigint, NULL::bigint, NULL::timestamptz, false;
            RETURN;
        END IF;
    END IF;
    FOR asking IN
        SELECT 'key' AS holder, id, requests_per_minute AS requests, concurrent_tasks_max AS tasks
        FROM api_key WHERE id = asking_key AND num_nonnulls(requests_per_minute, concurrent_tasks_max) > 0
        UNION ALL
        SELECT 'user', id, requests_per_minute, concurrent_tasks_max
        FROM app_user WHERE id = asking_user AND num_nonnulls(requests_per_minute, concurrent_tasks_max) > 0
    LOOP
        PERFORM pg_advisory_xact_lock(hashtextextended(format('kinora %s %s', asking.holder, asking.id), 0));
        holder := asking.holder; holder_id := asking.id; refusal := NULL; retry_seconds := NULL;
        requests_max := asking.requests; requests_used := NULL; reset_seconds := NULL;
        permit := NULL; oldest := NULL; used_at := NULL; is_counted := asking.tasks IS NOT NULL;

        IF is_counted THEN
            DELETE FROM open_task o WHERE o.holder = asking.holder AND o.holder_id = asking.id
                AND NOT EXISTS (SELECT FROM task t WHERE t.id = o.task_id AND t.finished_at IS NULL);
            IF (SELECT count(*) FROM open_task o
                    WHERE o.holder = asking.holder AND o.holder_id = asking.id) >= asking.tasks THEN
                refusal := 'concurrency';
                -- When the first of them should end, by what its model usually takes.
                retry_seconds := (SELECT least(greatest(ceil(min(coalesce(r.usual, 30)
                        - extract(epoch FROM now() - coalesce(t.started_at, now())))), 1), 3600)
                    FROM open_task o JOIN task t ON t.id = o.task_id CROSS JOIN LATERAL
                        (SELECT avg(usual_seconds) AS usual FROM route WHERE model_id = t.model_id) r
                    WHERE o.holder = asking.holder AND o.holder_id = asking.id);
            END IF;
        END IF;

        IF asking.requests IS NOT NULL THEN
            moment := clock_timestamp();
            SELECT p.number, p.used_at, p.oldest INTO newest, newest_at, first FROM request_permit p
            WHERE p.holder = asking.holder AND p.holder_id = asking.id ORDER BY p.number DESC LIMIT 1;
            -- The server's clock was set back: what it wrote before must not close the door for that long.
            IF newest_at > moment + interval '1 s' THEN
                DELETE FROM request_permit p WHERE p.holder = asking.holder AND p.holder_id = asking.id;
                newest_at := NULL;
            END IF;
            permit := coalesce(newest + 1, 1);
            live := coalesce((SELECT p.number FROM request_permit p
                WHERE p.holder = asking.holder AND p.holder_id = asking.id AND p.number >= first
                    AND p.used_at > moment - interval '60 s' ORDER BY p.number LIMIT 1), permit);
            IF live > first THEN
                UPDATE request_permit p SET oldest = live
                WHERE p.holder = asking.holder AND p.holder_id = asking.id AND p.number = newest;
                DELETE FROM request_permit p
                WHERE p.holder = asking.holder AND p.holder_id = asking.id
                    AND p.number >= first AND p.number < live;
            END IF;
            oldest := live;
            used_at := moment;
            requests_used := permit - live;
            reset_seconds := coalesce(greatest(extract(epoch FROM newest_at + interval '60 s' - moment), 0), 0);
            IF requests_used >= asking.requests THEN
                free_after := (SELECT ceil(extract(epoch FROM p.used_at + interval '60 s' - moment))
                    FROM request_permit p WHERE p.holder = asking.holder AND p.holder_id = asking.id
                        AND p.number = live + requests_used - asking.requests);
                IF refusal IS NULL OR free_after > retry_seconds THEN
                    refusal := 'rate'; retry_seconds := free_after;
                END IF;
            END IF;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION admit(bigint, bigint, text, bigint, smallint) IS 'Whether a submit is within the limits of its key, its user and (where line is given) its line, and what is left of them: a row for each holder of a limit. Holds their locks until the transaction ends; keeps nothing itself.';
COMMENT ON COLUMN api_key.concurrent_tasks_max IS 'Unfinished tasks at once; null: no limit.';
COMMENT ON COLUMN app_user.concurrent_tasks_max IS 'Unfinished tasks of all the user''s keys together; null: no limit.';

DROP TABLE relay;
DROP TABLE relay_usage;
DROP FUNCTION end_relay;
DROP FUNCTION relay_settle;
DROP FUNCTION relay_hold;
DROP FUNCTION relay_require_quota;

-- Rows about relays are about no task: what was there before is checked no more.
ALTER TABLE ledger DROP CONSTRAINT ledger_subject_iff_settled,
    DROP COLUMN relay_id,
    ADD CONSTRAINT ledger_task_iff_settled CHECK
        ((task_id IS NOT NULL) = (kind IN ('hold', 'capture', 'release'))) NOT VALID;
DO $$
BEGIN
    ALTER TABLE ledger VALIDATE CONSTRAINT ledger_task_iff_settled;
EXCEPTION WHEN check_violation THEN NULL;
END $$;
COMMENT ON COLUMN ledger.event IS 'What happened, which can happen once: hold:<task>, settle:<task> (capture or release), code:<redemption_code.id>, topup:<reference>, withdrawal:<reference>.';
COMMENT ON COLUMN ledger.task_id IS 'The task that is held for or settled; null: it is about no task.';
ALTER TABLE usage_day DROP COLUMN input_tokens, DROP COLUMN output_tokens;
COMMENT ON COLUMN usage_day.accepted IS 'Tasks accepted.';
ALTER TABLE price DROP COLUMN input_micros, DROP COLUMN output_micros;

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
            CASE WHEN t.state IN ('failed', 'cancelled', 'expired') THEN t.price_micros ELSE 0 END);
COMMENT ON VIEW v_ledger_fault IS 'What does not agree between ledger, wallets, keys, codes and tasks; empty on a sound system. Reads everything: `kinora check --ledger`.';
