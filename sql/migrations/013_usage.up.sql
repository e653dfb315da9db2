-- 013_usage.up.sql: what was used, by day, user, key, model, account and the client's own name of its end user.
-- New tables, and a trigger on task that needs a brief lock on it. Tasks that ended before are not counted.
SET LOCAL search_path = kinora;

CREATE TABLE usage_day (
    day             date NOT NULL,
    user_id         bigint NOT NULL,
    key_id          bigint,
    model_id        text NOT NULL,
    account_id      bigint,
    user_identifier text NOT NULL,
    accepted        bigint NOT NULL,
    succeeded       bigint NOT NULL,
    failed          bigint NOT NULL,
    captured_micros bigint NOT NULL,
    video_seconds   bigint NOT NULL,
    images          bigint NOT NULL,
    CONSTRAINT usage_day_once
        UNIQUE NULLS NOT DISTINCT (day, user_id, key_id, model_id, account_id, user_identifier)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE usage_day IS 'Usage of finished tasks that were added up. v_usage has the others as well. No references: it outlives what it counts.';
COMMENT ON COLUMN usage_day.day IS 'The day in UTC: of the acceptance for accepted, of the end for everything else.';
COMMENT ON COLUMN usage_day.user_id IS 'The user.';
COMMENT ON COLUMN usage_day.key_id IS 'The key; null: none is known.';
COMMENT ON COLUMN usage_day.model_id IS 'The model.';
COMMENT ON COLUMN usage_day.account_id IS 'The account of the last attempt; null: there was none.';
COMMENT ON COLUMN usage_day.user_identifier IS 'The client''s own name for its end user; empty: none was given.';
COMMENT ON COLUMN usage_day.accepted IS 'Tasks accepted.';
COMMENT ON COLUMN usage_day.succeeded IS 'Tasks that succeeded.';
COMMENT ON COLUMN usage_day.failed IS 'Tasks that ended otherwise.';
COMMENT ON COLUMN usage_day.captured_micros IS 'What they cost, micro-units.';
COMMENT ON COLUMN usage_day.video_seconds IS 'Seconds of video made, as asked for.';
COMMENT ON COLUMN usage_day.images IS 'Pictures made.';

CREATE TABLE usage_pending (
    task_id bigint PRIMARY KEY
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE usage_pending IS 'Finished tasks that are not yet added up. Written with the end of the task, removed with the addition.';
COMMENT ON COLUMN usage_pending.task_id IS 'The task.';

-- A row of its own for each task and not the sum at once: everybody who ends a task of the same user, model and
-- account would wait for the same row.
CREATE FUNCTION task_usage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO kinora.usage_pending (task_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION task_usage() IS 'Remembers that a task which has just ended is to be added up.';
CREATE TRIGGER task_usage AFTER UPDATE OF finished_at ON task FOR EACH ROW
    WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL)
    EXECUTE FUNCTION task_usage();

CREATE VIEW v_task_usage AS
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
COMMENT ON VIEW v_task_usage IS 'What each task adds to the usage of its days: a row for its acceptance and one for its end. Ask for some tasks only.';

-- Unfinished tasks are found by the three partial indexes that have them all.
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
