-- 016_off_peak.up.sql: tasks that may be put off start in a window of the day only, after all others.
-- Functions, views and checks of the small table setting: nothing is locked for longer than a moment. Stop
-- `serve` and `work` first: they call functions that get another parameter.
SET LOCAL search_path = kinora;

COMMENT ON COLUMN task.priority IS 'Lower runs first. From 10 on it is off-peak: started in the window of the setting off_peak_window only.';

UPDATE model_category SET parameters = parameters || '[{"name": "off_peak", "type": "boolean"}]'
WHERE model_id IN ('sora-2', 'sora-2-pro') AND NOT parameters @> '[{"name": "off_peak"}]';

-- Every claim reads them: they must make sense, whoever wrote them.
ALTER TABLE setting
    ADD CONSTRAINT setting_off_peak_window_form CHECK (name <> 'off_peak_window' OR jsonb_typeof(value) = 'string'
        AND value #>> '{}' ~ '^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d'
            '(,([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)*)?$'),
    ADD CONSTRAINT setting_off_peak_time_zone_known CHECK (name <> 'off_peak_time_zone'
        OR jsonb_typeof(value) = 'string' AND timezone(value #>> '{}', timestamptz 'epoch') IS NOT NULL);
INSERT INTO setting (name, value, description) VALUES
    ('off_peak_window', '""',
        'When off-peak tasks are started, such as 22:00-08:00 or 12:00-14:00,22:00-08:00; empty: at any time.'),
    ('off_peak_time_zone', '"UTC"', 'The time zone of off_peak_window, such as Asia/Shanghai.');

-- Instants are compared, so that a change of clocks makes a window an hour longer or shorter. A time that a
-- change leaves out or repeats is that of a day without daylight saving; a window without length never opens.
CREATE FUNCTION window_opens(windows text, zone text, moment timestamptz)
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN NOT bool_or(begins <= moment AND moment < ends)
        THEN min(begins) FILTER (WHERE begins > moment) END
    FROM (
        SELECT (day + first) AT TIME ZONE zone AS begins,
            (day + last + CASE WHEN last <= first THEN interval '1 day' ELSE interval '0' END)
                AT TIME ZONE zone AS ends
        FROM (SELECT split_part(words, '-', 1)::time AS first, split_part(words, '-', 2)::time AS last
            FROM unnest(string_to_array(windows, ',')) AS s (words)) w
        CROSS JOIN (SELECT (moment AT TIME ZONE zone)::date + shift AS day
            FROM generate_series(-1, 2) AS shift) d) spans
    WHERE begins < ends
$$;
COMMENT ON FUNCTION window_opens(text, text, timestamptz) IS 'When the next of these windows (HH:MM-HH:MM, several with commas, over midnight where the second time is not later) of a time zone opens; null: one is open at that moment, or there is none.';

CREATE FUNCTION off_peak_opens(moment timestamptz)
RETURNS timestamptz
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
COMMENT ON FUNCTION off_peak_opens(timestamptz) IS 'When off-peak tasks may be started again; null: at that moment they may.';

-- The line ------------------------------------------------------------------------------------------------------

DROP FUNCTION admit;
DROP FUNCTION waiting_line;

-- What may be put off must not keep out what may not. The two halves of the queue have an index each, hence the
-- two counts. Without a SET of its own, so that it is planned as a part of whatever asks.
CREATE FUNCTION waiting_line(line text, line_max bigint, line_priority smallint)
RETURNS TABLE (waiting bigint, slots bigint, slots_free bigint, retry_seconds integer)
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
        SELECT (SELECT count(*) FROM (SELECT FROM own JOIN task t ON t.model_id = own.id
                WHERE t.state = 'queued' AND t.pinned_account_id IS NULL AND t.priority <= line_priority
                LIMIT line_max + (SELECT free FROM room)) q)
            + (SELECT count(*) FROM (SELECT FROM task t JOIN own ON own.id = t.model_id
                WHERE t.state = 'queued' AND t.pinned_account_id IS NOT NULL AND t.priority <= line_priority
                LIMIT line_max + (SELECT free FROM room)) p) AS waiting)
    SELECT queue.waiting, room.slots::bigint, room.free::bigint,
        least(greatest(ceil(coalesce((SELECT avg(usual_seconds) FROM way), 30) * greatest(queue.waiting, 1)
            / greatest(room.slots, 1)), 1), 3600)::integer
    FROM queue, room
$$;
COMMENT ON FUNCTION waiting_line(text, bigint, smallint) IS 'The line of a family of models as a task of this priority finds it: tasks that wait and do not come after it (counted until line and free slots are full), slots of the accounts that run them, free ones, and after how many seconds the line has passed at the usual pace.';

-- VOLATILE, so that each statement in it sees what was committed before the lock was had; the caller's own
-- statement would count with an older eye. Locks are always taken in the order line, key, user, and go with
-- the transaction.
CREATE FUNCTION admit(asking_key bigint, asking_user bigint, line text, line_max bigint, line_priority smallint)
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

-- Reasons -------------------------------------------------------------------------------------------------------

DROP VIEW v_queue;
DROP FUNCTION waiting_reason;

-- The conditions of the claim, asked for one kind of task. Names are whole, since people ask from anywhere;
-- without a SET of its own, so that it is planned as a part of whatever asks.
CREATE FUNCTION waiting_reason(asked_model text, asked_priority smallint, pinned bigint, due timestamptz)
RETURNS TABLE (reason text, until timestamptz, accounts integer, taken integer, proving integer,
    resting integer, poor integer, closed integer)
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
COMMENT ON FUNCTION waiting_reason(text, smallint, bigint, timestamptz) IS 'Why a queued task of this model, priority, pinned account (null: any) and due time is not started, until when if that is known, and how many accounts could run it: at their slot limit, proving themselves after a rest, resting, with too little credit, closed. turn: an account is free. docs/operations.md.';

CREATE VIEW v_queue AS
SELECT q.model_id, q.state, q.tasks, q.oldest_created_at, q.users, q.priority, q.pinned_account_id, w.reason
FROM (
    SELECT model_id, state, count(*) AS tasks, min(created_at) AS oldest_created_at,
        count(DISTINCT user_id) AS users, min(due_at) AS due,
        CASE state WHEN 'queued' THEN priority END AS priority,
        CASE state WHEN 'queued' THEN pinned_account_id END AS pinned_account_id
    FROM task WHERE state IN ('queued', 'running', 'storing')
    GROUP BY model_id, state, CASE state WHEN 'queued' THEN priority END,
        CASE state WHEN 'queued' THEN pinned_account_id END) q
LEFT JOIN LATERAL waiting_reason(q.model_id, q.priority, q.pinned_account_id, q.due) w ON q.state = 'queued';
COMMENT ON VIEW v_queue IS 'Unfinished tasks by model and state; those that wait by priority and the account they are pinned to as well, with the reason that keeps the first of them.';
COMMENT ON COLUMN v_queue.reason IS 'As waiting_reason has it.';
