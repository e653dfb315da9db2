-- 021_relay.up.sql: text models, whose requests go on to an upstream while the client waits: what is held for them,
-- what they cost and what they used.
-- Two new tables; columns with constant defaults and checks that are not valid for old rows yet (022 makes them so):
-- price, usage_day and ledger are locked for a moment, nothing is rewritten.
SET LOCAL search_path = kinora;

-- Prices and usage ------------------------------------------------------------------------------------------

ALTER TABLE price ADD COLUMN input_micros bigint NOT NULL DEFAULT 0,
    ADD COLUMN output_micros bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT price_input_in_range CHECK (input_micros BETWEEN 0 AND 1000000000000) NOT VALID,
    ADD CONSTRAINT price_output_in_range CHECK (output_micros BETWEEN 0 AND 1000000000000) NOT VALID;
COMMENT ON COLUMN price.input_micros IS 'For a million tokens that a text model reads, micro-units.';
COMMENT ON COLUMN price.output_micros IS 'For a million tokens that a text model writes, micro-units.';

ALTER TABLE usage_day ADD COLUMN input_tokens bigint NOT NULL DEFAULT 0,
    ADD COLUMN output_tokens bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN usage_day.accepted IS 'Tasks accepted, and requests to text models.';
COMMENT ON COLUMN usage_day.input_tokens IS 'Tokens that text models read.';
COMMENT ON COLUMN usage_day.output_tokens IS 'Tokens that text models wrote.';

CREATE TABLE relay_usage (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day             date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
    user_id         bigint NOT NULL,
    key_id          bigint,
    model_id        text NOT NULL,
    account_id      bigint,
    accepted        bigint NOT NULL,
    succeeded       bigint NOT NULL,
    failed          bigint NOT NULL,
    captured_micros bigint NOT NULL,
    input_tokens    bigint NOT NULL,
    output_tokens   bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE relay_usage IS 'Usage of requests to text models that is not yet added up. Written with their end, removed with the addition.';
COMMENT ON COLUMN relay_usage.id IS 'Internal number.';
COMMENT ON COLUMN relay_usage.day IS 'The day in UTC on which they ended.';
COMMENT ON COLUMN relay_usage.user_id IS 'The user.';
COMMENT ON COLUMN relay_usage.key_id IS 'The key.';
COMMENT ON COLUMN relay_usage.model_id IS 'The model.';
COMMENT ON COLUMN relay_usage.account_id IS 'The account that answered last; null: none did.';
COMMENT ON COLUMN relay_usage.accepted IS 'Requests. What is free and without limits is counted together, a row for each second.';
COMMENT ON COLUMN relay_usage.succeeded IS 'Those that were answered to the end.';
COMMENT ON COLUMN relay_usage.failed IS 'The others, those among them whose client left.';
COMMENT ON COLUMN relay_usage.captured_micros IS 'What they cost, micro-units.';
COMMENT ON COLUMN relay_usage.input_tokens IS 'Tokens read.';
COMMENT ON COLUMN relay_usage.output_tokens IS 'Tokens written.';

-- Holds -----------------------------------------------------------------------------------------------------

CREATE TABLE relay (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id         bigint NOT NULL,
    key_id          bigint NOT NULL,
    model_id        text NOT NULL,
    held_micros     bigint NOT NULL,
    captured_micros bigint NOT NULL DEFAULT 0,
    started_at      timestamptz NOT NULL DEFAULT now(),
    deadline_at     timestamptz NOT NULL,
    CONSTRAINT relay_captured_within_held CHECK (captured_micros BETWEEN 0 AND held_micros)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX relay_user ON relay (user_id);
CREATE INDEX relay_key ON relay (key_id);
CREATE INDEX relay_deadline ON relay (deadline_at);
COMMENT ON TABLE relay IS 'Requests to text models that are under way and cost something, or whose key or user has limits. The end removes the row, and that settles it. No references: a row lives for minutes.';
COMMENT ON COLUMN relay.id IS 'Internal number; in the ledger for ever.';
COMMENT ON COLUMN relay.user_id IS 'Who pays.';
COMMENT ON COLUMN relay.key_id IS 'The key.';
COMMENT ON COLUMN relay.model_id IS 'The model.';
COMMENT ON COLUMN relay.held_micros IS 'The most it may cost, micro-units; held in the ledger until it ends.';
COMMENT ON COLUMN relay.captured_micros IS 'What its end will capture, micro-units; the rest is released.';
COMMENT ON COLUMN relay.started_at IS 'When it was admitted.';
COMMENT ON COLUMN relay.deadline_at IS 'Whoever carries it must have died then: workers end it, and nothing is captured.';

ALTER TABLE ledger ADD COLUMN relay_id bigint,
    DROP CONSTRAINT ledger_task_iff_settled,
    ADD CONSTRAINT ledger_subject_iff_settled CHECK
        (num_nonnulls(task_id, relay_id) = CASE WHEN kind IN ('hold', 'capture', 'release') THEN 1 ELSE 0 END)
        NOT VALID;
COMMENT ON COLUMN ledger.relay_id IS 'The request to a text model that is held for or settled; null: it is about none.';
COMMENT ON COLUMN ledger.task_id IS 'The task that is held for or settled; null: it is about none.';
COMMENT ON COLUMN ledger.event IS 'What happened, which can happen once: hold:<task>, settle:<task> (capture or release), hold:r<relay>, capture:r<relay>, release:r<relay>, code:<redemption_code.id>, topup:<reference>, withdrawal:<reference>.';

CREATE FUNCTION relay_require_quota() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM kinora.require_quota(NEW.user_id, NEW.key_id, NEW.held_micros);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION relay_require_quota() IS 'Refuses a request that could not be paid before a row of it is written.';
CREATE TRIGGER relay_require_quota BEFORE INSERT ON relay FOR EACH ROW
    WHEN (NEW.held_micros > 0) EXECUTE FUNCTION relay_require_quota();

CREATE FUNCTION relay_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO kinora.ledger (event, kind, debit, credit, user_id, key_id, relay_id, amount_micros)
    VALUES ('hold:r' || NEW.id, 'hold', 'available', 'held', NEW.user_id, NEW.key_id, NEW.id, NEW.held_micros);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION relay_hold() IS 'Holds the most that a request to a text model may cost.';
CREATE TRIGGER relay_hold AFTER INSERT ON relay FOR EACH ROW
    WHEN (NEW.held_micros > 0) EXECUTE FUNCTION relay_hold();

CREATE FUNCTION relay_settle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO kinora.ledger (event, kind, debit, credit, user_id, key_id, relay_id, amount_micros)
    SELECT s.kind || ':r' || OLD.id, s.kind, 'held', s.credit, OLD.user_id, OLD.key_id, OLD.id, s.amount
    FROM (VALUES ('capture', 'used', OLD.captured_micros),
        ('release', 'available', OLD.held_micros - OLD.captured_micros)) AS s (kind, credit, amount)
    WHERE s.amount > 0;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION relay_settle() IS 'Settles what was held for a request to a text model that has just ended, whoever ended it: captures what it cost, releases the rest.';
CREATE TRIGGER relay_settle AFTER DELETE ON relay FOR EACH ROW
    WHEN (OLD.held_micros > 0) EXECUTE FUNCTION relay_settle();

CREATE FUNCTION end_relay(ending bigint, cost bigint)
RETURNS TABLE (user_id bigint, key_id bigint, model_id text, captured_micros bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = kinora
AS $$
#variable_conflict use_column
BEGIN
    IF cost > 0 THEN
        UPDATE relay SET captured_micros = least(cost, held_micros) WHERE id = ending;
    END IF;
    RETURN QUERY DELETE FROM relay r WHERE r.id = ending
        RETURNING r.user_id, r.key_id, r.model_id, r.captured_micros;
END $$;
COMMENT ON FUNCTION end_relay(bigint, bigint) IS 'Ends a request to a text model that cost so much, and never more than was held. No row: it had ended before.';

-- As before, but open relays count as tasks do.
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
                    WHERE o.holder = asking.holder AND o.holder_id = asking.id)
                + (SELECT count(*) FROM relay y WHERE asking.holder = 'key' AND y.key_id = asking.id
                    OR asking.holder = 'user' AND y.user_id = asking.id) >= asking.tasks THEN
                refusal := 'concurrency';
                -- When the first of the tasks should end, by what its model usually takes; nobody knows of a relay.
                retry_seconds := coalesce((SELECT least(greatest(ceil(min(coalesce(r.usual, 30)
                        - extract(epoch FROM now() - coalesce(t.started_at, now())))), 1), 3600)
                    FROM open_task o JOIN task t ON t.id = o.task_id CROSS JOIN LATERAL
                        (SELECT avg(usual_seconds) AS usual FROM route WHERE model_id = t.model_id) r
                    WHERE o.holder = asking.holder AND o.holder_id = asking.id), 1);
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
COMMENT ON FUNCTION admit(bigint, bigint, text, bigint, smallint) IS 'Whether a submit or a request to a text model is within the limits of its key, its user and (where line is given) its line, and what is left of them: a row for each holder of a limit. Holds their locks until the transaction ends; keeps nothing itself.';
COMMENT ON COLUMN api_key.concurrent_tasks_max IS 'Unfinished tasks and requests to text models at once; null: no limit.';
COMMENT ON COLUMN app_user.concurrent_tasks_max IS 'Unfinished tasks and requests to text models of all the user''s keys together; null: no limit.';

-- Views -----------------------------------------------------------------------------------------------------

CREATE OR REPLACE VIEW v_usage AS
SELECT day, user_id, key_id, model_id, account_id, user_identifier, accepted, succeeded, failed, captured_micros,
    video_seconds, images, input_tokens, output_tokens
FROM usage_day
UNION ALL
SELECT u.day, u.user_id, u.key_id, u.model_id, u.account_id, u.user_identifier, u.accepted, u.succeeded, u.failed,
    u.captured_micros, u.video_seconds, u.images, 0, 0
FROM (SELECT id FROM task WHERE state IN ('running', 'storing')
    UNION ALL SELECT id FROM task WHERE state = 'queued' AND pinned_account_id IS NULL
    UNION ALL SELECT id FROM task WHERE state = 'queued' AND pinned_account_id IS NOT NULL
    UNION ALL SELECT task_id FROM usage_pending) live JOIN v_task_usage u ON u.task_id = live.id
UNION ALL
SELECT day, user_id, key_id, model_id, account_id, '', accepted, succeeded, failed, captured_micros, 0, 0,
    input_tokens, output_tokens
FROM relay_usage;

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

-- Models ----------------------------------------------------------------------------------------------------

-- What the video hub's document names. max_tokens: what a request that names no bound is held for at most.
INSERT INTO model (id, kind, family, title) VALUES
    ('gpt-4', 'chat', 'hub', 'Text generation'),
    ('text-embedding-3-small', 'embedding', 'hub', 'Text embedding');
INSERT INTO model_category (model_id, category, parameters) VALUES
    ('gpt-4', 't2t', '[{"name": "max_tokens", "type": "integer", "default": 8192, "minimum": 1}]'),
    ('text-embedding-3-small', 't2e', '[]');
INSERT INTO route (model_id, vendor, vendor_model) VALUES
    ('gpt-4', 'openai', 'gpt-4'),
    ('text-embedding-3-small', 'openai', 'text-embedding-3-small');

INSERT INTO setting (name, value, description) VALUES
    ('relay_first_byte_seconds', '120',
        'Seconds that a text model may take before its answer begins; then another account is tried.'),
    ('relay_idle_seconds', '60', 'Seconds without a byte that end a text model''s answer which has begun.'),
    ('relay_total_seconds', '600', 'Seconds that a request to a text model may take, all tries together.');
