-- 010_logs.up.sql: keeps a log of requests and one of events, a partition for each day.
-- New tables only: nothing is locked. The partitions are made and dropped by keep_logs, which every process calls.
SET LOCAL search_path = kinora;

CREATE SCHEMA kinora_log;
COMMENT ON SCHEMA kinora_log IS 'The partitions of kinora.request_log and kinora.event_log, one for each day (UTC). Read the parents.';

-- Numbers are handed out under a lock that ends with the commit, so that their order is the order in which rows
-- appear: whoever follows a log by number misses nothing.
CREATE SEQUENCE request_log_id_seq;
CREATE TABLE request_log (
    id             bigint NOT NULL DEFAULT nextval('kinora.request_log_id_seq'),
    at             timestamptz NOT NULL,
    process        text NOT NULL,
    request_id     text NOT NULL,
    method         text,
    route          text,
    dialect        text,
    status         smallint NOT NULL,
    duration_micros bigint NOT NULL,
    key_id         bigint,
    user_id        bigint,
    task           text,
    model          text,
    error_code     text,
    error_detail   text,
    client_address text NOT NULL,
    request_bytes  bigint,
    response_bytes bigint NOT NULL,
    CONSTRAINT request_log_pkey PRIMARY KEY (id, at),
    CONSTRAINT request_log_status_range CHECK (status BETWEEN 100 AND 599),
    CONSTRAINT request_log_duration_not_negative CHECK (duration_micros >= 0)
) PARTITION BY RANGE (at);
ALTER SEQUENCE request_log_id_seq OWNED BY request_log.id;
CREATE INDEX request_log_at ON request_log USING brin (at);
CREATE INDEX request_log_request ON request_log USING hash (request_id);
CREATE INDEX request_log_key ON request_log (key_id, id) WHERE key_id IS NOT NULL;
CREATE INDEX request_log_task ON request_log (task, id) WHERE task IS NOT NULL;
COMMENT ON TABLE request_log IS 'Requests that were answered; which ones is said by the setting request_log, how long they are kept by log_retention_days. Written in batches, up to a second or two later. No references: a log outlives what it tells of.';
COMMENT ON COLUMN request_log.id IS 'Rises in the order in which rows appear.';
COMMENT ON COLUMN request_log.at IS 'When the request came, by the clock of this server. A row that had to wait for the database for more than a day is dated yesterday.';
COMMENT ON COLUMN request_log.process IS 'Host and process that answered it.';
COMMENT ON COLUMN request_log.request_id IS 'The X-Request-Id of its answer.';
COMMENT ON COLUMN request_log.method IS 'Its method; null: one that nothing here answers.';
COMMENT ON COLUMN request_log.route IS 'The route''s pattern, never the path or the query of the client; null: no route was found.';
COMMENT ON COLUMN request_log.dialect IS 'The client API it was read in; null: none was found.';
COMMENT ON COLUMN request_log.status IS 'HTTP status of the answer; 499: the client was gone.';
COMMENT ON COLUMN request_log.duration_micros IS 'Microseconds from its head to the answer, waits for the result of a task included.';
COMMENT ON COLUMN request_log.key_id IS 'api_key.id; null: the key was refused, or none was needed.';
COMMENT ON COLUMN request_log.user_id IS 'app_user.id of the key''s owner.';
COMMENT ON COLUMN request_log.task IS 'The task it made, read or changed, or asked for in vain: the first 12 hex digits of its uid.';
COMMENT ON COLUMN request_log.model IS 'The model asked for, or that of the task.';
COMMENT ON COLUMN request_log.error_code IS 'Why it failed: a code of docs/errors.md; null: it did not.';
COMMENT ON COLUMN request_log.error_detail IS 'Why it failed, for the operator: may hold a vendor''s words, never a secret.';
COMMENT ON COLUMN request_log.client_address IS 'Where it came from, as nginx saw it.';
COMMENT ON COLUMN request_log.request_bytes IS 'Length of its body as the client named it; null: it named none.';
COMMENT ON COLUMN request_log.response_bytes IS 'Length of the answer''s body; 0 where nginx sent a file.';

CREATE SEQUENCE event_log_id_seq;
CREATE TABLE event_log (
    id         bigint NOT NULL DEFAULT nextval('kinora.event_log_id_seq'),
    at         timestamptz NOT NULL,
    process    text NOT NULL,
    level      text NOT NULL,
    name       text NOT NULL,
    task       text,
    attempt    integer,
    account_id bigint,
    key_id     bigint,
    fields     jsonb NOT NULL,
    CONSTRAINT event_log_pkey PRIMARY KEY (id, at),
    CONSTRAINT event_log_level_known CHECK (level IN ('debug', 'info', 'notice', 'warning', 'error')),
    CONSTRAINT event_log_fields_object CHECK (jsonb_typeof(fields) = 'object')
) PARTITION BY RANGE (at);
ALTER SEQUENCE event_log_id_seq OWNED BY event_log.id;
CREATE INDEX event_log_at ON event_log USING brin (at);
CREATE INDEX event_log_trouble ON event_log (id) WHERE level IN ('warning', 'error');
CREATE INDEX event_log_account ON event_log (account_id, id) WHERE account_id IS NOT NULL;
CREATE INDEX event_log_task ON event_log (task, id) WHERE task IS NOT NULL;
COMMENT ON TABLE event_log IS 'What happened: to tasks, accounts, webhooks and the processes. Which events is said by the setting event_log, how long they are kept by log_retention_days. No references: a log outlives what it tells of.';
COMMENT ON COLUMN event_log.id IS 'Rises in the order in which rows appear.';
COMMENT ON COLUMN event_log.at IS 'When it happened, by the clock of this server. A row that had to wait for the database for more than a day is dated yesterday.';
COMMENT ON COLUMN event_log.process IS 'Host and process that saw it.';
COMMENT ON COLUMN event_log.level IS 'debug, info, notice, warning, error.';
COMMENT ON COLUMN event_log.name IS 'What happened, in the words of the processes'' own log lines.';
COMMENT ON COLUMN event_log.task IS 'The task it happened to: the first 12 hex digits of its uid.';
COMMENT ON COLUMN event_log.attempt IS 'Number of the task''s attempt.';
COMMENT ON COLUMN event_log.account_id IS 'The account it happened to, or on which the attempt ran.';
COMMENT ON COLUMN event_log.key_id IS 'The key that the task was submitted with.';
COMMENT ON COLUMN event_log.fields IS 'The rest. Never a secret.';

-- Attaching a table blocks neither reader nor writer. Dropping one does, so it is left for the next time when
-- somebody reads. There is no default partition: it would have to be searched, under a lock, at each new day; a writer
-- that finds no partition calls this and tries again.
CREATE FUNCTION keep_logs(days integer, moment timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET lock_timeout = '2s'
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
COMMENT ON FUNCTION keep_logs(integer, timestamptz) IS 'Makes the partitions of both logs from the day before the given moment to three days after it, and drops the oldest one that is past the given days; 0: keeps none. Returns how many were made or dropped: call it until that is 0.';
REVOKE EXECUTE ON FUNCTION keep_logs(integer, timestamptz) FROM PUBLIC;

CREATE VIEW v_request_failure AS
SELECT error_code, route, status, count(*) AS requests, count(DISTINCT key_id) AS keys, max(at) AS last_at
FROM request_log WHERE at > now() - interval '24 hours' AND status >= 400
GROUP BY error_code, route, status;
COMMENT ON VIEW v_request_failure IS 'How requests of the last 24 hours failed.';

INSERT INTO setting (name, value, description) VALUES
    ('log_retention_days', '14', 'Days that the logs of requests and events are kept; 0: none are kept.'),
    ('request_log', '2',
        'Requests that are logged: 0 none, 1 those that failed, 2 also those that change something, 3 all.'),
    ('event_log', '2', 'Events that are logged: 0 none, 1 warnings and errors, 2 all.');
