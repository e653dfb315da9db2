-- schema.sql: what sql/migrations/*.up.sql make together, as pg_dump tells it. For readers:
-- nothing runs it. A test compares it with a fresh database; GOLDEN_UPDATE=1 rewrites it there.

CREATE SCHEMA kinora;

COMMENT ON SCHEMA kinora IS 'Kinora, a gateway for image and video generation. Times are UTC, money is in micro-units.';

CREATE FUNCTION kinora.account_refilled() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.exhausted_at := NULL;
    NEW.state_reason := '';
    RETURN NEW;
END $$;

COMMENT ON FUNCTION kinora.account_refilled() IS 'Credits that have risen make an account that could not pay work again.';

CREATE FUNCTION kinora.admit(asking_key bigint, asking_user bigint, line text, line_max bigint, line_priority smallint) RETURNS TABLE(holder text, holder_id bigint, refusal text, retry_seconds integer, requests_max integer, requests_used integer, reset_seconds double precision, permit bigint, oldest bigint, used_at timestamp with time zone, is_counted boolean)
    LANGUAGE plpgsql
    SET search_path TO 'kinora'
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

COMMENT ON FUNCTION kinora.admit(asking_key bigint, asking_user bigint, line text, line_max bigint, line_priority smallint) IS 'Whether a submit or a request to a text model is within the limits of its key, its user and (where line is given) its line, and what is left of them: a row for each holder of a limit. Holds their locks until the transaction ends; keeps nothing itself.';

CREATE FUNCTION kinora.cancel_task(short text, owner bigint) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'kinora'
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

COMMENT ON FUNCTION kinora.cancel_task(short text, owner bigint) IS 'Cancels the unfinished task whose id begins so (12 hex digits), of this owner (null: anybody''s). Its attempt stays open, and is watched, until its vendor has ended it. Null when there is no such task.';

CREATE FUNCTION kinora.config_changed() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'kinora'
    AS $$
BEGIN
    UPDATE config_version SET version = version + 1;
    PERFORM pg_notify('kinora_config', '');
    RETURN NULL;
END $$;

COMMENT ON FUNCTION kinora.config_changed() IS 'Raises config_version and wakes the processes that hold copies.';

CREATE FUNCTION kinora.end_relay(ending bigint, cost bigint) RETURNS TABLE(user_id bigint, key_id bigint, model_id text, captured_micros bigint)
    LANGUAGE plpgsql
    SET search_path TO 'kinora'
    AS $$
#variable_conflict use_column
BEGIN
    IF cost > 0 THEN
        UPDATE relay SET captured_micros = least(cost, held_micros) WHERE id = ending;
    END IF;
    RETURN QUERY DELETE FROM relay r WHERE r.id = ending
        RETURNING r.user_id, r.key_id, r.model_id, r.captured_micros;
END $$;

COMMENT ON FUNCTION kinora.end_relay(ending bigint, cost bigint) IS 'Ends a request to a text model that cost so much, and never more than was held. No row: it had ended before.';

CREATE FUNCTION kinora.keep_logs(days integer, moment timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET lock_timeout TO '2s'
    AS $$
DECLARE
    today date := moment::date;
    log text;
    part text;
    day date;
    changes integer := 0;
BEGIN
    IF days IS NULL OR days NOT BETWEEN 0 AND 366 THEN
        RAISE EXCEPTION 'days must be from 0 to 366, not %', days USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(7017174);
    FOREACH log IN ARRAY ARRAY['request_log', 'event_log'] LOOP
        FOR day IN SELECT today + n FROM generate_series(-1, 3) n WHERE days > 0 LOOP
            part := format('%s_%s', log, to_char(day, 'YYYYMMDD'));
            CONTINUE WHEN to_regclass('kinora_log.' || part) IS NOT NULL;
            EXECUTE format('CREATE TABLE kinora_log.%I (LIKE kinora.%I INCLUDING ALL)', part, log);
            EXECUTE format('ALTER TABLE kinora.%I ATTACH PARTITION kinora_log.%I FOR VALUES FROM (%L) TO (%L)',
                log, part, day::timestamptz, (day + 1)::timestamptz);
            changes := changes + 1;
        END LOOP;
        -- One a time: writers wait for the commit.
        SELECT c.relname INTO part FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = ('kinora.' || log)::regclass
            AND (days = 0 OR to_date(right(c.relname, 8), 'YYYYMMDD') < today - days)
        ORDER BY c.relname LIMIT 1;
        IF FOUND THEN
            BEGIN
                PERFORM set_config('lock_timeout', '100ms', true);
                EXECUTE format('DROP TABLE kinora_log.%I', part);
                changes := changes + 1;
            EXCEPTION WHEN lock_not_available THEN NULL;
            END;
        END IF;
    END LOOP;
    RETURN changes;
END $$;

COMMENT ON FUNCTION kinora.keep_logs(days integer, moment timestamp with time zone) IS 'Makes the partitions of both logs from the day before the given moment to three days after it, and drops the oldest one that is past the given days; 0: keeps none. Returns how many were made or dropped: call it until that is 0.';

CREATE FUNCTION kinora.ledger_book() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'kinora', 'pg_temp'
    AS $$
DECLARE
    spent bigint;
BEGIN
    IF NEW.debit = 'issued' THEN
        INSERT INTO wallet (user_id) VALUES (NEW.user_id) ON CONFLICT DO NOTHING;
    END IF;
    UPDATE wallet SET
        available_micros = available_micros
            + CASE 'available' WHEN NEW.credit THEN NEW.amount_micros WHEN NEW.debit THEN -NEW.amount_micros ELSE 0 END,
        held_micros = held_micros
            + CASE 'held' WHEN NEW.credit THEN NEW.amount_micros WHEN NEW.debit THEN -NEW.amount_micros ELSE 0 END,
        used_micros = used_micros + CASE 'used' WHEN NEW.credit THEN NEW.amount_micros ELSE 0 END
    WHERE user_id = NEW.user_id AND (NEW.debit <> 'available' OR available_micros >= NEW.amount_micros);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'The quota that is left does not cover this.' USING ERRCODE = 'KN209';
    END IF;
    IF NEW.kind = 'hold' AND NEW.key_id IS NOT NULL THEN
        INSERT INTO key_spend AS s (key_id, spent_micros) VALUES (NEW.key_id, NEW.amount_micros)
        ON CONFLICT (key_id) DO UPDATE SET spent_micros = s.spent_micros + excluded.spent_micros
        RETURNING spent_micros INTO spent;
        IF spent > (SELECT quota_cap_micros FROM api_key WHERE id = NEW.key_id) THEN
            RAISE EXCEPTION 'This API key may not spend that much of the quota.' USING ERRCODE = 'KN209';
        END IF;
    ELSIF NEW.kind = 'release' THEN
        UPDATE key_spend SET spent_micros = spent_micros - NEW.amount_micros WHERE key_id = NEW.key_id;
    END IF;
    RETURN NULL;
END $$;

COMMENT ON FUNCTION kinora.ledger_book() IS 'Carries a transfer over into wallet and key_spend, in the same transaction. Refuses what the quota does not cover.';

CREATE FUNCTION kinora.ledger_refuse() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is only ever added to: correct by another transfer'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_append_only';
END $$;

COMMENT ON FUNCTION kinora.ledger_refuse() IS 'Refuses to change or remove what stands in the ledger, whoever asks.';

CREATE FUNCTION kinora.off_peak_opens(moment timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
DECLARE
    windows text := (SELECT value #>> '{}' FROM kinora.setting WHERE name = 'off_peak_window');
BEGIN
    IF coalesce(windows, '') = '' THEN
        RETURN NULL;
    END IF;
    RETURN kinora.window_opens(windows, coalesce(
        (SELECT value #>> '{}' FROM kinora.setting WHERE name = 'off_peak_time_zone'), 'UTC'), moment);
END $$;

COMMENT ON FUNCTION kinora.off_peak_opens(moment timestamp with time zone) IS 'When off-peak tasks may be started again; null: at that moment they may.';

CREATE FUNCTION kinora.redeem(asking_user bigint, asking_key bigint, hash bytea, misses_max integer) RETURNS TABLE(refusal text, retry_seconds integer, added_micros bigint)
    LANGUAGE plpgsql
    SET search_path TO 'kinora'
    AS $$
DECLARE
    moment timestamptz;
    misses integer;
    oldest timestamptz;
    code bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('kinora redeem ' || asking_key, 0));
    moment := clock_timestamp();
    DELETE FROM redemption_miss WHERE key_id = asking_key AND missed_at <= moment - interval '1 hour';
    SELECT count(*), min(missed_at) INTO misses, oldest FROM redemption_miss WHERE key_id = asking_key;
    IF misses >= misses_max THEN
        refusal := 'limit';
        retry_seconds := greatest(ceil(extract(epoch FROM oldest + interval '1 hour' - moment)), 1);
        RETURN NEXT;
        RETURN;
    END IF;
    UPDATE redemption_code c SET redeemed_at = now(), redeemed_by = asking_user
    FROM code_batch b
    WHERE c.code_hash = hash AND c.redeemed_at IS NULL AND c.voided_at IS NULL
        AND b.id = c.batch_id AND coalesce(b.expires_at > moment, true)
    RETURNING c.id, b.amount_micros INTO code, added_micros;
    IF FOUND THEN
        INSERT INTO ledger (event, kind, debit, credit, user_id, key_id, amount_micros)
        VALUES ('code:' || code, 'redemption', 'issued', 'available', asking_user, asking_key, added_micros);
    ELSE
        SELECT CASE WHEN c.redeemed_at IS NOT NULL THEN 'used' ELSE 'over' END INTO refusal
        FROM redemption_code c WHERE c.code_hash = hash;
        IF NOT FOUND THEN
            INSERT INTO redemption_miss (key_id, missed_at) VALUES (asking_key, moment);
            refusal := 'unknown';
        END IF;
    END IF;
    RETURN NEXT;
END $$;

COMMENT ON FUNCTION kinora.redeem(asking_user bigint, asking_key bigint, hash bytea, misses_max integer) IS 'Redeems a code for a user, once: what it added, or why not: unknown, used, over (void or expired), limit (too many unknown ones in an hour).';

CREATE FUNCTION kinora.relay_hold() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO kinora.ledger (event, kind, debit, credit, user_id, key_id, relay_id, amount_micros)
    VALUES ('hold:r' || NEW.id, 'hold', 'available', 'held', NEW.user_id, NEW.key_id, NEW.id, NEW.held_micros);
    RETURN NULL;
END $$;

COMMENT ON FUNCTION kinora.relay_hold() IS 'Holds the most that a request to a text model may cost.';

CREATE FUNCTION kinora.relay_require_quota() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM kinora.require_quota(NEW.user_id, NEW.key_id, NEW.held_micros);
    RETURN NEW;
END $$;

COMMENT ON FUNCTION kinora.relay_require_quota() IS 'Refuses a request that could not be paid before a row of it is written.';

CREATE FUNCTION kinora.relay_settle() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO kinora.ledger (event, kind, debit, credit, user_id, key_id, relay_id, amount_micros)
    SELECT s.kind || ':r' || OLD.id, s.kind, 'held', s.credit, OLD.user_id, OLD.key_id, OLD.id, s.amount
    FROM (VALUES ('capture', 'used', OLD.captured_micros),
        ('release', 'available', OLD.held_micros - OLD.captured_micros)) AS s (kind, credit, amount)
    WHERE s.amount > 0;
    RETURN NULL;
END $$;

COMMENT ON FUNCTION kinora.relay_settle() IS 'Settles what was held for a request to a text model that has just ended, whoever ended it: captures what it cost, releases the rest.';

CREATE FUNCTION kinora.require_quota(asking_user bigint, asking_key bigint, price bigint) RETURNS void
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    IF price > coalesce((SELECT available_micros FROM kinora.wallet WHERE user_id = asking_user), 0) THEN
        RAISE EXCEPTION 'The quota that is left does not cover this.' USING ERRCODE = 'KN209';
    END IF;
    IF price > (SELECT k.quota_cap_micros - coalesce(s.spent_micros, 0)
            FROM kinora.api_key k LEFT JOIN kinora.key_spend s ON s.key_id = k.id WHERE k.id = asking_key) THEN
        RAISE EXCEPTION 'This API key may not spend that much of the quota.' USING ERRCODE = 'KN209';
    END IF;
END $$;

COMMENT ON FUNCTION kinora.require_quota(asking_user bigint, asking_key bigint, price bigint) IS 'Refuses a price (KN209) that the user''s quota or the key''s cap does not cover at this moment.';

CREATE FUNCTION kinora.task_guard() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF OLD.finished_at IS NOT NULL
            AND (NEW.state, NEW.finished_at, NEW.progress, NEW.error_code, NEW.price_micros, NEW.captured_micros)
            IS DISTINCT FROM
                (OLD.state, OLD.finished_at, OLD.progress, OLD.error_code, OLD.price_micros, OLD.captured_micros) THEN
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
    IF (NEW.price_micros, NEW.piece_micros, NEW.user_id)
            IS DISTINCT FROM (OLD.price_micros, OLD.piece_micros, OLD.user_id) THEN
        RAISE EXCEPTION 'task %: who pays how much is fixed at acceptance', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'task_price_is_fixed';
    END IF;
    RETURN NEW;
END $$;

COMMENT ON FUNCTION kinora.task_guard() IS 'Refuses a change of a final state, of who pays how much, and progress or claim numbers that fall.';

CREATE FUNCTION kinora.task_hold() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO kinora.ledger (event, kind, debit, credit, user_id, key_id, task_id, amount_micros)
    VALUES ('hold:' || NEW.id, 'hold', 'available', 'held', NEW.user_id, NEW.key_id, NEW.id, NEW.price_micros);
    RETURN NULL;
END $$;

COMMENT ON FUNCTION kinora.task_hold() IS 'Holds the price of a task with its acceptance.';

CREATE FUNCTION kinora.task_require_quota() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM kinora.require_quota(NEW.user_id, NEW.key_id, NEW.price_micros);
    RETURN NEW;
END $$;

COMMENT ON FUNCTION kinora.task_require_quota() IS 'Refuses a task that cannot be paid before a row of it is written: refusals must not fill the tables.';

CREATE FUNCTION kinora.task_settle() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    captured bigint := CASE NEW.state WHEN 'succeeded' THEN coalesce(NEW.captured_micros, NEW.price_micros) ELSE 0 END;
BEGIN
    INSERT INTO kinora.ledger (event, kind, debit, credit, user_id, key_id, task_id, amount_micros)
    SELECT s.event || NEW.id, s.kind, 'held', s.credit, NEW.user_id, NEW.key_id, NEW.id, s.amount
    FROM (VALUES ('settle:', 'capture', 'used', captured),
        (CASE WHEN captured > 0 THEN 'rest:' ELSE 'settle:' END, 'release', 'available', NEW.price_micros - captured))
        AS s (event, kind, credit, amount)
    WHERE s.amount > 0;
    RETURN NULL;
END $$;

COMMENT ON FUNCTION kinora.task_settle() IS 'Settles what was held for a task that has just ended, whoever ended it: captures what a success cost, releases the rest.';

CREATE FUNCTION kinora.task_usage() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO kinora.usage_pending (task_id) VALUES (NEW.id);
    RETURN NULL;
END $$;

COMMENT ON FUNCTION kinora.task_usage() IS 'Remembers that a task which has just ended is to be added up.';

CREATE FUNCTION kinora.task_webhook() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

COMMENT ON FUNCTION kinora.task_webhook() IS 'Writes a delivery for each endpoint of the owner of a task that has just ended.';

CREATE FUNCTION kinora.waiting_line(line text, line_max bigint, line_priority smallint) RETURNS TABLE(waiting bigint, slots bigint, slots_free bigint, retry_seconds integer)
    LANGUAGE sql STABLE
    AS $$
    WITH own AS (SELECT id FROM model WHERE family = line),
    way AS (SELECT vendor, usual_seconds FROM route WHERE enabled AND model_id IN (SELECT id FROM own)),
    room AS (
        SELECT coalesce(sum(a.slots), 0) AS slots, coalesce(sum(greatest(a.slots - t.taken, 0)), 0) AS free
        FROM account a CROSS JOIN LATERAL (SELECT count(*) AS taken FROM attempt
            WHERE account_id = a.id AND finished_at IS NULL) t
        WHERE a.vendor IN (SELECT vendor FROM way) AND a.exhausted_at IS NULL
            AND (a.state = 'active' OR (a.state = 'cooling' AND a.cooling_until <= now()))),
    queue AS MATERIALIZED (
        SELECT (SELECT count(*) FROM (SELECT FROM own CROSS JOIN LATERAL (SELECT FROM task t
                WHERE t.model_id = own.id AND t.state = 'queued' AND t.pinned_account_id IS NULL
                    AND t.priority <= line_priority LIMIT line_max + (SELECT free FROM room)) q
                LIMIT line_max + (SELECT free FROM room)) q)
            + (SELECT count(*) FROM (SELECT FROM task t JOIN own ON own.id = t.model_id
                WHERE t.state = 'queued' AND t.pinned_account_id IS NOT NULL AND t.priority <= line_priority
                LIMIT line_max + (SELECT free FROM room)) p) AS waiting)
    SELECT queue.waiting, room.slots::bigint, room.free::bigint,
        least(greatest(ceil(coalesce((SELECT avg(usual_seconds) FROM way), 30) * greatest(queue.waiting, 1)
            / greatest(room.slots, 1)), 1), 3600)::integer
    FROM queue, room
$$;

COMMENT ON FUNCTION kinora.waiting_line(line text, line_max bigint, line_priority smallint) IS 'The line of a family of models as a task of this priority finds it: tasks that wait and do not come after it (counted until line and free slots are full), slots of the accounts that run them, free ones, and after how many seconds the line has passed at the usual pace.';

CREATE FUNCTION kinora.waiting_reason(asked_model text, asked_priority smallint, pinned bigint, due timestamp with time zone) RETURNS TABLE(reason text, until timestamp with time zone, accounts integer, taken integer, proving integer, resting integer, poor integer, closed integer)
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE WHEN w.opens IS NOT NULL THEN 'window' WHEN due > now() THEN 'later'
            WHEN c.free > 0 THEN CASE WHEN EXISTS (SELECT FROM kinora.worker
                WHERE heartbeat_at > now() - interval '10 s') THEN 'turn' ELSE 'no_worker' END
            WHEN c.taken > 0 THEN 'slots' WHEN c.proving > 0 THEN 'proof' WHEN c.resting > 0 THEN 'rest'
            WHEN c.poor > 0 THEN 'credit' WHEN c.closed > 0 THEN 'disabled' ELSE 'no_account' END,
        CASE WHEN w.opens IS NOT NULL THEN w.opens WHEN due > now() THEN due
            WHEN c.free + c.taken + c.proving = 0 THEN c.rest_ends END,
        c.accounts, c.taken, c.proving, c.resting, c.poor, c.closed
    FROM (
        SELECT count(*)::integer AS accounts, count(*) FILTER (WHERE o IS NULL) AS free,
            count(*) FILTER (WHERE o = 'slots')::integer AS taken,
            count(*) FILTER (WHERE o = 'proof')::integer AS proving,
            count(*) FILTER (WHERE o = 'rest')::integer AS resting,
            min(cooling_until) FILTER (WHERE o = 'rest') AS rest_ends,
            count(*) FILTER (WHERE o = 'credit')::integer AS poor,
            count(*) FILTER (WHERE o IN ('credential', 'disabled'))::integer AS closed
        FROM (
            SELECT a.cooling_until, CASE WHEN pinned IS NULL AND NOT a.is_open THEN 'disabled'
                ELSE coalesce(a.obstacle, CASE WHEN a.credits_micros < r.cost THEN 'credit' END) END AS o
            FROM kinora.v_account_load a JOIN (
                SELECT vendor, min(coalesce(cost_micros, 1)) AS cost FROM kinora.route
                WHERE model_id = asked_model AND (enabled OR pinned IS NOT NULL) GROUP BY vendor
            ) r USING (vendor)
            WHERE a.id = coalesce(pinned, a.id)
        ) a) c,
        (SELECT CASE WHEN asked_priority >= 10 THEN kinora.off_peak_opens(now()) END AS opens) w
$$;

COMMENT ON FUNCTION kinora.waiting_reason(asked_model text, asked_priority smallint, pinned bigint, due timestamp with time zone) IS 'Why a queued task of this model, priority, pinned account (null: any) and due time is not started, until when if that is known, and how many accounts could run it: at their slot limit, proving themselves after a rest, resting, with too little credit, closed. turn: an account is free. docs/operations.md.';

CREATE FUNCTION kinora.window_opens(windows text, zone text, moment timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
    RETURN (SELECT CASE WHEN NOT bool_or(begins <= moment AND moment < ends)
            THEN min(begins) FILTER (WHERE begins > moment) END
        FROM (
            SELECT (day + first) AT TIME ZONE zone AS begins,
                (day + last + CASE WHEN last <= first THEN interval '1 day' ELSE interval '0' END)
                    AT TIME ZONE zone AS ends
            FROM (SELECT split_part(words, '-', 1)::time AS first, split_part(words, '-', 2)::time AS last
                FROM unnest(string_to_array(windows, ',')) AS s (words)) w
            CROSS JOIN (SELECT (moment AT TIME ZONE zone)::date + shift AS day
                FROM generate_series(-1, 2) AS shift) d) spans
        WHERE begins < ends);
END $$;

COMMENT ON FUNCTION kinora.window_opens(windows text, zone text, moment timestamp with time zone) IS 'When the next of these windows (HH:MM-HH:MM, several with commas, over midnight where the second time is not later) of a time zone opens; null: one is open at that moment, or there is none.';

CREATE TABLE kinora.account (
    id bigint NOT NULL,
    vendor text NOT NULL,
    name text NOT NULL,
    base_url text NOT NULL,
    region text DEFAULT ''::text NOT NULL,
    proxy_url text,
    credential_sealed bytea NOT NULL,
    slots integer DEFAULT 4 NOT NULL,
    weight smallint DEFAULT 1 NOT NULL,
    credits_micros bigint,
    state text DEFAULT 'active'::text NOT NULL,
    state_reason text DEFAULT ''::text NOT NULL,
    cooling_until timestamp with time zone,
    consecutive_errors integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    consecutive_throttles integer DEFAULT 0 NOT NULL,
    exhausted_at timestamp with time zone,
    checked_at timestamp with time zone,
    check_error text,
    low_since timestamp with time zone,
    credits_asked_at timestamp with time zone,
    CONSTRAINT account_base_url_form CHECK ((base_url ~ '^https?://[^[:space:]]+$'::text)),
    CONSTRAINT account_cooling_has_end CHECK (((state <> 'cooling'::text) OR (cooling_until IS NOT NULL))),
    CONSTRAINT account_errors_not_negative CHECK ((consecutive_errors >= 0)),
    CONSTRAINT account_name_form CHECK ((name ~ '^[^[:cntrl:]]{1,128}$'::text)),
    CONSTRAINT account_slots_in_range CHECK (((slots >= 1) AND (slots <= 100000))),
    CONSTRAINT account_state_known CHECK ((state = ANY (ARRAY['active'::text, 'cooling'::text, 'disabled'::text, 'invalid'::text]))),
    CONSTRAINT account_throttles_not_negative CHECK ((consecutive_throttles >= 0)),
    CONSTRAINT account_vendor_form CHECK ((vendor ~ '^[a-z][a-z0-9_-]{0,31}$'::text)),
    CONSTRAINT account_weight_positive CHECK ((weight > 0))
);

COMMENT ON TABLE kinora.account IS 'Credentials at one vendor, and how much work they carry.';

COMMENT ON COLUMN kinora.account.id IS 'Internal number.';

COMMENT ON COLUMN kinora.account.vendor IS 'The wire format spoken upstream, by name; matches route.vendor.';

COMMENT ON COLUMN kinora.account.name IS 'The operator''s name for it, unique for a vendor.';

COMMENT ON COLUMN kinora.account.base_url IS 'Where the vendor answers: keys are tied to a host, so the host belongs here.';

COMMENT ON COLUMN kinora.account.region IS 'The vendor''s region, where it has several.';

COMMENT ON COLUMN kinora.account.proxy_url IS 'Outgoing proxy of this account; null: none.';

COMMENT ON COLUMN kinora.account.credential_sealed IS 'AES-256-GCM under the master key, bound to this table, row and column. Secret.';

COMMENT ON COLUMN kinora.account.slots IS 'Tasks it may run at once.';

COMMENT ON COLUMN kinora.account.weight IS 'Share of the work among accounts of equal load.';

COMMENT ON COLUMN kinora.account.credits_micros IS 'Credit left at the vendor when it was last read, micro-units; null: unknown or without limit.';

COMMENT ON COLUMN kinora.account.state IS 'active; cooling: rests until cooling_until; disabled: by the operator or by errors, as state_reason says; invalid: its credentials were refused.';

COMMENT ON COLUMN kinora.account.state_reason IS 'Why it is in this state.';

COMMENT ON COLUMN kinora.account.cooling_until IS 'End of the rest; in the past, it works again.';

COMMENT ON COLUMN kinora.account.consecutive_errors IS 'Account-level errors since the last success; those of tasks under way while it rests do not count. At the setting error_ban_threshold it is disabled.';

COMMENT ON COLUMN kinora.account.created_at IS 'When the row was made.';

COMMENT ON COLUMN kinora.account.consecutive_throttles IS 'Refusals for rate or concurrency since the vendor last took a task. They make rests longer and never disable.';

COMMENT ON COLUMN kinora.account.exhausted_at IS 'When the vendor said that it cannot pay; null: it can. It gets no work until credits_micros rises or an operator enables it.';

COMMENT ON COLUMN kinora.account.checked_at IS 'When the vendor was last asked about it, by a test or for its credit; null: never.';

COMMENT ON COLUMN kinora.account.check_error IS 'What came of that: a code of docs/errors.md and details, never a secret; null: it answered well.';

COMMENT ON COLUMN kinora.account.low_since IS 'When its credit was first seen below the setting low_credit_threshold; null: it is not.';

COMMENT ON COLUMN kinora.account.credits_asked_at IS 'When its vendor was last asked what credit it has; infinity: the vendor does not tell; null: never asked at this address.';

ALTER TABLE kinora.account ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kinora.account_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE kinora.api_key (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    public_id text NOT NULL,
    secret_hash bytea NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    models text[],
    requests_per_minute integer,
    concurrent_tasks_max integer,
    quota_cap_micros bigint,
    video_created_status smallint DEFAULT 200 NOT NULL,
    content_mode text DEFAULT 'serve'::text NOT NULL,
    chat_format text DEFAULT 'auto'::text NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    dialect text DEFAULT 'auto'::text NOT NULL,
    CONSTRAINT api_key_chat_format_known CHECK ((chat_format = ANY (ARRAY['auto'::text, 'json'::text, 'markdown'::text]))),
    CONSTRAINT api_key_concurrent_positive CHECK ((concurrent_tasks_max > 0)),
    CONSTRAINT api_key_content_mode_known CHECK ((content_mode = ANY (ARRAY['serve'::text, 'redirect'::text]))),
    CONSTRAINT api_key_created_status_known CHECK ((video_created_status = ANY (ARRAY[200, 201]))),
    CONSTRAINT api_key_dialect_known CHECK ((dialect = ANY (ARRAY['auto'::text, 'sora'::text, 'jimeng'::text]))),
    CONSTRAINT api_key_expires_finite CHECK (isfinite(expires_at)),
    CONSTRAINT api_key_name_length CHECK ((length(name) <= 128)),
    CONSTRAINT api_key_public_id_form CHECK ((public_id ~ '^[0-9a-z]{12}$'::text)),
    CONSTRAINT api_key_quota_cap_not_negative CHECK ((quota_cap_micros >= 0)),
    CONSTRAINT api_key_requests_positive CHECK ((requests_per_minute > 0)),
    CONSTRAINT api_key_secret_hash_length CHECK ((octet_length(secret_hash) = 32))
);

COMMENT ON TABLE kinora.api_key IS 'Client keys. The key itself (kn_<public id>_<secret><checksum>) is shown once and never stored.';

COMMENT ON COLUMN kinora.api_key.id IS 'Internal number.';

COMMENT ON COLUMN kinora.api_key.user_id IS 'Whose key this is.';

COMMENT ON COLUMN kinora.api_key.public_id IS 'The part of the key that may be shown: 12 characters of 0-9a-z.';

COMMENT ON COLUMN kinora.api_key.secret_hash IS 'SHA-256 of the key''s 256-bit random secret. Secret.';

COMMENT ON COLUMN kinora.api_key.name IS 'The operator''s note.';

COMMENT ON COLUMN kinora.api_key.models IS 'Models the key may use; null: all.';

COMMENT ON COLUMN kinora.api_key.requests_per_minute IS 'Submits in any 60 seconds; null: no limit.';

COMMENT ON COLUMN kinora.api_key.concurrent_tasks_max IS 'Unfinished tasks and requests to text models at once; null: no limit.';

COMMENT ON COLUMN kinora.api_key.quota_cap_micros IS 'Most the key may spend of its user''s quota, all its life, micro-units; null: no cap. key_spend says what it has.';

COMMENT ON COLUMN kinora.api_key.video_created_status IS 'HTTP status of a created video: 200 (default), or 201 for clients that insist.';

COMMENT ON COLUMN kinora.api_key.content_mode IS 'serve: content answers with the bytes. redirect: with 302 to a signed link of the same origin.';

COMMENT ON COLUMN kinora.api_key.chat_format IS 'How chat answers carry media: auto (by model family), json or markdown.';

COMMENT ON COLUMN kinora.api_key.expires_at IS 'The key stops working then; null: never.';

COMMENT ON COLUMN kinora.api_key.revoked_at IS 'When the key was revoked; null: it works.';

COMMENT ON COLUMN kinora.api_key.created_at IS 'When the key was made.';

COMMENT ON COLUMN kinora.api_key.dialect IS 'Whose API the key finds at addresses that several have: auto (by the model''s family), or as below the prefix sora or jimeng.';

ALTER TABLE kinora.api_key ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kinora.api_key_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE kinora.app_user (
    id bigint NOT NULL,
    name text NOT NULL,
    role text DEFAULT 'client'::text NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    password_hash text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    requests_per_minute integer,
    concurrent_tasks_max integer,
    CONSTRAINT app_user_concurrent_positive CHECK ((concurrent_tasks_max > 0)),
    CONSTRAINT app_user_name_form CHECK ((name ~ '^[^[:cntrl:]]{1,128}$'::text)),
    CONSTRAINT app_user_password_form CHECK ((password_hash ~ '^scrypt\$'::text)),
    CONSTRAINT app_user_requests_positive CHECK ((requests_per_minute > 0)),
    CONSTRAINT app_user_role_known CHECK ((role = ANY (ARRAY['admin'::text, 'client'::text]))),
    CONSTRAINT app_user_state_known CHECK ((state = ANY (ARRAY['active'::text, 'disabled'::text])))
);

COMMENT ON TABLE kinora.app_user IS 'Owner of keys, tasks and quota. Named app_user because "user" is a reserved word of SQL.';

COMMENT ON COLUMN kinora.app_user.id IS 'Internal number.';

COMMENT ON COLUMN kinora.app_user.name IS 'Unique name; for an administrator also the log-in name.';

COMMENT ON COLUMN kinora.app_user.role IS 'admin: may use the console. client: owns keys only.';

COMMENT ON COLUMN kinora.app_user.state IS 'active, or disabled: every key of the user is refused.';

COMMENT ON COLUMN kinora.app_user.password_hash IS 'scrypt$N$r$p$salt$hash (base64); null: cannot log in. Secret.';

COMMENT ON COLUMN kinora.app_user.created_at IS 'When the user was made.';

COMMENT ON COLUMN kinora.app_user.requests_per_minute IS 'Submits of all the user''s keys together in any 60 seconds; null: no limit.';

COMMENT ON COLUMN kinora.app_user.concurrent_tasks_max IS 'Unfinished tasks and requests to text models of all the user''s keys together; null: no limit.';

ALTER TABLE kinora.app_user ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kinora.app_user_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE kinora.asset (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    sha256 bytea NOT NULL,
    bytes bigint NOT NULL,
    media_type text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT asset_bytes_not_negative CHECK ((bytes >= 0)),
    CONSTRAINT asset_media_type_form CHECK ((media_type ~ '^(image|video|audio)/[a-z0-9]+$'::text)),
    CONSTRAINT asset_sha256_length CHECK ((octet_length(sha256) = 32))
);

COMMENT ON TABLE kinora.asset IS 'Bytes that are kept: an uploaded reference or a finished result. The file''s name is its SHA-256.';

COMMENT ON COLUMN kinora.asset.id IS 'Internal number.';

COMMENT ON COLUMN kinora.asset.user_id IS 'The owner. Two owners of equal bytes have a row each and share the file.';

COMMENT ON COLUMN kinora.asset.sha256 IS 'SHA-256 of the bytes; the file lies at <2 hex digits>/<64 hex digits>.<extension> below the media directory.';

COMMENT ON COLUMN kinora.asset.bytes IS 'Length in bytes.';

COMMENT ON COLUMN kinora.asset.media_type IS 'What the bytes are, by their content.';

COMMENT ON COLUMN kinora.asset.created_at IS 'When the row was made.';

ALTER TABLE kinora.asset ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kinora.asset_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE kinora.attempt (
    id bigint NOT NULL,
    task_id bigint NOT NULL,
    number smallint NOT NULL,
    account_id bigint NOT NULL,
    slot integer NOT NULL,
    route_id bigint,
    vendor_model text NOT NULL,
    vendor_task_id text,
    outcome text,
    error_code text,
    error_detail text,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    accepted_at timestamp with time zone,
    finished_at timestamp with time zone,
    hinted_at timestamp with time zone,
    vendor_usage jsonb,
    CONSTRAINT attempt_accepted_with_id CHECK (((accepted_at IS NULL) = (vendor_task_id IS NULL))),
    CONSTRAINT attempt_outcome_iff_finished CHECK (((outcome IS NOT NULL) = (finished_at IS NOT NULL))),
    CONSTRAINT attempt_outcome_known CHECK ((outcome = ANY (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text, 'unknown'::text, 'abandoned'::text]))),
    CONSTRAINT attempt_slot_positive CHECK ((slot > 0))
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');

COMMENT ON TABLE kinora.attempt IS 'One try of a task on one account. An unfinished attempt occupies one slot of the account.';

COMMENT ON COLUMN kinora.attempt.id IS 'Internal number.';

COMMENT ON COLUMN kinora.attempt.task_id IS 'The task.';

COMMENT ON COLUMN kinora.attempt.number IS '1 for the first try of the task.';

COMMENT ON COLUMN kinora.attempt.account_id IS 'The account: polls, cancels, downloads and remixes use it and no other.';

COMMENT ON COLUMN kinora.attempt.slot IS 'Which of the account''s slots it occupies, from 1.';

COMMENT ON COLUMN kinora.attempt.route_id IS 'The route that was chosen. No reference: attempts outlive routes.';

COMMENT ON COLUMN kinora.attempt.vendor_model IS 'The vendor''s id of the model.';

COMMENT ON COLUMN kinora.attempt.vendor_task_id IS 'The vendor''s id of the task; null until the vendor accepted it.';

COMMENT ON COLUMN kinora.attempt.outcome IS 'succeeded, failed, cancelled; unknown: the vendor may have taken it; abandoned: it never reached the vendor.';

COMMENT ON COLUMN kinora.attempt.error_code IS 'Why it failed: a code of docs/errors.md.';

COMMENT ON COLUMN kinora.attempt.error_detail IS 'Why it failed, for the operator: may hold the vendor''s words, never a secret.';

COMMENT ON COLUMN kinora.attempt.started_at IS 'When a worker took it, just before the request left.';

COMMENT ON COLUMN kinora.attempt.accepted_at IS 'When the vendor accepted it.';

COMMENT ON COLUMN kinora.attempt.finished_at IS 'When it ended and its slot became free.';

COMMENT ON COLUMN kinora.attempt.hinted_at IS 'When the vendor last called back and was heeded; null: never.';

COMMENT ON COLUMN kinora.attempt.vendor_usage IS 'What the vendor says that a success has used or cost: tokens, seconds, units, credits, in its own words; null: it does not say.';

ALTER TABLE kinora.attempt ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kinora.attempt_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE kinora.cameo (
    id bigint NOT NULL,
    uid uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id bigint NOT NULL,
    account_id bigint NOT NULL,
    state text DEFAULT 'processing'::text NOT NULL,
    busy_until timestamp with time zone,
    idempotency_key text,
    request_hash bytea,
    model text NOT NULL,
    cameo_id text,
    character_id text,
    username text DEFAULT ''::text NOT NULL,
    display_name text DEFAULT ''::text NOT NULL,
    profile_url text,
    instruction_set text DEFAULT ''::text NOT NULL,
    safety_instruction_set text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT cameo_busy_iff_processing CHECK (((busy_until IS NOT NULL) = (state = 'processing'::text))),
    CONSTRAINT cameo_key_has_hash CHECK (((idempotency_key IS NULL) = (request_hash IS NULL))),
    CONSTRAINT cameo_made_iff_finalized CHECK (((cameo_id IS NOT NULL) = (state = 'finalized'::text))),
    CONSTRAINT cameo_request_hash_length CHECK ((octet_length(request_hash) = 32)),
    CONSTRAINT cameo_state_known CHECK ((state = ANY (ARRAY['processing'::text, 'finalized'::text])))
);

COMMENT ON TABLE kinora.cameo IS 'Characters that users have had made of videos, by the bridge. Named cameo because "character" is a reserved word of SQL.';

COMMENT ON COLUMN kinora.cameo.id IS 'Internal number.';

COMMENT ON COLUMN kinora.cameo.uid IS 'The request at the bridge, the same at every try; its first 12 hex digits behind char_ are the id that clients get.';

COMMENT ON COLUMN kinora.cameo.user_id IS 'Whose it is.';

COMMENT ON COLUMN kinora.cameo.account_id IS 'The account that it was made with.';

COMMENT ON COLUMN kinora.cameo.state IS 'processing: it is not known to be made; finalized: it is.';

COMMENT ON COLUMN kinora.cameo.busy_until IS 'Until when a request is at work for it; after that the same request may be sent again. Null once it is made.';

COMMENT ON COLUMN kinora.cameo.idempotency_key IS 'The Idempotency-Key of the request; null: none.';

COMMENT ON COLUMN kinora.cameo.request_hash IS 'SHA-256 of that request.';

COMMENT ON COLUMN kinora.cameo.model IS 'The model that the request named, which the answer repeats.';

COMMENT ON COLUMN kinora.cameo.cameo_id IS 'What the upstream calls it in prompts.';

COMMENT ON COLUMN kinora.cameo.character_id IS 'Another id that the upstream has for it; null: none.';

COMMENT ON COLUMN kinora.cameo.username IS 'Its name, without @; empty until it is made, where the client chose none.';

COMMENT ON COLUMN kinora.cameo.display_name IS 'Its name for people.';

COMMENT ON COLUMN kinora.cameo.profile_url IS 'Its picture; null: none is known.';

COMMENT ON COLUMN kinora.cameo.instruction_set IS 'How it behaves, in the client''s words.';

COMMENT ON COLUMN kinora.cameo.safety_instruction_set IS 'What it must not do, in the client''s words.';

COMMENT ON COLUMN kinora.cameo.created_at IS 'When it was asked for.';

COMMENT ON COLUMN kinora.cameo.updated_at IS 'When the row changed last.';

ALTER TABLE kinora.cameo ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kinora.cameo_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE kinora.cancellation (
    attempt_id bigint NOT NULL,
    asked_at timestamp with time zone,
    due_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');

COMMENT ON TABLE kinora.cancellation IS 'Attempts of cancelled tasks that may still run at their vendor: they keep their slot until the vendor has ended them, or until the task''s deadline. A row goes with the end of its attempt.';

COMMENT ON COLUMN kinora.cancellation.attempt_id IS 'The attempt whose account and vendor task it is.';

COMMENT ON COLUMN kinora.cancellation.asked_at IS 'When the vendor was asked to stop; null: not yet, or it cannot.';

COMMENT ON COLUMN kinora.cancellation.due_at IS 'When the vendor is asked next, or how far a worker that asks may be away.';

CREATE TABLE kinora.code_batch (
    id bigint NOT NULL,
    amount_micros bigint NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    expires_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT code_batch_amount_in_range CHECK (((amount_micros >= 1) AND (amount_micros <= '1000000000000000'::bigint))),
    CONSTRAINT code_batch_expires_finite CHECK (isfinite(expires_at)),
    CONSTRAINT code_batch_note_length CHECK ((length(note) <= 500))
);

COMMENT ON TABLE kinora.code_batch IS 'Redemption codes that were made together.';

COMMENT ON COLUMN kinora.code_batch.id IS 'Internal number.';

COMMENT ON COLUMN kinora.code_batch.amount_micros IS 'What each code of it adds to a user''s quota, micro-units.';

COMMENT ON COLUMN kinora.code_batch.note IS 'The operator''s words.';

COMMENT ON COLUMN kinora.code_batch.expires_at IS 'No code of it is taken from then on; quota that was granted stays. Null: never.';

COMMENT ON COLUMN kinora.code_batch.created_at IS 'When it was made.';

ALTER TABLE kinora.code_batch ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kinora.code_batch_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE kinora.config_version (
    only_row boolean DEFAULT true NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    CONSTRAINT config_version_one_row CHECK (only_row)
);

COMMENT ON TABLE kinora.config_version IS 'Counts changes of users, keys, models, routes, accounts and settings. Processes compare it to know when to read them again.';

COMMENT ON COLUMN kinora.config_version.only_row IS 'Always true: the table has one row.';

COMMENT ON COLUMN kinora.config_version.version IS 'Rises with every change.';

CREATE TABLE kinora.credit_turn (
    only_row boolean DEFAULT true NOT NULL,
    free_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT credit_turn_one_row CHECK (only_row)
);

COMMENT ON TABLE kinora.credit_turn IS 'Lets workers ask for the credit of one account at a time, all processes together.';

COMMENT ON COLUMN kinora.credit_turn.only_row IS 'Always true: the table has one row.';

COMMENT ON COLUMN kinora.credit_turn.free_at IS 'When the next account may be asked about: some seconds after the last one, or when whoever asks must have died.';

CREATE TABLE kinora.event_log (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    process text NOT NULL,
    level text NOT NULL,
    name text NOT NULL,
    task text,
    attempt integer,
    account_id bigint,
    key_id bigint,
    fields jsonb NOT NULL,
    CONSTRAINT event_log_fields_object CHECK ((jsonb_typeof(fields) = 'object'::text)),
    CONSTRAINT event_log_level_known CHECK ((level = ANY (ARRAY['debug'::text, 'info'::text, 'notice'::text, 'warning'::text, 'error'::text])))
)
PARTITION BY RANGE (at);

COMMENT ON TABLE kinora.event_log IS 'What happened: to tasks, accounts, webhooks and the processes. Which events is said by the setting event_log, how long they are kept by log_retention_days. No references: a log outlives what it tells of.';

COMMENT ON COLUMN kinora.event_log.id IS 'Rises in the order in which rows appear.';

COMMENT ON COLUMN kinora.event_log.at IS 'When it happened, by the clock of this server. A row that had to wait for the database for more than a day is dated yesterday.';

COMMENT ON COLUMN kinora.event_log.process IS 'Host and process that saw it.';

COMMENT ON COLUMN kinora.event_log.level IS 'debug, info, notice, warning, error.';

COMMENT ON COLUMN kinora.event_log.name IS 'What happened, in the words of the processes'' own log lines.';

COMMENT ON COLUMN kinora.event_log.task IS 'The task it happened to: the first 12 hex digits of its uid.';

COMMENT ON COLUMN kinora.event_log.attempt IS 'Number of the task''s attempt.';

COMMENT ON COLUMN kinora.event_log.account_id IS 'The account it happened to, or on which the attempt ran.';

COMMENT ON COLUMN kinora.event_log.key_id IS 'The key that the task was submitted with.';

COMMENT ON COLUMN kinora.event_log.fields IS 'The rest. Never a secret.';

CREATE SEQUENCE kinora.event_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE kinora.event_log_id_seq OWNED BY kinora.event_log.id;

CREATE TABLE kinora.idempotency (
    user_id bigint NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    task_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_hash_length CHECK ((octet_length(request_hash) = 32)),
    CONSTRAINT idempotency_key_length CHECK (((length(key) >= 1) AND (length(key) <= 255)))
);

COMMENT ON TABLE kinora.idempotency IS 'Idempotency-Key of accepted submits: the same key and body gives the same task. Kept 48 hours.';

COMMENT ON COLUMN kinora.idempotency.user_id IS 'The caller.';

COMMENT ON COLUMN kinora.idempotency.key IS 'The header''s value.';

COMMENT ON COLUMN kinora.idempotency.request_hash IS 'SHA-256 of method, path and body.';

COMMENT ON COLUMN kinora.idempotency.task_id IS 'The task that the first request made.';

COMMENT ON COLUMN kinora.idempotency.created_at IS 'When the first request came.';

CREATE TABLE kinora.key_spend (
    key_id bigint NOT NULL,
    spent_micros bigint NOT NULL,
    CONSTRAINT key_spend_not_negative CHECK ((spent_micros >= 0))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');

COMMENT ON TABLE kinora.key_spend IS 'What each key has spent of its user''s quota, kept by the trigger ledger_book. Nobody else writes it.';

COMMENT ON COLUMN kinora.key_spend.key_id IS 'The key. No row: it has spent nothing.';

COMMENT ON COLUMN kinora.key_spend.spent_micros IS 'What its tasks have cost or will cost if they succeed, micro-units. api_key.quota_cap_micros is its bound.';

CREATE TABLE kinora.ledger (
    id bigint NOT NULL,
    event text NOT NULL,
    kind text NOT NULL,
    debit text NOT NULL,
    credit text NOT NULL,
    user_id bigint NOT NULL,
    key_id bigint,
    task_id bigint,
    amount_micros bigint NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    relay_id bigint,
    CONSTRAINT ledger_amount_in_range CHECK (((amount_micros >= 1) AND (amount_micros <= '1000000000000000'::bigint))),
    CONSTRAINT ledger_books_of_kind CHECK ((((((kind || ': '::text) || debit) || ' > '::text) || credit) = ANY (ARRAY['topup: issued > available'::text, 'redemption: issued > available'::text, 'withdrawal: available > issued'::text, 'hold: available > held'::text, 'capture: held > used'::text, 'release: held > available'::text]))),
    CONSTRAINT ledger_event_length CHECK (((length(event) >= 1) AND (length(event) <= 160))),
    CONSTRAINT ledger_note_length CHECK ((length(note) <= 500)),
    CONSTRAINT ledger_subject_iff_settled CHECK ((num_nonnulls(task_id, relay_id) =
CASE
    WHEN (kind = ANY (ARRAY['hold'::text, 'capture'::text, 'release'::text])) THEN 1
    ELSE 0
END))
);

COMMENT ON TABLE kinora.ledger IS 'Every change of quota, for ever. A row is one transfer: the amount leaves one book of the user and enters another, so that all books together are always zero.';

COMMENT ON COLUMN kinora.ledger.id IS 'Internal number.';

COMMENT ON COLUMN kinora.ledger.event IS 'What happened, which can happen once: hold:<task>, settle:<task> (capture or release), rest:<task> (release of what a success did not cost), hold:r<relay>, capture:r<relay>, release:r<relay>, code:<redemption_code.id>, topup:<reference>, withdrawal:<reference>.';

COMMENT ON COLUMN kinora.ledger.kind IS 'topup, withdrawal: by an operator. redemption: by a code. hold: with a task''s acceptance. capture: it succeeded. release: it ended otherwise.';

COMMENT ON COLUMN kinora.ledger.debit IS 'The book the amount leaves: issued (the operator''s), available, held or used (the user''s).';

COMMENT ON COLUMN kinora.ledger.credit IS 'The book it enters.';

COMMENT ON COLUMN kinora.ledger.user_id IS 'Whose quota it is.';

COMMENT ON COLUMN kinora.ledger.key_id IS 'The key of the task, or that a code was redeemed with; null: it is about no key.';

COMMENT ON COLUMN kinora.ledger.task_id IS 'The task that is held for or settled; null: it is about none.';

COMMENT ON COLUMN kinora.ledger.amount_micros IS 'How much, micro-units.';

COMMENT ON COLUMN kinora.ledger.note IS 'The operator''s words.';

COMMENT ON COLUMN kinora.ledger.created_at IS 'When it happened.';

COMMENT ON COLUMN kinora.ledger.relay_id IS 'The request to a text model that is held for or settled; null: it is about none.';

ALTER TABLE kinora.ledger ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kinora.ledger_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE kinora.media_removal (
    sha256 bytea NOT NULL,
    media_type text NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone DEFAULT (now() + '00:01:00'::interval) NOT NULL,
    CONSTRAINT media_removal_media_type_form CHECK ((media_type ~ '^(image|video|audio)/[a-z0-9]+$'::text)),
    CONSTRAINT media_removal_sha256_length CHECK ((octet_length(sha256) = 32)),
    CONSTRAINT media_removal_tries_not_negative CHECK ((tries >= 0))
);

COMMENT ON TABLE kinora.media_removal IS 'Bytes in the media store that no asset names any more. A row goes when they are gone, or when an asset names them again.';

COMMENT ON COLUMN kinora.media_removal.sha256 IS 'Their name, as in asset.';

COMMENT ON COLUMN kinora.media_removal.media_type IS 'What they are: the rest of their name.';

COMMENT ON COLUMN kinora.media_removal.tries IS 'How often their removal was tried.';

COMMENT ON COLUMN kinora.media_removal.due_at IS 'When it is tried next.';

CREATE TABLE kinora.model (
    id text NOT NULL,
    kind text NOT NULL,
    family text NOT NULL,
    title text DEFAULT ''::text NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT model_family_form CHECK ((family ~ '^[a-z][a-z0-9_-]{0,31}$'::text)),
    CONSTRAINT model_id_form CHECK ((id ~ '^[a-zA-Z0-9][a-zA-Z0-9._:/-]{0,99}$'::text)),
    CONSTRAINT model_kind_known CHECK ((kind = ANY (ARRAY['image'::text, 'video'::text, 'chat'::text, 'embedding'::text])))
);

COMMENT ON TABLE kinora.model IS 'What a client asks for by id.';

COMMENT ON COLUMN kinora.model.id IS 'The id clients send.';

COMMENT ON COLUMN kinora.model.kind IS 'What it makes: image, video, chat or embedding.';

COMMENT ON COLUMN kinora.model.family IS 'The client API it stems from: sora, jimeng, openart, hub, llmage ...';

COMMENT ON COLUMN kinora.model.title IS 'One line for people.';

COMMENT ON COLUMN kinora.model.enabled IS 'False: unknown to clients.';

COMMENT ON COLUMN kinora.model.created_at IS 'When the row was made.';

CREATE TABLE kinora.model_category (
    model_id text NOT NULL,
    category text NOT NULL,
    parameters jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT model_category_known CHECK ((category = ANY (ARRAY['t2i'::text, 'i2i'::text, 't2v'::text, 'i2v'::text, 'ref2v'::text, 'v2v'::text, 't2t'::text, 't2e'::text]))),
    CONSTRAINT model_category_parameters_array CHECK ((jsonb_typeof(parameters) = 'array'::text)),
    CONSTRAINT model_category_text_takes_no_media CHECK (((category <> ALL (ARRAY['t2i'::text, 't2v'::text])) OR (NOT (parameters @> '[{"type": "media"}]'::jsonb))))
);

COMMENT ON TABLE kinora.model_category IS 'The ways a model can be used, each with its own parameter rules.';

COMMENT ON COLUMN kinora.model_category.model_id IS 'The model.';

COMMENT ON COLUMN kinora.model_category.category IS 't2v text to video, i2v image to video, ref2v references to video, v2v video to video (remix), t2i, i2i, t2t, t2e.';

COMMENT ON COLUMN kinora.model_category.parameters IS 'Rules: [{"name","type":"integer|string|boolean|size|media","default","allowed":[...],"minimum","maximum","length_max"}]. They drive checks, documentation and forms. Of type size: "allowed" sizes, to the nearest of which a ratio such as 16:9 leads; "multiple" and "longest": any size whose sides are multiples; or "levels" of sizes by name, with the usual "level" and "ratio". Of type media: how many references of one kind of "media" it takes, the "types" and "bytes_max" of each, and how long sounds and films may be.';

CREATE TABLE kinora.open_task (
    holder text NOT NULL,
    holder_id bigint NOT NULL,
    task_id bigint NOT NULL,
    CONSTRAINT open_task_holder_known CHECK ((holder = ANY (ARRAY['key'::text, 'user'::text])))
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');

COMMENT ON TABLE kinora.open_task IS 'Tasks of those keys and users that have a limit of concurrent tasks. Finished ones go at the holder''s next submit.';

COMMENT ON COLUMN kinora.open_task.holder IS 'Whose limit it counts against: key or user.';

COMMENT ON COLUMN kinora.open_task.holder_id IS 'api_key.id or app_user.id.';

COMMENT ON COLUMN kinora.open_task.task_id IS 'The task. No reference: whether it still counts is looked up in task.';

CREATE TABLE kinora.price (
    model_id text NOT NULL,
    category text NOT NULL,
    resolution text DEFAULT ''::text NOT NULL,
    task_micros bigint DEFAULT 0 NOT NULL,
    second_micros bigint DEFAULT 0 NOT NULL,
    image_micros bigint DEFAULT 0 NOT NULL,
    off_peak_percent smallint DEFAULT 100 NOT NULL,
    input_micros bigint DEFAULT 0 NOT NULL,
    output_micros bigint DEFAULT 0 NOT NULL,
    CONSTRAINT price_image_in_range CHECK (((image_micros >= 0) AND (image_micros <= '1000000000000'::bigint))),
    CONSTRAINT price_input_in_range CHECK (((input_micros >= 0) AND (input_micros <= '1000000000000'::bigint))),
    CONSTRAINT price_off_peak_percent_in_range CHECK (((off_peak_percent >= 0) AND (off_peak_percent <= 100))),
    CONSTRAINT price_output_in_range CHECK (((output_micros >= 0) AND (output_micros <= '1000000000000'::bigint))),
    CONSTRAINT price_resolution_form CHECK ((resolution ~ '^[0-9A-Za-z:x_-]{0,32}$'::text)),
    CONSTRAINT price_second_in_range CHECK (((second_micros >= 0) AND (second_micros <= '1000000000000'::bigint))),
    CONSTRAINT price_task_in_range CHECK (((task_micros >= 0) AND (task_micros <= '1000000000000'::bigint)))
);

COMMENT ON TABLE kinora.price IS 'What tasks cost. The row of the task''s resolution holds, else that without one; without any a task costs nothing.';

COMMENT ON COLUMN kinora.price.model_id IS 'The model.';

COMMENT ON COLUMN kinora.price.category IS 'How the model is used; see model_category.';

COMMENT ON COLUMN kinora.price.resolution IS 'The task''s parameter size or resolution; empty: any that has no row of its own.';

COMMENT ON COLUMN kinora.price.task_micros IS 'For the task, whatever it makes, in micro-units.';

COMMENT ON COLUMN kinora.price.second_micros IS 'For each second of video asked for, micro-units.';

COMMENT ON COLUMN kinora.price.image_micros IS 'For each picture asked for, micro-units.';

COMMENT ON COLUMN kinora.price.off_peak_percent IS 'What of all that a task costs that may be put off (parameter off_peak), in percent.';

COMMENT ON COLUMN kinora.price.input_micros IS 'For a million tokens that a text model reads, micro-units.';

COMMENT ON COLUMN kinora.price.output_micros IS 'For a million tokens that a text model writes, micro-units.';

CREATE TABLE kinora.redemption_code (
    id bigint NOT NULL,
    batch_id bigint NOT NULL,
    code_hash bytea NOT NULL,
    redeemed_at timestamp with time zone,
    redeemed_by bigint,
    voided_at timestamp with time zone,
    CONSTRAINT redemption_code_hash_length CHECK ((octet_length(code_hash) = 32)),
    CONSTRAINT redemption_code_redeemed_by_somebody CHECK (((redeemed_at IS NULL) = (redeemed_by IS NULL))),
    CONSTRAINT redemption_code_redeemed_or_void CHECK (((redeemed_at IS NULL) OR (voided_at IS NULL)))
);

COMMENT ON TABLE kinora.redemption_code IS 'Codes that add to the quota of whoever redeems them first. The code itself (REDEEM-XXXX-XXXX) is shown once and never stored.';

COMMENT ON COLUMN kinora.redemption_code.id IS 'Internal number.';

COMMENT ON COLUMN kinora.redemption_code.batch_id IS 'The batch, which says what it is worth.';

COMMENT ON COLUMN kinora.redemption_code.code_hash IS 'HMAC-SHA256 of the code under a key that is derived from the master key. Secret.';

COMMENT ON COLUMN kinora.redemption_code.redeemed_at IS 'When it was redeemed; null: it was not.';

COMMENT ON COLUMN kinora.redemption_code.redeemed_by IS 'Whose quota it went to.';

COMMENT ON COLUMN kinora.redemption_code.voided_at IS 'When an operator made it worthless; null: it is not.';

ALTER TABLE kinora.redemption_code ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kinora.redemption_code_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE kinora.redemption_miss (
    id bigint NOT NULL,
    key_id bigint NOT NULL,
    missed_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE kinora.redemption_miss IS 'Codes that do not exist and were tried within the last hour.';

COMMENT ON COLUMN kinora.redemption_miss.id IS 'Internal number.';

COMMENT ON COLUMN kinora.redemption_miss.key_id IS 'The key that tried. No reference: a row lives for an hour.';

COMMENT ON COLUMN kinora.redemption_miss.missed_at IS 'When.';

ALTER TABLE kinora.redemption_miss ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kinora.redemption_miss_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE kinora.relay (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    key_id bigint NOT NULL,
    model_id text NOT NULL,
    held_micros bigint NOT NULL,
    captured_micros bigint DEFAULT 0 NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    deadline_at timestamp with time zone NOT NULL,
    CONSTRAINT relay_captured_within_held CHECK (((captured_micros >= 0) AND (captured_micros <= held_micros)))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');

COMMENT ON TABLE kinora.relay IS 'Requests to text models that are under way and cost something, or whose key or user has limits. The end removes the row, and that settles it. No references: a row lives for minutes.';

COMMENT ON COLUMN kinora.relay.id IS 'Internal number; in the ledger for ever.';

COMMENT ON COLUMN kinora.relay.user_id IS 'Who pays.';

COMMENT ON COLUMN kinora.relay.key_id IS 'The key.';

COMMENT ON COLUMN kinora.relay.model_id IS 'The model.';

COMMENT ON COLUMN kinora.relay.held_micros IS 'The most it may cost, micro-units; held in the ledger until it ends.';

COMMENT ON COLUMN kinora.relay.captured_micros IS 'What its end will capture, micro-units; the rest is released.';

COMMENT ON COLUMN kinora.relay.started_at IS 'When it was admitted.';

COMMENT ON COLUMN kinora.relay.deadline_at IS 'Whoever carries it must have died then: workers end it, and nothing is captured.';

ALTER TABLE kinora.relay ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kinora.relay_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE kinora.relay_usage (
    id bigint NOT NULL,
    day date DEFAULT ((now() AT TIME ZONE 'UTC'::text))::date NOT NULL,
    user_id bigint NOT NULL,
    key_id bigint,
    model_id text NOT NULL,
    account_id bigint,
    accepted bigint NOT NULL,
    succeeded bigint NOT NULL,
    failed bigint NOT NULL,
    captured_micros bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');

COMMENT ON TABLE kinora.relay_usage IS 'Usage of requests to text models that is not yet added up. Written with their end, removed with the addition.';

COMMENT ON COLUMN kinora.relay_usage.id IS 'Internal number.';

COMMENT ON COLUMN kinora.relay_usage.day IS 'The day in UTC on which they ended.';

COMMENT ON COLUMN kinora.relay_usage.user_id IS 'The user.';

COMMENT ON COLUMN kinora.relay_usage.key_id IS 'The key.';

COMMENT ON COLUMN kinora.relay_usage.model_id IS 'The model.';

COMMENT ON COLUMN kinora.relay_usage.account_id IS 'The account that answered last; null: none did.';

COMMENT ON COLUMN kinora.relay_usage.accepted IS 'Requests. What is free and without limits is counted together, a row for each second.';

COMMENT ON COLUMN kinora.relay_usage.succeeded IS 'Those that were answered to the end.';

COMMENT ON COLUMN kinora.relay_usage.failed IS 'The others, those among them whose client left.';

COMMENT ON COLUMN kinora.relay_usage.captured_micros IS 'What they cost, micro-units.';

COMMENT ON COLUMN kinora.relay_usage.input_tokens IS 'Tokens read.';

COMMENT ON COLUMN kinora.relay_usage.output_tokens IS 'Tokens written.';

ALTER TABLE kinora.relay_usage ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kinora.relay_usage_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE kinora.removal (
    attempt_id bigint NOT NULL,
    tries smallint DEFAULT 0 NOT NULL,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT removal_tries_not_negative CHECK ((tries >= 0))
);

COMMENT ON TABLE kinora.removal IS 'What a client deleted here and a vendor still has to forget. A row goes once the vendor has.';

COMMENT ON COLUMN kinora.removal.attempt_id IS 'The attempt whose account and vendor task it is.';

COMMENT ON COLUMN kinora.removal.tries IS 'How often the vendor was asked.';

COMMENT ON COLUMN kinora.removal.due_at IS 'When it is asked next.';

CREATE TABLE kinora.request_log (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    process text NOT NULL,
    request_id text NOT NULL,
    method text,
    route text,
    dialect text,
    status smallint NOT NULL,
    duration_micros bigint NOT NULL,
    key_id bigint,
    user_id bigint,
    task text,
    model text,
    error_code text,
    error_detail text,
    client_address text NOT NULL,
    request_bytes bigint,
    response_bytes bigint NOT NULL,
    CONSTRAINT request_log_duration_not_negative CHECK ((duration_micros >= 0)),
    CONSTRAINT request_log_status_range CHECK (((status >= 100) AND (status <= 599)))
)
PARTITION BY RANGE (at);

COMMENT ON TABLE kinora.request_log IS 'Requests that were answered; which ones is said by the setting request_log, how long they are kept by log_retention_days. Written in batches, up to a second or two later. No references: a log outlives what it tells of.';

COMMENT ON COLUMN kinora.request_log.id IS 'Rises in the order in which rows appear.';

COMMENT ON COLUMN kinora.request_log.at IS 'When the request came, by the clock of this server. A row that had to wait for the database for more than a day is dated yesterday.';

COMMENT ON COLUMN kinora.request_log.process IS 'Host and process that answered it.';

COMMENT ON COLUMN kinora.request_log.request_id IS 'The X-Request-Id of its answer.';

COMMENT ON COLUMN kinora.request_log.method IS 'Its method; null: one that nothing here answers.';

COMMENT ON COLUMN kinora.request_log.route IS 'The route''s pattern, never the path or the query of the client; null: no route was found.';

COMMENT ON COLUMN kinora.request_log.dialect IS 'The client API it was read in; null: none was found.';

COMMENT ON COLUMN kinora.request_log.status IS 'HTTP status of the answer; 499: the client was gone.';

COMMENT ON COLUMN kinora.request_log.duration_micros IS 'Microseconds from its head to the answer, waits for the result of a task included.';

COMMENT ON COLUMN kinora.request_log.key_id IS 'api_key.id; null: the key was refused, or none was needed.';

COMMENT ON COLUMN kinora.request_log.user_id IS 'app_user.id of the key''s owner.';

COMMENT ON COLUMN kinora.request_log.task IS 'The task it made, read or changed, or asked for in vain: the first 12 hex digits of its uid.';

COMMENT ON COLUMN kinora.request_log.model IS 'The model asked for, or that of the task.';

COMMENT ON COLUMN kinora.request_log.error_code IS 'Why it failed: a code of docs/errors.md; null: it did not.';

COMMENT ON COLUMN kinora.request_log.error_detail IS 'Why it failed, for the operator: may hold a vendor''s words, never a secret.';

COMMENT ON COLUMN kinora.request_log.client_address IS 'Where it came from, as nginx saw it.';

COMMENT ON COLUMN kinora.request_log.request_bytes IS 'Length of its body as the client named it; null: it named none.';

COMMENT ON COLUMN kinora.request_log.response_bytes IS 'Length of the answer''s body; 0 where nginx sent a file.';

CREATE SEQUENCE kinora.request_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE kinora.request_log_id_seq OWNED BY kinora.request_log.id;

CREATE TABLE kinora.request_permit (
    holder text NOT NULL,
    holder_id bigint NOT NULL,
    number bigint NOT NULL,
    oldest bigint NOT NULL,
    used_at timestamp with time zone NOT NULL,
    CONSTRAINT request_permit_holder_known CHECK ((holder = ANY (ARRAY['key'::text, 'user'::text])))
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');

COMMENT ON TABLE kinora.request_permit IS 'Submits of the last minute, of those keys and users that have a limit of requests per minute.';

COMMENT ON COLUMN kinora.request_permit.holder IS 'Whose limit it counts against: key or user.';

COMMENT ON COLUMN kinora.request_permit.holder_id IS 'api_key.id or app_user.id. No reference: a row lives for a minute.';

COMMENT ON COLUMN kinora.request_permit.number IS 'Rises by one with each submit of the holder: the difference of two numbers counts them.';

COMMENT ON COLUMN kinora.request_permit.oldest IS 'The oldest number that still counted then. Looking starts here and not among the remains of deleted rows.';

COMMENT ON COLUMN kinora.request_permit.used_at IS 'When the submit was accepted; a minute later it no longer counts.';

CREATE TABLE kinora.route (
    id bigint NOT NULL,
    model_id text NOT NULL,
    vendor text NOT NULL,
    vendor_model text NOT NULL,
    "position" smallint DEFAULT 1 NOT NULL,
    weight smallint DEFAULT 1 NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    usual_seconds real,
    cost_micros bigint,
    CONSTRAINT route_cost_not_negative CHECK ((cost_micros >= 0)),
    CONSTRAINT route_position_positive CHECK (("position" > 0)),
    CONSTRAINT route_usual_seconds_positive CHECK ((usual_seconds > (0)::double precision)),
    CONSTRAINT route_vendor_form CHECK ((vendor ~ '^[a-z][a-z0-9_-]{0,31}$'::text)),
    CONSTRAINT route_weight_positive CHECK ((weight > 0))
);

COMMENT ON TABLE kinora.route IS 'Which vendor makes a model. Several routes of one model give fail-over.';

COMMENT ON COLUMN kinora.route.id IS 'Internal number.';

COMMENT ON COLUMN kinora.route.model_id IS 'The model that clients ask for.';

COMMENT ON COLUMN kinora.route.vendor IS 'The wire format spoken upstream, by name.';

COMMENT ON COLUMN kinora.route.vendor_model IS 'The vendor''s own id of the model.';

COMMENT ON COLUMN kinora.route."position" IS 'Routes are tried in this order.';

COMMENT ON COLUMN kinora.route.weight IS 'Share among routes of equal position.';

COMMENT ON COLUMN kinora.route.enabled IS 'False: not used for new tasks.';

COMMENT ON COLUMN kinora.route.usual_seconds IS 'Running average of how long a task takes here, which sets the pace of polling; null: none has finished yet.';

COMMENT ON COLUMN kinora.route.cost_micros IS 'What a task costs here at most, in micro-units of the account''s credits: an account with less gets none. Null: unknown, so that an account with any credit may have it.';

ALTER TABLE kinora.route ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kinora.route_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE kinora.setting (
    name text NOT NULL,
    value jsonb NOT NULL,
    description text NOT NULL,
    CONSTRAINT setting_name_form CHECK ((name ~ '^[a-z][a-z0-9_]{0,63}$'::text)),
    CONSTRAINT setting_off_peak_time_zone_known CHECK (((name <> 'off_peak_time_zone'::text) OR ((jsonb_typeof(value) = 'string'::text) AND (timezone((value #>> '{}'::text[]), '1970-01-01 00:00:00+00'::timestamp with time zone) IS NOT NULL)))),
    CONSTRAINT setting_off_peak_window_form CHECK (((name <> 'off_peak_window'::text) OR ((jsonb_typeof(value) = 'string'::text) AND ((value #>> '{}'::text[]) ~ '^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d(,([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)*)?$'::text))))
);

COMMENT ON TABLE kinora.setting IS 'What an operator may change while Kinora runs. A change takes effect everywhere at once.';

COMMENT ON COLUMN kinora.setting.name IS 'Name.';

COMMENT ON COLUMN kinora.setting.value IS 'Value.';

COMMENT ON COLUMN kinora.setting.description IS 'What it does, with its unit.';

CREATE TABLE kinora.task (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    key_id bigint,
    model_id text NOT NULL,
    kind text NOT NULL,
    category text NOT NULL,
    state text DEFAULT 'queued'::text NOT NULL,
    phase text,
    progress smallint DEFAULT 0 NOT NULL,
    priority smallint DEFAULT 0 NOT NULL,
    price_micros bigint DEFAULT 0 NOT NULL,
    pinned_account_id bigint,
    attempt smallint DEFAULT 0 NOT NULL,
    claim bigint DEFAULT 0 NOT NULL,
    worker_id bigint,
    due_at timestamp with time zone DEFAULT now(),
    deadline_at timestamp with time zone,
    error_code text,
    error_message text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    deleted_at timestamp with time zone,
    piece_micros bigint DEFAULT 0 NOT NULL,
    captured_micros bigint,
    CONSTRAINT task_attempt_not_negative CHECK ((attempt >= 0)),
    CONSTRAINT task_complete_iff_succeeded CHECK (((progress = 100) = (state = 'succeeded'::text))),
    CONSTRAINT task_deleted_only_final CHECK (((deleted_at IS NULL) OR (finished_at IS NOT NULL))),
    CONSTRAINT task_due_iff_open CHECK (((due_at IS NOT NULL) = (state = ANY (ARRAY['queued'::text, 'running'::text, 'storing'::text])))),
    CONSTRAINT task_error_iff_failed CHECK (((error_code IS NOT NULL) = (state = ANY (ARRAY['failed'::text, 'expired'::text])))),
    CONSTRAINT task_finished_iff_final CHECK (((finished_at IS NOT NULL) = (state = ANY (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text, 'expired'::text])))),
    CONSTRAINT task_kind_known CHECK ((kind = ANY (ARRAY['image'::text, 'video'::text]))),
    CONSTRAINT task_phase_iff_running CHECK (((phase IS NOT NULL) = (state = 'running'::text))),
    CONSTRAINT task_phase_known CHECK ((phase = ANY (ARRAY['submitting'::text, 'waiting'::text, 'postprocessing'::text]))),
    CONSTRAINT task_price_not_negative CHECK ((price_micros >= 0)),
    CONSTRAINT task_progress_in_range CHECK (((progress >= 0) AND (progress <= 100))),
    CONSTRAINT task_state_known CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'storing'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text, 'expired'::text])))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');

COMMENT ON TABLE kinora.task IS 'One accepted request for media. Narrow and rewritten often: what is written once stands in task_input.';

COMMENT ON COLUMN kinora.task.id IS 'Internal number, in order of acceptance.';

COMMENT ON COLUMN kinora.task.user_id IS 'The owner: every read names it.';

COMMENT ON COLUMN kinora.task.key_id IS 'The key it was submitted with; null once that key''s row is gone.';

COMMENT ON COLUMN kinora.task.model_id IS 'The model asked for. No reference: a task outlives its model''s row.';

COMMENT ON COLUMN kinora.task.kind IS 'image or video.';

COMMENT ON COLUMN kinora.task.category IS 'How the model is used; see model_category.';

COMMENT ON COLUMN kinora.task.state IS 'queued, running, storing; final: succeeded, failed, cancelled, expired. docs/task-states.md.';

COMMENT ON COLUMN kinora.task.phase IS 'While running: submitting, waiting or postprocessing.';

COMMENT ON COLUMN kinora.task.progress IS 'Percent. Never falls; 100 only when the result is stored.';

COMMENT ON COLUMN kinora.task.priority IS 'Lower runs first. From 10 on it is off-peak: started in the window of the setting off_peak_window only.';

COMMENT ON COLUMN kinora.task.price_micros IS 'Price fixed at acceptance, micro-units; held in the ledger until the task ends.';

COMMENT ON COLUMN kinora.task.pinned_account_id IS 'Must run on this account (a remix, whose source lives there); null: any.';

COMMENT ON COLUMN kinora.task.attempt IS 'Number of the current attempt; 0: none yet.';

COMMENT ON COLUMN kinora.task.claim IS 'Fence: raised by every claim, named by every later write. A worker that lost its claim writes nothing.';

COMMENT ON COLUMN kinora.task.worker_id IS 'The worker that looks after it, between two polls as well. No reference: a claim would lock the worker''s row.';

COMMENT ON COLUMN kinora.task.due_at IS 'When others may take it: start of a queued task, end of a lease. When it is polled next, its worker knows.';

COMMENT ON COLUMN kinora.task.deadline_at IS 'A running task fails then.';

COMMENT ON COLUMN kinora.task.error_code IS 'Why it failed: a code of docs/errors.md.';

COMMENT ON COLUMN kinora.task.error_message IS 'Why it failed, for the client. Never a vendor''s own words.';

COMMENT ON COLUMN kinora.task.created_at IS 'When it was accepted.';

COMMENT ON COLUMN kinora.task.started_at IS 'When its first attempt began.';

COMMENT ON COLUMN kinora.task.finished_at IS 'When it reached a final state.';

COMMENT ON COLUMN kinora.task.deleted_at IS 'When its owner deleted it; it is then invisible to clients.';

COMMENT ON COLUMN kinora.task.piece_micros IS 'What of the price each picture asked for is, fixed at acceptance, micro-units: one that does not come is not paid.';

COMMENT ON COLUMN kinora.task.captured_micros IS 'What of the price a success has cost, micro-units, the rest being released; null: all of it.';

CREATE TABLE kinora.task_asset (
    task_id bigint NOT NULL,
    role text NOT NULL,
    "position" smallint NOT NULL,
    asset_id bigint NOT NULL,
    revised_prompt text,
    CONSTRAINT task_asset_position_not_negative CHECK (("position" >= 0)),
    CONSTRAINT task_asset_role_known CHECK ((role = ANY (ARRAY['reference'::text, 'result'::text])))
);

COMMENT ON TABLE kinora.task_asset IS 'Which bytes a task was given and which it made.';

COMMENT ON COLUMN kinora.task_asset.task_id IS 'The task.';

COMMENT ON COLUMN kinora.task_asset.role IS 'reference: given with the request. result: made by the task.';

COMMENT ON COLUMN kinora.task_asset."position" IS 'Order within the role, from 0.';

COMMENT ON COLUMN kinora.task_asset.asset_id IS 'The bytes.';

COMMENT ON COLUMN kinora.task_asset.revised_prompt IS 'Of a result: the prompt as its vendor understood it; null: the vendor did not say.';

ALTER TABLE kinora.task ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kinora.task_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE kinora.task_input (
    task_id bigint NOT NULL,
    dialect text NOT NULL,
    prompt text NOT NULL,
    parameters jsonb NOT NULL,
    remix_of_id bigint,
    user_identifier text,
    uid uuid NOT NULL,
    CONSTRAINT task_input_parameters_object CHECK ((jsonb_typeof(parameters) = 'object'::text)),
    CONSTRAINT task_input_prompt_length CHECK ((length(prompt) <= 32000)),
    CONSTRAINT task_input_user_identifier_length CHECK ((length(user_identifier) <= 128))
);

COMMENT ON TABLE kinora.task_input IS 'What was asked for. Written once.';

COMMENT ON COLUMN kinora.task_input.task_id IS 'The task.';

COMMENT ON COLUMN kinora.task_input.dialect IS 'The client API it came through.';

COMMENT ON COLUMN kinora.task_input.prompt IS 'The prompt.';

COMMENT ON COLUMN kinora.task_input.parameters IS 'Parameters after checks and defaults, in Kinora''s names: seconds, size, style ...';

COMMENT ON COLUMN kinora.task_input.remix_of_id IS 'The task this one is a remix of.';

COMMENT ON COLUMN kinora.task_input.user_identifier IS 'The client''s own name for its end user.';

COMMENT ON COLUMN kinora.task_input.uid IS 'Random id; every client-side spelling of the task''s id derives from it.';

CREATE TABLE kinora.usage_day (
    day date NOT NULL,
    user_id bigint NOT NULL,
    key_id bigint,
    model_id text NOT NULL,
    account_id bigint,
    user_identifier text NOT NULL,
    accepted bigint NOT NULL,
    succeeded bigint NOT NULL,
    failed bigint NOT NULL,
    captured_micros bigint NOT NULL,
    video_seconds bigint NOT NULL,
    images bigint NOT NULL,
    input_tokens bigint DEFAULT 0 NOT NULL,
    output_tokens bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.05');

COMMENT ON TABLE kinora.usage_day IS 'Usage of finished tasks that were added up. v_usage has the others as well. No references: it outlives what it counts.';

COMMENT ON COLUMN kinora.usage_day.day IS 'The day in UTC: of the acceptance for accepted, of the end for everything else.';

COMMENT ON COLUMN kinora.usage_day.user_id IS 'The user.';

COMMENT ON COLUMN kinora.usage_day.key_id IS 'The key; null: none is known.';

COMMENT ON COLUMN kinora.usage_day.model_id IS 'The model.';

COMMENT ON COLUMN kinora.usage_day.account_id IS 'The account of the last attempt; null: there was none.';

COMMENT ON COLUMN kinora.usage_day.user_identifier IS 'The client''s own name for its end user; empty: none was given.';

COMMENT ON COLUMN kinora.usage_day.accepted IS 'Tasks accepted, and requests to text models.';

COMMENT ON COLUMN kinora.usage_day.succeeded IS 'Tasks that succeeded.';

COMMENT ON COLUMN kinora.usage_day.failed IS 'Tasks that ended otherwise.';

COMMENT ON COLUMN kinora.usage_day.captured_micros IS 'What they cost, micro-units.';

COMMENT ON COLUMN kinora.usage_day.video_seconds IS 'Seconds of video made, as asked for.';

COMMENT ON COLUMN kinora.usage_day.images IS 'Pictures made.';

COMMENT ON COLUMN kinora.usage_day.input_tokens IS 'Tokens that text models read.';

COMMENT ON COLUMN kinora.usage_day.output_tokens IS 'Tokens that text models wrote.';

CREATE TABLE kinora.usage_pending (
    task_id bigint NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');

COMMENT ON TABLE kinora.usage_pending IS 'Finished tasks that are not yet added up. Written with the end of the task, removed with the addition.';

COMMENT ON COLUMN kinora.usage_pending.task_id IS 'The task.';

CREATE VIEW kinora.v_account_load AS
SELECT
    NULL::bigint AS id,
    NULL::text AS vendor,
    NULL::text AS name,
    NULL::text AS state,
    NULL::text AS state_reason,
    NULL::timestamp with time zone AS cooling_until,
    NULL::integer AS slots,
    NULL::integer AS slots_taken,
    NULL::bigint AS credits_micros,
    NULL::timestamp with time zone AS exhausted_at,
    NULL::integer AS consecutive_errors,
    NULL::integer AS consecutive_throttles,
    NULL::smallint AS weight,
    NULL::boolean AS is_open,
    NULL::text AS obstacle,
    NULL::integer AS room;

COMMENT ON VIEW kinora.v_account_load IS 'How busy each account is, and whether it can take a task now.';

COMMENT ON COLUMN kinora.v_account_load.is_open IS 'False: disabled, or its key was refused. A disabled one takes only tasks that are pinned to it.';

COMMENT ON COLUMN kinora.v_account_load.obstacle IS 'What keeps it from a task: credential refused, credit used up, rest, slots all taken, proof (back from a rest, and the first task is not yet accepted); null: nothing.';

COMMENT ON COLUMN kinora.v_account_load.room IS 'Tasks it can take now; one that comes back from a rest proves itself by a single one.';

CREATE TABLE kinora.wallet (
    user_id bigint NOT NULL,
    available_micros bigint DEFAULT 0 NOT NULL,
    held_micros bigint DEFAULT 0 NOT NULL,
    used_micros bigint DEFAULT 0 NOT NULL,
    CONSTRAINT wallet_available_not_negative CHECK ((available_micros >= 0)),
    CONSTRAINT wallet_held_not_negative CHECK ((held_micros >= 0)),
    CONSTRAINT wallet_total_in_range CHECK ((((available_micros + held_micros) + used_micros) <= '4000000000000000000'::bigint)),
    CONSTRAINT wallet_used_not_negative CHECK ((used_micros >= 0))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');

COMMENT ON TABLE kinora.wallet IS 'How a user''s quota stands: the sums of the ledger, kept by the trigger ledger_book. Nobody else writes it.';

COMMENT ON COLUMN kinora.wallet.user_id IS 'The user. No row: never had any quota.';

COMMENT ON COLUMN kinora.wallet.available_micros IS 'What may be spent, micro-units. Never below zero.';

COMMENT ON COLUMN kinora.wallet.held_micros IS 'What unfinished tasks will cost if they succeed, micro-units.';

COMMENT ON COLUMN kinora.wallet.used_micros IS 'What succeeded tasks have cost, micro-units. All three together are all that was ever granted and not withdrawn.';

CREATE VIEW kinora.v_ledger_fault AS
 WITH balance AS (
         SELECT ledger.user_id,
            sum(
                CASE 'available'::text
                    WHEN ledger.credit THEN ledger.amount_micros
                    WHEN ledger.debit THEN (- ledger.amount_micros)
                    ELSE (0)::bigint
                END) AS available,
            sum(
                CASE 'held'::text
                    WHEN ledger.credit THEN ledger.amount_micros
                    WHEN ledger.debit THEN (- ledger.amount_micros)
                    ELSE (0)::bigint
                END) AS held,
            sum(
                CASE 'used'::text
                    WHEN ledger.credit THEN ledger.amount_micros
                    WHEN ledger.debit THEN (- ledger.amount_micros)
                    ELSE (0)::bigint
                END) AS used,
            sum(
                CASE 'issued'::text
                    WHEN ledger.credit THEN (- ledger.amount_micros)
                    WHEN ledger.debit THEN ledger.amount_micros
                    ELSE (0)::bigint
                END) AS issued
           FROM kinora.ledger
          GROUP BY ledger.user_id
        ), key_balance AS (
         SELECT ledger.key_id,
            sum(
                CASE ledger.kind
                    WHEN 'hold'::text THEN ledger.amount_micros
                    WHEN 'release'::text THEN (- ledger.amount_micros)
                    ELSE (0)::bigint
                END) AS spent
           FROM kinora.ledger
          WHERE (ledger.key_id IS NOT NULL)
          GROUP BY ledger.key_id
        ), settled AS (
         SELECT ledger.task_id,
            min(ledger.user_id) AS user_id,
            count(DISTINCT ledger.user_id) AS users,
            COALESCE(sum(ledger.amount_micros) FILTER (WHERE (ledger.kind = 'hold'::text)), (0)::numeric) AS held,
            COALESCE(sum(ledger.amount_micros) FILTER (WHERE (ledger.kind = 'capture'::text)), (0)::numeric) AS captured,
            COALESCE(sum(ledger.amount_micros) FILTER (WHERE (ledger.kind = 'release'::text)), (0)::numeric) AS released
           FROM kinora.ledger
          WHERE (ledger.task_id IS NOT NULL)
          GROUP BY ledger.task_id
        )
 SELECT 'wallet'::text AS subject,
    COALESCE(w.user_id, b.user_id) AS id,
    format('available, held, used are %s, %s, %s; the ledger says %s, %s, %s'::text, COALESCE(w.available_micros, (0)::bigint), COALESCE(w.held_micros, (0)::bigint), COALESCE(w.used_micros, (0)::bigint), COALESCE(b.available, (0)::numeric), COALESCE(b.held, (0)::numeric), COALESCE(b.used, (0)::numeric)) AS fault
   FROM (kinora.wallet w
     FULL JOIN balance b USING (user_id))
  WHERE ((((COALESCE(w.available_micros, (0)::bigint))::numeric IS DISTINCT FROM COALESCE(b.available, (0)::numeric)) OR ((COALESCE(w.held_micros, (0)::bigint))::numeric IS DISTINCT FROM COALESCE(b.held, (0)::numeric))) OR ((COALESCE(w.used_micros, (0)::bigint))::numeric IS DISTINCT FROM COALESCE(b.used, (0)::numeric)))
UNION ALL
 SELECT 'books'::text AS subject,
    NULL::bigint AS id,
    format('all wallets hold %s; %s was issued'::text, w.total, b.issued) AS fault
   FROM ( SELECT COALESCE(sum(((wallet.available_micros + wallet.held_micros) + wallet.used_micros)), (0)::numeric) AS total
           FROM kinora.wallet) w,
    ( SELECT COALESCE(sum(balance.issued), (0)::numeric) AS issued
           FROM balance) b
  WHERE (w.total <> b.issued)
UNION ALL
 SELECT 'key'::text AS subject,
    COALESCE(s.key_id, b.key_id) AS id,
    format('spent is %s; the ledger says %s'::text, COALESCE(s.spent_micros, (0)::bigint), COALESCE(b.spent, (0)::numeric)) AS fault
   FROM (kinora.key_spend s
     FULL JOIN key_balance b USING (key_id))
  WHERE ((COALESCE(s.spent_micros, (0)::bigint))::numeric <> COALESCE(b.spent, (0)::numeric))
UNION ALL
 SELECT 'code'::text AS subject,
    c.id,
    format('%s; the ledger has %s'::text,
        CASE
            WHEN (c.id IS NULL) THEN 'no such code was redeemed'::text
            ELSE ((('user '::text || c.redeemed_by) || ' redeemed '::text) || c.amount_micros)
        END,
        CASE
            WHEN (l.event IS NULL) THEN 'nothing'::text
            ELSE ((((l.event || ' of user '::text) || l.user_id) || ', '::text) || l.amount_micros)
        END) AS fault
   FROM (( SELECT c_1.id,
            c_1.redeemed_by,
            b.amount_micros
           FROM (kinora.redemption_code c_1
             JOIN kinora.code_batch b ON ((b.id = c_1.batch_id)))
          WHERE (c_1.redeemed_at IS NOT NULL)) c
     FULL JOIN ( SELECT ledger.id,
            ledger.event,
            ledger.kind,
            ledger.debit,
            ledger.credit,
            ledger.user_id,
            ledger.key_id,
            ledger.task_id,
            ledger.amount_micros,
            ledger.note,
            ledger.created_at,
            ledger.relay_id
           FROM kinora.ledger
          WHERE (ledger.kind = 'redemption'::text)) l ON ((l.event = ('code:'::text || c.id))))
  WHERE ((c.redeemed_by IS DISTINCT FROM l.user_id) OR (c.amount_micros IS DISTINCT FROM l.amount_micros))
UNION ALL
 SELECT 'task'::text AS subject,
    COALESCE(t.id, s.task_id) AS id,
    format('%s, price %s: held %s, captured %s, released %s'::text, COALESCE(((t.state || ' task of user '::text) || t.user_id), 'no such task'::text), t.price_micros, COALESCE(s.held, (0)::numeric), COALESCE(s.captured, (0)::numeric), COALESCE(s.released, (0)::numeric)) AS fault
   FROM (settled s
     FULL JOIN ( SELECT task.id,
            task.user_id,
            task.state,
            task.price_micros,
            task.captured_micros
           FROM kinora.task
          WHERE (task.price_micros > 0)) t ON ((t.id = s.task_id)))
  WHERE (COALESCE(((s.users > 1) OR (s.user_id <> t.user_id)), false) OR (COALESCE(s.held, (0)::numeric) <> COALESCE((t.price_micros)::numeric, (s.captured + s.released))) OR ((t.id IS NOT NULL) AND ((COALESCE(s.captured, (0)::numeric) IS DISTINCT FROM (
        CASE
            WHEN (t.state = 'succeeded'::text) THEN COALESCE(t.captured_micros, t.price_micros)
            ELSE (0)::bigint
        END)::numeric) OR (COALESCE(s.released, (0)::numeric) IS DISTINCT FROM (
        CASE
            WHEN (t.state = 'succeeded'::text) THEN (t.price_micros - COALESCE(t.captured_micros, t.price_micros))
            WHEN (t.state = ANY (ARRAY['failed'::text, 'cancelled'::text, 'expired'::text])) THEN t.price_micros
            ELSE (0)::bigint
        END)::numeric))))
UNION ALL
 SELECT 'relay'::text AS subject,
    COALESCE(r.id, s.relay_id) AS id,
    format('%s: held %s, captured %s, released %s'::text,
        CASE
            WHEN (r.id IS NULL) THEN 'has ended'::text
            ELSE ((('open relay of user '::text || r.user_id) || ', holds '::text) || r.held_micros)
        END, COALESCE(s.held, (0)::numeric), COALESCE(s.captured, (0)::numeric), COALESCE(s.released, (0)::numeric)) AS fault
   FROM (( SELECT ledger.relay_id,
            min(ledger.user_id) AS user_id,
            count(DISTINCT ledger.user_id) AS users,
            COALESCE(sum(ledger.amount_micros) FILTER (WHERE (ledger.kind = 'hold'::text)), (0)::numeric) AS held,
            COALESCE(sum(ledger.amount_micros) FILTER (WHERE (ledger.kind = 'capture'::text)), (0)::numeric) AS captured,
            COALESCE(sum(ledger.amount_micros) FILTER (WHERE (ledger.kind = 'release'::text)), (0)::numeric) AS released
           FROM kinora.ledger
          WHERE (ledger.relay_id IS NOT NULL)
          GROUP BY ledger.relay_id) s
     FULL JOIN ( SELECT relay.id,
            relay.user_id,
            relay.key_id,
            relay.model_id,
            relay.held_micros,
            relay.captured_micros,
            relay.started_at,
            relay.deadline_at
           FROM kinora.relay
          WHERE (relay.held_micros > 0)) r ON ((r.id = s.relay_id)))
  WHERE (COALESCE(((s.users > 1) OR (s.user_id <> r.user_id)), false) OR
        CASE
            WHEN (r.id IS NULL) THEN (s.held <> (s.captured + s.released))
            ELSE ((COALESCE(s.held, (0)::numeric) IS DISTINCT FROM (r.held_micros)::numeric) OR (COALESCE((s.captured + s.released), (0)::numeric) IS DISTINCT FROM (0)::numeric))
        END);

COMMENT ON VIEW kinora.v_ledger_fault IS 'What does not agree between ledger, wallets, keys, codes, tasks and relays; empty on a sound system. Reads everything: `kinora check --ledger`.';

CREATE VIEW kinora.v_queue AS
 SELECT q.model_id,
    q.state,
    q.tasks,
    q.oldest_created_at,
    q.users,
    q.priority,
    q.pinned_account_id,
    w.reason
   FROM (( SELECT task.model_id,
            task.state,
            count(*) AS tasks,
            min(task.created_at) AS oldest_created_at,
            count(DISTINCT task.user_id) AS users,
            min(task.due_at) AS due,
                CASE task.state
                    WHEN 'queued'::text THEN task.priority
                    ELSE NULL::smallint
                END AS priority,
                CASE task.state
                    WHEN 'queued'::text THEN task.pinned_account_id
                    ELSE NULL::bigint
                END AS pinned_account_id
           FROM kinora.task
          WHERE (task.state = ANY (ARRAY['queued'::text, 'running'::text, 'storing'::text]))
          GROUP BY task.model_id, task.state,
                CASE task.state
                    WHEN 'queued'::text THEN task.priority
                    ELSE NULL::smallint
                END,
                CASE task.state
                    WHEN 'queued'::text THEN task.pinned_account_id
                    ELSE NULL::bigint
                END) q
     LEFT JOIN LATERAL kinora.waiting_reason(q.model_id, q.priority, q.pinned_account_id, q.due) w(reason, until, accounts, taken, proving, resting, poor, closed) ON ((q.state = 'queued'::text)));

COMMENT ON VIEW kinora.v_queue IS 'Unfinished tasks by model and state; those that wait by priority and the account they are pinned to as well, with the reason that keeps the first of them.';

COMMENT ON COLUMN kinora.v_queue.reason IS 'As waiting_reason has it.';

CREATE VIEW kinora.v_request_failure AS
 SELECT request_log.error_code,
    request_log.route,
    request_log.status,
    count(*) AS requests,
    count(DISTINCT request_log.key_id) AS keys,
    max(request_log.at) AS last_at
   FROM kinora.request_log
  WHERE ((request_log.at > (now() - '24:00:00'::interval)) AND (request_log.status >= 400))
  GROUP BY request_log.error_code, request_log.route, request_log.status;

COMMENT ON VIEW kinora.v_request_failure IS 'How requests of the last 24 hours failed.';

CREATE VIEW kinora.v_task_usage AS
 SELECT t.id AS task_id,
    d.day,
    t.user_id,
    t.key_id,
    t.model_id,
    a.account_id,
    COALESCE(i.user_identifier, ''::text) AS user_identifier,
    d.accepted,
    d.succeeded,
    d.failed,
    d.captured_micros,
    d.video_seconds,
    d.images
   FROM (((kinora.task t
     JOIN kinora.task_input i ON ((i.task_id = t.id)))
     LEFT JOIN kinora.attempt a ON (((a.task_id = t.id) AND (a.number = t.attempt))))
     CROSS JOIN LATERAL ( SELECT ((t.created_at AT TIME ZONE 'UTC'::text))::date AS day,
            1 AS accepted,
            0 AS succeeded,
            0 AS failed,
            (0)::bigint AS captured_micros,
            (0)::bigint AS video_seconds,
            (0)::bigint AS images
        UNION ALL
         SELECT ((t.finished_at AT TIME ZONE 'UTC'::text))::date AS timezone,
            0,
            1,
            0,
            COALESCE(t.captured_micros, t.price_micros) AS "coalesce",
                CASE
                    WHEN ((t.kind = 'video'::text) AND (jsonb_typeof((i.parameters -> 'seconds'::text)) = 'number'::text)) THEN (LEAST(GREATEST(((i.parameters ->> 'seconds'::text))::numeric, (0)::numeric), (1000000)::numeric))::bigint
                    ELSE (0)::bigint
                END AS "case",
                CASE
                    WHEN (t.kind = 'image'::text) THEN ( SELECT count(*) AS count
                       FROM kinora.task_asset r
                      WHERE ((r.task_id = t.id) AND (r.role = 'result'::text)))
                    ELSE (0)::bigint
                END AS "case"
          WHERE (t.state = 'succeeded'::text)
        UNION ALL
         SELECT ((t.finished_at AT TIME ZONE 'UTC'::text))::date AS timezone,
            0,
            0,
            1,
            0,
            0,
            0
          WHERE (t.state = ANY (ARRAY['failed'::text, 'cancelled'::text, 'expired'::text]))) d);

COMMENT ON VIEW kinora.v_task_usage IS 'What each task adds to the usage of its days: a row for its acceptance and one for its end. Ask for some tasks only.';

CREATE VIEW kinora.v_usage AS
 SELECT usage_day.day,
    usage_day.user_id,
    usage_day.key_id,
    usage_day.model_id,
    usage_day.account_id,
    usage_day.user_identifier,
    usage_day.accepted,
    usage_day.succeeded,
    usage_day.failed,
    usage_day.captured_micros,
    usage_day.video_seconds,
    usage_day.images,
    usage_day.input_tokens,
    usage_day.output_tokens
   FROM kinora.usage_day
UNION ALL
 SELECT u.day,
    u.user_id,
    u.key_id,
    u.model_id,
    u.account_id,
    u.user_identifier,
    u.accepted,
    u.succeeded,
    u.failed,
    u.captured_micros,
    u.video_seconds,
    u.images,
    0 AS input_tokens,
    0 AS output_tokens
   FROM (( SELECT task.id
           FROM kinora.task
          WHERE (task.state = ANY (ARRAY['running'::text, 'storing'::text]))
        UNION ALL
         SELECT task.id
           FROM kinora.task
          WHERE ((task.state = 'queued'::text) AND (task.pinned_account_id IS NULL))
        UNION ALL
         SELECT task.id
           FROM kinora.task
          WHERE ((task.state = 'queued'::text) AND (task.pinned_account_id IS NOT NULL))
        UNION ALL
         SELECT usage_pending.task_id
           FROM kinora.usage_pending) live
     JOIN kinora.v_task_usage u ON ((u.task_id = live.id)))
UNION ALL
 SELECT relay_usage.day,
    relay_usage.user_id,
    relay_usage.key_id,
    relay_usage.model_id,
    relay_usage.account_id,
    ''::text AS user_identifier,
    relay_usage.accepted,
    relay_usage.succeeded,
    relay_usage.failed,
    relay_usage.captured_micros,
    0 AS video_seconds,
    0 AS images,
    relay_usage.input_tokens,
    relay_usage.output_tokens
   FROM kinora.relay_usage;

COMMENT ON VIEW kinora.v_usage IS 'All usage up to this moment, whether it was added up or not. Sum what you group by.';

CREATE VIEW kinora.v_spend_by_day AS
 SELECT u.day,
    a.name AS user_name,
    u.model_id,
    sum(u.accepted) AS accepted,
    sum(u.succeeded) AS succeeded,
    sum(u.failed) AS failed,
    sum(u.captured_micros) AS captured_micros
   FROM (kinora.v_usage u
     JOIN kinora.app_user a ON ((a.id = u.user_id)))
  GROUP BY u.day, a.name, u.model_id;

COMMENT ON VIEW kinora.v_spend_by_day IS 'What each user spent on each model, by day in UTC.';

CREATE TABLE kinora.worker (
    id bigint NOT NULL,
    host text NOT NULL,
    process_id integer NOT NULL,
    version text NOT NULL,
    idle boolean DEFAULT true NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    heartbeat_at timestamp with time zone DEFAULT now() NOT NULL,
    steady_since timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL
);

COMMENT ON TABLE kinora.worker IS 'One row per working process: its heartbeat is the lease of every task it holds.';

COMMENT ON COLUMN kinora.worker.id IS 'Internal number; never used again.';

COMMENT ON COLUMN kinora.worker.host IS 'Where it runs.';

COMMENT ON COLUMN kinora.worker.process_id IS 'Its process id there.';

COMMENT ON COLUMN kinora.worker.version IS 'Kinora''s version.';

COMMENT ON COLUMN kinora.worker.idle IS 'Whether it waits for work: submitters send a wake-up only then.';

COMMENT ON COLUMN kinora.worker.started_at IS 'When it started.';

COMMENT ON COLUMN kinora.worker.heartbeat_at IS 'Last sign of life; after 10 s without one its tasks are taken over.';

COMMENT ON COLUMN kinora.worker.steady_since IS 'Since when its signs of life have come in time: one that was late itself, as all are when the database was away, says of no other that it is dead for the next 10 s.';

CREATE VIEW kinora.v_stuck_task AS
 SELECT t.id,
    i.uid,
    t.model_id,
    t.state,
    t.phase,
    t.progress,
    t.worker_id,
    w.heartbeat_at,
    t.due_at,
    (now() - t.due_at) AS overdue
   FROM ((kinora.task t
     LEFT JOIN kinora.task_input i ON ((i.task_id = t.id)))
     LEFT JOIN kinora.worker w ON ((w.id = t.worker_id)))
  WHERE ((t.state = ANY (ARRAY['running'::text, 'storing'::text])) AND ((t.due_at < (now() - '00:00:30'::interval)) OR ((t.due_at > (now() + '00:00:30'::interval)) AND COALESCE((w.heartbeat_at < (now() - '00:00:30'::interval)), true))));

COMMENT ON VIEW kinora.v_stuck_task IS 'Running tasks that nobody looks after: due for long, or their worker silent or gone; empty on a healthy system.';

CREATE TABLE kinora.webhook_delivery (
    id bigint NOT NULL,
    uid uuid DEFAULT gen_random_uuid() NOT NULL,
    endpoint_id bigint NOT NULL,
    task_id bigint NOT NULL,
    event text NOT NULL,
    payload text NOT NULL,
    state text DEFAULT 'pending'::text NOT NULL,
    tries smallint DEFAULT 0 NOT NULL,
    due_at timestamp with time zone DEFAULT now(),
    last_status smallint,
    last_error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    tried_at timestamp with time zone,
    finished_at timestamp with time zone,
    CONSTRAINT webhook_delivery_due_iff_pending CHECK (((due_at IS NOT NULL) = (state = 'pending'::text))),
    CONSTRAINT webhook_delivery_event_known CHECK ((event = ANY (ARRAY['task.succeeded'::text, 'task.failed'::text, 'task.cancelled'::text, 'task.expired'::text]))),
    CONSTRAINT webhook_delivery_finished_iff_final CHECK (((finished_at IS NOT NULL) = (state <> 'pending'::text))),
    CONSTRAINT webhook_delivery_state_known CHECK ((state = ANY (ARRAY['pending'::text, 'delivered'::text, 'failed'::text]))),
    CONSTRAINT webhook_delivery_tries_not_negative CHECK ((tries >= 0))
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');

COMMENT ON TABLE kinora.webhook_delivery IS 'What receivers are to be told, and the log of how that went. Written with the end of the task; kept 30 days.';

COMMENT ON COLUMN kinora.webhook_delivery.id IS 'Internal number.';

COMMENT ON COLUMN kinora.webhook_delivery.uid IS 'The message''s webhook-id (msg_ and its hex digits): the same at every try.';

COMMENT ON COLUMN kinora.webhook_delivery.endpoint_id IS 'Where it goes.';

COMMENT ON COLUMN kinora.webhook_delivery.task_id IS 'The task it tells of. No reference: a log outlives what it tells of.';

COMMENT ON COLUMN kinora.webhook_delivery.event IS 'task.succeeded, task.failed, task.cancelled or task.expired.';

COMMENT ON COLUMN kinora.webhook_delivery.payload IS 'The body, byte for byte as it is signed and sent. Written once.';

COMMENT ON COLUMN kinora.webhook_delivery.state IS 'pending: due at due_at; delivered: answered with 2xx; failed: given up.';

COMMENT ON COLUMN kinora.webhook_delivery.tries IS 'How often it was sent.';

COMMENT ON COLUMN kinora.webhook_delivery.due_at IS 'When it is sent next.';

COMMENT ON COLUMN kinora.webhook_delivery.last_status IS 'HTTP status of the last answer; null: none came.';

COMMENT ON COLUMN kinora.webhook_delivery.last_error IS 'Why the last try failed, with the first words of the answer; null after a success.';

COMMENT ON COLUMN kinora.webhook_delivery.created_at IS 'When the task ended.';

COMMENT ON COLUMN kinora.webhook_delivery.tried_at IS 'When the last try began.';

COMMENT ON COLUMN kinora.webhook_delivery.finished_at IS 'When it was delivered or given up.';

ALTER TABLE kinora.webhook_delivery ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kinora.webhook_delivery_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE kinora.webhook_endpoint (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    url text NOT NULL,
    secret_sealed bytea NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    disabled_reason text,
    consecutive_failures integer DEFAULT 0 NOT NULL,
    failing_since timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT webhook_endpoint_failures_have_begin CHECK (((consecutive_failures = 0) OR (failing_since IS NOT NULL))),
    CONSTRAINT webhook_endpoint_failures_not_negative CHECK ((consecutive_failures >= 0)),
    CONSTRAINT webhook_endpoint_reason_iff_disabled CHECK (((disabled_reason IS NOT NULL) = (NOT enabled))),
    CONSTRAINT webhook_endpoint_url_form CHECK ((url ~ '^https?://[^[:space:]]+$'::text)),
    CONSTRAINT webhook_endpoint_url_length CHECK ((length(url) <= 2048))
);

COMMENT ON TABLE kinora.webhook_endpoint IS 'Where a user wants to be told how tasks ended.';

COMMENT ON COLUMN kinora.webhook_endpoint.id IS 'Internal number.';

COMMENT ON COLUMN kinora.webhook_endpoint.user_id IS 'Whose tasks it hears of.';

COMMENT ON COLUMN kinora.webhook_endpoint.url IS 'Where deliveries are sent by POST. Secret.';

COMMENT ON COLUMN kinora.webhook_endpoint.secret_sealed IS 'The signing secret (whsec_...), AES-256-GCM under the master key, bound to this table, row and column. Secret.';

COMMENT ON COLUMN kinora.webhook_endpoint.enabled IS 'False: nothing is written for it and nothing is sent.';

COMMENT ON COLUMN kinora.webhook_endpoint.disabled_reason IS 'Why it is switched off; null while it is on.';

COMMENT ON COLUMN kinora.webhook_endpoint.consecutive_failures IS 'Deliveries given up since the last success.';

COMMENT ON COLUMN kinora.webhook_endpoint.failing_since IS 'First failed try since the last success; null: the last try succeeded.';

COMMENT ON COLUMN kinora.webhook_endpoint.created_at IS 'When the row was made.';

ALTER TABLE kinora.webhook_endpoint ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kinora.webhook_endpoint_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE kinora.worker ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kinora.worker_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY kinora.event_log ALTER COLUMN id SET DEFAULT nextval('kinora.event_log_id_seq'::regclass);

ALTER TABLE ONLY kinora.request_log ALTER COLUMN id SET DEFAULT nextval('kinora.request_log_id_seq'::regclass);

ALTER TABLE ONLY kinora.account
    ADD CONSTRAINT account_name_unique UNIQUE (vendor, name);

ALTER TABLE ONLY kinora.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (id);

ALTER TABLE ONLY kinora.api_key
    ADD CONSTRAINT api_key_pkey PRIMARY KEY (id);

ALTER TABLE ONLY kinora.api_key
    ADD CONSTRAINT api_key_public_id_unique UNIQUE (public_id);

ALTER TABLE ONLY kinora.app_user
    ADD CONSTRAINT app_user_name_unique UNIQUE (name);

ALTER TABLE ONLY kinora.app_user
    ADD CONSTRAINT app_user_pkey PRIMARY KEY (id);

ALTER TABLE ONLY kinora.asset
    ADD CONSTRAINT asset_pkey PRIMARY KEY (id);

ALTER TABLE ONLY kinora.asset
    ADD CONSTRAINT asset_unique UNIQUE (sha256, user_id);

ALTER TABLE ONLY kinora.attempt
    ADD CONSTRAINT attempt_number_unique UNIQUE (task_id, number);

ALTER TABLE ONLY kinora.attempt
    ADD CONSTRAINT attempt_pkey PRIMARY KEY (id);

ALTER TABLE ONLY kinora.cameo
    ADD CONSTRAINT cameo_once UNIQUE (user_id, idempotency_key);

ALTER TABLE ONLY kinora.cameo
    ADD CONSTRAINT cameo_pkey PRIMARY KEY (id);

ALTER TABLE ONLY kinora.cameo
    ADD CONSTRAINT cameo_uid_unique UNIQUE (uid);

ALTER TABLE ONLY kinora.cancellation
    ADD CONSTRAINT cancellation_pkey PRIMARY KEY (attempt_id);

ALTER TABLE ONLY kinora.code_batch
    ADD CONSTRAINT code_batch_pkey PRIMARY KEY (id);

ALTER TABLE ONLY kinora.config_version
    ADD CONSTRAINT config_version_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY kinora.credit_turn
    ADD CONSTRAINT credit_turn_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY kinora.event_log
    ADD CONSTRAINT event_log_pkey PRIMARY KEY (id, at);

ALTER TABLE ONLY kinora.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (user_id, key);

ALTER TABLE ONLY kinora.key_spend
    ADD CONSTRAINT key_spend_pkey PRIMARY KEY (key_id);

ALTER TABLE ONLY kinora.ledger
    ADD CONSTRAINT ledger_event_unique UNIQUE (event);

ALTER TABLE ONLY kinora.ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (id);

ALTER TABLE ONLY kinora.media_removal
    ADD CONSTRAINT media_removal_pkey PRIMARY KEY (sha256);

ALTER TABLE ONLY kinora.model_category
    ADD CONSTRAINT model_category_pkey PRIMARY KEY (model_id, category);

ALTER TABLE ONLY kinora.model
    ADD CONSTRAINT model_pkey PRIMARY KEY (id);

ALTER TABLE ONLY kinora.open_task
    ADD CONSTRAINT open_task_pkey PRIMARY KEY (holder, holder_id, task_id);

ALTER TABLE ONLY kinora.price
    ADD CONSTRAINT price_pkey PRIMARY KEY (model_id, category, resolution);

ALTER TABLE ONLY kinora.redemption_code
    ADD CONSTRAINT redemption_code_hash_unique UNIQUE (code_hash);

ALTER TABLE ONLY kinora.redemption_code
    ADD CONSTRAINT redemption_code_pkey PRIMARY KEY (id);

ALTER TABLE ONLY kinora.redemption_miss
    ADD CONSTRAINT redemption_miss_pkey PRIMARY KEY (id);

ALTER TABLE ONLY kinora.relay
    ADD CONSTRAINT relay_pkey PRIMARY KEY (id);

ALTER TABLE ONLY kinora.relay_usage
    ADD CONSTRAINT relay_usage_pkey PRIMARY KEY (id);

ALTER TABLE ONLY kinora.removal
    ADD CONSTRAINT removal_pkey PRIMARY KEY (attempt_id);

ALTER TABLE ONLY kinora.request_log
    ADD CONSTRAINT request_log_pkey PRIMARY KEY (id, at);

ALTER TABLE ONLY kinora.request_permit
    ADD CONSTRAINT request_permit_pkey PRIMARY KEY (holder, holder_id, number);

ALTER TABLE ONLY kinora.route
    ADD CONSTRAINT route_pkey PRIMARY KEY (id);

ALTER TABLE ONLY kinora.route
    ADD CONSTRAINT route_unique UNIQUE (model_id, vendor, vendor_model);

ALTER TABLE ONLY kinora.setting
    ADD CONSTRAINT setting_pkey PRIMARY KEY (name);

ALTER TABLE ONLY kinora.task_asset
    ADD CONSTRAINT task_asset_pkey PRIMARY KEY (task_id, role, "position");

ALTER TABLE kinora.task_asset
    ADD CONSTRAINT task_asset_revised_prompt_length CHECK ((length(revised_prompt) <= 32000)) NOT VALID;

ALTER TABLE kinora.task
    ADD CONSTRAINT task_captured_only_succeeded CHECK (((captured_micros IS NULL) OR (state = 'succeeded'::text))) NOT VALID;

ALTER TABLE kinora.task
    ADD CONSTRAINT task_captured_within_price CHECK (((captured_micros >= 0) AND (captured_micros <= price_micros))) NOT VALID;

ALTER TABLE ONLY kinora.task_input
    ADD CONSTRAINT task_input_pkey PRIMARY KEY (task_id);

ALTER TABLE ONLY kinora.task
    ADD CONSTRAINT task_pkey PRIMARY KEY (id);

ALTER TABLE kinora.task
    ADD CONSTRAINT task_price_reaches_piece CHECK (((piece_micros >= 0) AND (piece_micros <= price_micros))) NOT VALID;

ALTER TABLE ONLY kinora.usage_day
    ADD CONSTRAINT usage_day_once UNIQUE NULLS NOT DISTINCT (day, user_id, key_id, model_id, account_id, user_identifier);

ALTER TABLE ONLY kinora.usage_pending
    ADD CONSTRAINT usage_pending_pkey PRIMARY KEY (task_id);

ALTER TABLE ONLY kinora.wallet
    ADD CONSTRAINT wallet_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY kinora.webhook_delivery
    ADD CONSTRAINT webhook_delivery_pkey PRIMARY KEY (id);

ALTER TABLE ONLY kinora.webhook_endpoint
    ADD CONSTRAINT webhook_endpoint_pkey PRIMARY KEY (id);

ALTER TABLE ONLY kinora.worker
    ADD CONSTRAINT worker_pkey PRIMARY KEY (id);

CREATE INDEX api_key_user ON kinora.api_key USING btree (user_id);

CREATE UNIQUE INDEX attempt_slot_taken ON kinora.attempt USING btree (account_id, slot) WHERE (finished_at IS NULL);

CREATE UNIQUE INDEX attempt_vendor_task ON kinora.attempt USING btree (account_id, vendor_task_id) WHERE (vendor_task_id IS NOT NULL);

CREATE INDEX cameo_user ON kinora.cameo USING btree (user_id, id);

CREATE INDEX cancellation_due ON kinora.cancellation USING btree (due_at);

CREATE INDEX event_log_account ON ONLY kinora.event_log USING btree (account_id, id) WHERE (account_id IS NOT NULL);

CREATE INDEX event_log_at ON ONLY kinora.event_log USING brin (at);

CREATE INDEX event_log_task ON ONLY kinora.event_log USING btree (task, id) WHERE (task IS NOT NULL);

CREATE INDEX event_log_trouble ON ONLY kinora.event_log USING btree (id) WHERE (level = ANY (ARRAY['warning'::text, 'error'::text]));

CREATE INDEX idempotency_created ON kinora.idempotency USING btree (created_at);

CREATE INDEX ledger_user ON kinora.ledger USING btree (user_id, id);

CREATE INDEX media_removal_due ON kinora.media_removal USING btree (due_at);

CREATE INDEX redemption_code_batch ON kinora.redemption_code USING btree (batch_id, id);

CREATE INDEX redemption_miss_key ON kinora.redemption_miss USING btree (key_id, missed_at);

CREATE INDEX relay_deadline ON kinora.relay USING btree (deadline_at);

CREATE INDEX relay_key ON kinora.relay USING btree (key_id);

CREATE INDEX relay_user ON kinora.relay USING btree (user_id);

CREATE INDEX removal_due ON kinora.removal USING btree (due_at);

CREATE INDEX request_log_at ON ONLY kinora.request_log USING brin (at);

CREATE INDEX request_log_key ON ONLY kinora.request_log USING btree (key_id, id) WHERE (key_id IS NOT NULL);

CREATE INDEX request_log_request ON ONLY kinora.request_log USING hash (request_id);

CREATE INDEX request_log_task ON ONLY kinora.request_log USING btree (task, id) WHERE (task IS NOT NULL);

CREATE INDEX task_asset_asset ON kinora.task_asset USING btree (asset_id);

CREATE INDEX task_due ON kinora.task USING btree (due_at) WHERE (state = ANY (ARRAY['running'::text, 'storing'::text]));

CREATE INDEX task_held ON kinora.task USING btree (worker_id) WHERE (worker_id IS NOT NULL);

CREATE INDEX task_input_remix ON kinora.task_input USING btree (remix_of_id) WHERE (remix_of_id IS NOT NULL);

CREATE UNIQUE INDEX task_input_uid ON kinora.task_input USING btree ("left"(replace((uid)::text, '-'::text, ''::text), 12) COLLATE "C");

CREATE INDEX task_of_user ON kinora.task USING btree (user_id, kind, id) WHERE (deleted_at IS NULL);

CREATE INDEX task_queued ON kinora.task USING btree (model_id, priority, user_id, id) WHERE ((state = 'queued'::text) AND (pinned_account_id IS NULL));

CREATE INDEX task_queued_deadline ON kinora.task USING btree (deadline_at) WHERE ((state = 'queued'::text) AND (deadline_at IS NOT NULL));

CREATE INDEX task_queued_pinned ON kinora.task USING btree (pinned_account_id, priority, id) WHERE ((state = 'queued'::text) AND (pinned_account_id IS NOT NULL));

CREATE INDEX usage_day_user ON kinora.usage_day USING btree (user_id, day);

CREATE INDEX webhook_delivery_created ON kinora.webhook_delivery USING btree (created_at);

CREATE INDEX webhook_delivery_due ON kinora.webhook_delivery USING btree (endpoint_id, due_at) WHERE (state = 'pending'::text);

CREATE INDEX webhook_delivery_endpoint ON kinora.webhook_delivery USING btree (endpoint_id, id);

CREATE INDEX webhook_endpoint_user ON kinora.webhook_endpoint USING btree (user_id) WHERE enabled;

CREATE OR REPLACE VIEW kinora.v_account_load AS
 SELECT load.id,
    load.vendor,
    load.name,
    load.state,
    load.state_reason,
    load.cooling_until,
    load.slots,
    load.slots_taken,
    load.credits_micros,
    load.exhausted_at,
    load.consecutive_errors,
    load.consecutive_throttles,
    load.weight,
    load.is_open,
    load.obstacle,
        CASE
            WHEN (load.obstacle IS NOT NULL) THEN 0
            WHEN load.is_proven THEN (load.slots - load.slots_taken)
            ELSE 1
        END AS room
   FROM ( SELECT a.id,
            a.vendor,
            a.name,
            a.state,
            a.state_reason,
            a.cooling_until,
            a.slots,
            (count(t.id))::integer AS slots_taken,
            a.credits_micros,
            a.exhausted_at,
            a.consecutive_errors,
            a.consecutive_throttles,
            a.weight,
            (a.state = ANY (ARRAY['active'::text, 'cooling'::text])) AS is_open,
            ((a.consecutive_errors + a.consecutive_throttles) = 0) AS is_proven,
                CASE
                    WHEN (a.state = 'invalid'::text) THEN 'credential'::text
                    WHEN (a.exhausted_at IS NOT NULL) THEN 'credit'::text
                    WHEN (a.cooling_until > now()) THEN 'rest'::text
                    WHEN (count(t.id) >= a.slots) THEN 'slots'::text
                    WHEN (((a.consecutive_errors + a.consecutive_throttles) > 0) AND (count(t.id) FILTER (WHERE (t.accepted_at IS NULL)) > 0)) THEN 'proof'::text
                    ELSE NULL::text
                END AS obstacle
           FROM (kinora.account a
             LEFT JOIN kinora.attempt t ON (((t.account_id = a.id) AND (t.finished_at IS NULL))))
          GROUP BY a.id) load;

CREATE TRIGGER account_changed AFTER INSERT OR DELETE ON kinora.account FOR EACH STATEMENT EXECUTE FUNCTION kinora.config_changed();

CREATE TRIGGER account_refilled BEFORE UPDATE OF credits_micros ON kinora.account FOR EACH ROW WHEN (((old.exhausted_at IS NOT NULL) AND (new.credits_micros > COALESCE(old.credits_micros, (0)::bigint)))) EXECUTE FUNCTION kinora.account_refilled();

CREATE TRIGGER account_served_changed AFTER UPDATE OF vendor, state ON kinora.account FOR EACH ROW WHEN (((old.vendor <> new.vendor) OR ((old.state = ANY (ARRAY['active'::text, 'cooling'::text])) <> (new.state = ANY (ARRAY['active'::text, 'cooling'::text]))))) EXECUTE FUNCTION kinora.config_changed();

CREATE TRIGGER api_key_changed AFTER INSERT OR DELETE OR UPDATE ON kinora.api_key FOR EACH STATEMENT EXECUTE FUNCTION kinora.config_changed();

CREATE TRIGGER app_user_changed AFTER INSERT OR DELETE OR UPDATE ON kinora.app_user FOR EACH STATEMENT EXECUTE FUNCTION kinora.config_changed();

CREATE TRIGGER ledger_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON kinora.ledger FOR EACH STATEMENT EXECUTE FUNCTION kinora.ledger_refuse();

CREATE TRIGGER ledger_book AFTER INSERT ON kinora.ledger FOR EACH ROW EXECUTE FUNCTION kinora.ledger_book();

CREATE TRIGGER model_category_changed AFTER INSERT OR DELETE OR UPDATE ON kinora.model_category FOR EACH STATEMENT EXECUTE FUNCTION kinora.config_changed();

CREATE TRIGGER model_changed AFTER INSERT OR DELETE OR UPDATE ON kinora.model FOR EACH STATEMENT EXECUTE FUNCTION kinora.config_changed();

CREATE TRIGGER price_changed AFTER INSERT OR DELETE OR UPDATE ON kinora.price FOR EACH STATEMENT EXECUTE FUNCTION kinora.config_changed();

CREATE TRIGGER relay_hold AFTER INSERT ON kinora.relay FOR EACH ROW WHEN ((new.held_micros > 0)) EXECUTE FUNCTION kinora.relay_hold();

CREATE TRIGGER relay_require_quota BEFORE INSERT ON kinora.relay FOR EACH ROW WHEN ((new.held_micros > 0)) EXECUTE FUNCTION kinora.relay_require_quota();

CREATE TRIGGER relay_settle AFTER DELETE ON kinora.relay FOR EACH ROW WHEN ((old.held_micros > 0)) EXECUTE FUNCTION kinora.relay_settle();

CREATE TRIGGER route_changed AFTER INSERT OR DELETE OR UPDATE OF model_id, vendor, vendor_model, "position", weight, enabled ON kinora.route FOR EACH STATEMENT EXECUTE FUNCTION kinora.config_changed();

CREATE TRIGGER setting_changed AFTER INSERT OR DELETE OR UPDATE ON kinora.setting FOR EACH STATEMENT EXECUTE FUNCTION kinora.config_changed();

CREATE TRIGGER task_guard BEFORE UPDATE ON kinora.task FOR EACH ROW WHEN (((old.finished_at IS NOT NULL) OR (new.progress < old.progress) OR (new.claim < old.claim) OR (new.price_micros <> old.price_micros) OR (new.user_id <> old.user_id) OR (new.piece_micros <> old.piece_micros))) EXECUTE FUNCTION kinora.task_guard();

CREATE TRIGGER task_hold AFTER INSERT ON kinora.task FOR EACH ROW WHEN ((new.price_micros > 0)) EXECUTE FUNCTION kinora.task_hold();

CREATE TRIGGER task_require_quota BEFORE INSERT ON kinora.task FOR EACH ROW WHEN ((new.price_micros > 0)) EXECUTE FUNCTION kinora.task_require_quota();

CREATE TRIGGER task_settle AFTER UPDATE OF finished_at ON kinora.task FOR EACH ROW WHEN (((old.finished_at IS NULL) AND (new.finished_at IS NOT NULL) AND (new.price_micros > 0))) EXECUTE FUNCTION kinora.task_settle();

CREATE TRIGGER task_usage AFTER UPDATE OF finished_at ON kinora.task FOR EACH ROW WHEN (((old.finished_at IS NULL) AND (new.finished_at IS NOT NULL))) EXECUTE FUNCTION kinora.task_usage();

CREATE TRIGGER task_webhook AFTER UPDATE OF finished_at ON kinora.task FOR EACH ROW WHEN (((old.finished_at IS NULL) AND (new.finished_at IS NOT NULL))) EXECUTE FUNCTION kinora.task_webhook();

ALTER TABLE ONLY kinora.api_key
    ADD CONSTRAINT api_key_user_id_fkey FOREIGN KEY (user_id) REFERENCES kinora.app_user(id);

ALTER TABLE ONLY kinora.asset
    ADD CONSTRAINT asset_user_id_fkey FOREIGN KEY (user_id) REFERENCES kinora.app_user(id);

ALTER TABLE ONLY kinora.attempt
    ADD CONSTRAINT attempt_account_id_fkey FOREIGN KEY (account_id) REFERENCES kinora.account(id);

ALTER TABLE ONLY kinora.attempt
    ADD CONSTRAINT attempt_task_id_fkey FOREIGN KEY (task_id) REFERENCES kinora.task(id) ON DELETE CASCADE;

ALTER TABLE ONLY kinora.cameo
    ADD CONSTRAINT cameo_account_id_fkey FOREIGN KEY (account_id) REFERENCES kinora.account(id);

ALTER TABLE ONLY kinora.cameo
    ADD CONSTRAINT cameo_user_id_fkey FOREIGN KEY (user_id) REFERENCES kinora.app_user(id);

ALTER TABLE ONLY kinora.cancellation
    ADD CONSTRAINT cancellation_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES kinora.attempt(id) ON DELETE CASCADE;

ALTER TABLE ONLY kinora.idempotency
    ADD CONSTRAINT idempotency_user_id_fkey FOREIGN KEY (user_id) REFERENCES kinora.app_user(id);

ALTER TABLE ONLY kinora.key_spend
    ADD CONSTRAINT key_spend_key_id_fkey FOREIGN KEY (key_id) REFERENCES kinora.api_key(id);

ALTER TABLE ONLY kinora.model_category
    ADD CONSTRAINT model_category_model_id_fkey FOREIGN KEY (model_id) REFERENCES kinora.model(id) ON UPDATE CASCADE ON DELETE CASCADE;

ALTER TABLE ONLY kinora.price
    ADD CONSTRAINT price_category_fkey FOREIGN KEY (model_id, category) REFERENCES kinora.model_category(model_id, category) ON UPDATE CASCADE ON DELETE CASCADE;

ALTER TABLE ONLY kinora.redemption_code
    ADD CONSTRAINT redemption_code_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES kinora.code_batch(id);

ALTER TABLE ONLY kinora.redemption_code
    ADD CONSTRAINT redemption_code_redeemed_by_fkey FOREIGN KEY (redeemed_by) REFERENCES kinora.app_user(id);

ALTER TABLE ONLY kinora.removal
    ADD CONSTRAINT removal_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES kinora.attempt(id) ON DELETE CASCADE;

ALTER TABLE ONLY kinora.route
    ADD CONSTRAINT route_model_id_fkey FOREIGN KEY (model_id) REFERENCES kinora.model(id) ON UPDATE CASCADE ON DELETE CASCADE;

ALTER TABLE ONLY kinora.task_asset
    ADD CONSTRAINT task_asset_asset_id_fkey FOREIGN KEY (asset_id) REFERENCES kinora.asset(id);

ALTER TABLE ONLY kinora.task_asset
    ADD CONSTRAINT task_asset_task_id_fkey FOREIGN KEY (task_id) REFERENCES kinora.task(id) ON DELETE CASCADE;

ALTER TABLE ONLY kinora.task_input
    ADD CONSTRAINT task_input_task_id_fkey FOREIGN KEY (task_id) REFERENCES kinora.task(id) ON DELETE CASCADE;

ALTER TABLE ONLY kinora.task
    ADD CONSTRAINT task_key_id_fkey FOREIGN KEY (key_id) REFERENCES kinora.api_key(id) ON DELETE SET NULL;

ALTER TABLE ONLY kinora.task
    ADD CONSTRAINT task_user_id_fkey FOREIGN KEY (user_id) REFERENCES kinora.app_user(id);

ALTER TABLE ONLY kinora.wallet
    ADD CONSTRAINT wallet_user_id_fkey FOREIGN KEY (user_id) REFERENCES kinora.app_user(id);

ALTER TABLE ONLY kinora.webhook_delivery
    ADD CONSTRAINT webhook_delivery_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES kinora.webhook_endpoint(id) ON DELETE CASCADE;

ALTER TABLE ONLY kinora.webhook_endpoint
    ADD CONSTRAINT webhook_endpoint_user_id_fkey FOREIGN KEY (user_id) REFERENCES kinora.app_user(id);
