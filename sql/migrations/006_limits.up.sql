-- 006_limits.up.sql: limits of keys and users, and of the line that waits for a slot.
-- Adds two columns that may be null and two small tables: locks app_user for a moment, rewrites nothing.
SET LOCAL search_path = kinora;

ALTER TABLE app_user
    ADD COLUMN requests_per_minute integer,
    ADD COLUMN concurrent_tasks_max integer,
    ADD CONSTRAINT app_user_requests_positive CHECK (requests_per_minute > 0),
    ADD CONSTRAINT app_user_concurrent_positive CHECK (concurrent_tasks_max > 0);
COMMENT ON COLUMN app_user.requests_per_minute IS 'Submits of all the user''s keys together in any 60 seconds; null: no limit.';
COMMENT ON COLUMN app_user.concurrent_tasks_max IS 'Unfinished tasks of all the user''s keys together; null: no limit.';
COMMENT ON COLUMN api_key.requests_per_minute IS 'Submits in any 60 seconds; null: no limit.';

CREATE TABLE request_permit (
    holder    text NOT NULL,
    holder_id bigint NOT NULL,
    number    bigint NOT NULL,
    oldest    bigint NOT NULL,
    used_at   timestamptz NOT NULL,
    PRIMARY KEY (holder, holder_id, number),
    CONSTRAINT request_permit_holder_known CHECK (holder IN ('key', 'user'))
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE request_permit IS 'Submits of the last minute, of those keys and users that have a limit of requests per minute.';
COMMENT ON COLUMN request_permit.holder IS 'Whose limit it counts against: key or user.';
COMMENT ON COLUMN request_permit.holder_id IS 'api_key.id or app_user.id. No reference: a row lives for a minute.';
COMMENT ON COLUMN request_permit.number IS 'Rises by one with each submit of the holder: the difference of two numbers counts them.';
COMMENT ON COLUMN request_permit.oldest IS 'The oldest number that still counted then. Looking starts here and not among the remains of deleted rows.';
COMMENT ON COLUMN request_permit.used_at IS 'When the submit was accepted; a minute later it no longer counts.';

CREATE TABLE open_task (
    holder    text NOT NULL,
    holder_id bigint NOT NULL,
    task_id   bigint NOT NULL,
    PRIMARY KEY (holder, holder_id, task_id),
    CONSTRAINT open_task_holder_known CHECK (holder IN ('key', 'user'))
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE open_task IS 'Tasks of those keys and users that have a limit of concurrent tasks. Finished ones go at the holder''s next submit.';
COMMENT ON COLUMN open_task.holder IS 'Whose limit it counts against: key or user.';
COMMENT ON COLUMN open_task.holder_id IS 'api_key.id or app_user.id.';
COMMENT ON COLUMN open_task.task_id IS 'The task. No reference: whether it still counts is looked up in task.';

-- The two halves of the queue have an index each, hence the two counts. Without a SET of its own, so that it
-- is planned as a part of whatever asks.
CREATE FUNCTION waiting_line(line text, line_max bigint)
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
                WHERE t.state = 'queued' AND t.pinned_account_id IS NULL
                LIMIT line_max + (SELECT free FROM room)) q)
            + (SELECT count(*) FROM (SELECT FROM task t JOIN own ON own.id = t.model_id
                WHERE t.state = 'queued' AND t.pinned_account_id IS NOT NULL
                LIMIT line_max + (SELECT free FROM room)) p) AS waiting)
    SELECT queue.waiting, room.slots::bigint, room.free::bigint,
        least(greatest(ceil(coalesce((SELECT avg(usual_seconds) FROM way), 30) * greatest(queue.waiting, 1)
            / greatest(room.slots, 1)), 1), 3600)::integer
    FROM queue, room
$$;
COMMENT ON FUNCTION waiting_line(text, bigint) IS 'The line of a family of models: tasks that wait (counted until line and free slots are full), slots of the accounts that run them, free ones, and after how many seconds the line has passed at the usual pace.';

-- VOLATILE, so that each statement in it sees what was committed before the lock was had; the caller's own
-- statement would count with an older eye. Locks are always taken in the order line, key, user, and go with
-- the transaction.
CREATE FUNCTION admit(asking_key bigint, asking_user bigint, line text, line_max bigint)
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
        SELECT * INTO queue FROM waiting_line(line, line_max);
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
COMMENT ON FUNCTION admit(bigint, bigint, text, bigint) IS 'Whether a submit is within the limits of its key, its user and (where line is given) its line, and what is left of them: a row for each holder of a limit. Holds their locks until the transaction ends; keeps nothing itself.';

INSERT INTO setting (name, value, description) VALUES
    ('max_waiting_tasks', '10000',
        'Tasks of one family of models that may wait for a free slot; 0: refuse when no slot is free.');
