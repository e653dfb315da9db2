-- 003_webhooks.up.sql: tells receivers of a user's choice how tasks ended.
-- New tables and a trigger on task: the trigger needs a brief lock on task, nothing is rewritten.
SET LOCAL search_path = kinora;

CREATE TABLE webhook_endpoint (
    id                   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id              bigint NOT NULL REFERENCES app_user (id),
    url                  text NOT NULL,
    secret_sealed        bytea NOT NULL,
    enabled              boolean NOT NULL DEFAULT true,
    disabled_reason      text,
    consecutive_failures integer NOT NULL DEFAULT 0,
    failing_since        timestamptz,
    created_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT webhook_endpoint_url_form CHECK (url ~ '^https?://[^[:space:]]+$'),
    CONSTRAINT webhook_endpoint_url_length CHECK (length(url) <= 2048),
    CONSTRAINT webhook_endpoint_reason_iff_disabled CHECK ((disabled_reason IS NOT NULL) = (NOT enabled)),
    CONSTRAINT webhook_endpoint_failures_not_negative CHECK (consecutive_failures >= 0),
    CONSTRAINT webhook_endpoint_failures_have_begin CHECK (consecutive_failures = 0 OR failing_since IS NOT NULL)
);
CREATE INDEX webhook_endpoint_user ON webhook_endpoint (user_id) WHERE enabled;
COMMENT ON TABLE webhook_endpoint IS 'Where a user wants to be told how tasks ended.';
COMMENT ON COLUMN webhook_endpoint.id IS 'Internal number.';
COMMENT ON COLUMN webhook_endpoint.user_id IS 'Whose tasks it hears of.';
COMMENT ON COLUMN webhook_endpoint.url IS 'Where deliveries are sent by POST. Secret.';
COMMENT ON COLUMN webhook_endpoint.secret_sealed IS 'The signing secret (whsec_...), AES-256-GCM under the master key, bound to this table, row and column. Secret.';
COMMENT ON COLUMN webhook_endpoint.enabled IS 'False: nothing is written for it and nothing is sent.';
COMMENT ON COLUMN webhook_endpoint.disabled_reason IS 'Why it is switched off; null while it is on.';
COMMENT ON COLUMN webhook_endpoint.consecutive_failures IS 'Deliveries given up since the last success.';
COMMENT ON COLUMN webhook_endpoint.failing_since IS 'First failed try since the last success; null: the last try succeeded.';
COMMENT ON COLUMN webhook_endpoint.created_at IS 'When the row was made.';

CREATE TABLE webhook_delivery (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid         uuid NOT NULL DEFAULT gen_random_uuid(),
    endpoint_id bigint NOT NULL REFERENCES webhook_endpoint (id) ON DELETE CASCADE,
    task_id     bigint NOT NULL,
    event       text NOT NULL,
    payload     text NOT NULL,
    state       text NOT NULL DEFAULT 'pending',
    tries       smallint NOT NULL DEFAULT 0,
    due_at      timestamptz DEFAULT now(),
    last_status smallint,
    last_error  text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    tried_at    timestamptz,
    finished_at timestamptz,
    CONSTRAINT webhook_delivery_event_known CHECK
        (event IN ('task.succeeded', 'task.failed', 'task.cancelled', 'task.expired')),
    CONSTRAINT webhook_delivery_state_known CHECK (state IN ('pending', 'delivered', 'failed')),
    CONSTRAINT webhook_delivery_due_iff_pending CHECK ((due_at IS NOT NULL) = (state = 'pending')),
    CONSTRAINT webhook_delivery_finished_iff_final CHECK ((finished_at IS NOT NULL) = (state <> 'pending')),
    CONSTRAINT webhook_delivery_tries_not_negative CHECK (tries >= 0)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX webhook_delivery_due ON webhook_delivery (endpoint_id, due_at) WHERE state = 'pending';
CREATE INDEX webhook_delivery_endpoint ON webhook_delivery (endpoint_id, id);
CREATE INDEX webhook_delivery_created ON webhook_delivery (created_at);
COMMENT ON TABLE webhook_delivery IS 'What receivers are to be told, and the log of how that went. Written with the end of the task; kept 30 days.';
COMMENT ON COLUMN webhook_delivery.id IS 'Internal number.';
COMMENT ON COLUMN webhook_delivery.uid IS 'The message''s webhook-id (msg_ and its hex digits): the same at every try.';
COMMENT ON COLUMN webhook_delivery.endpoint_id IS 'Where it goes.';
COMMENT ON COLUMN webhook_delivery.task_id IS 'The task it tells of. No reference: a log outlives what it tells of.';
COMMENT ON COLUMN webhook_delivery.event IS 'task.succeeded, task.failed, task.cancelled or task.expired.';
COMMENT ON COLUMN webhook_delivery.payload IS 'The body, byte for byte as it is signed and sent. Written once.';
COMMENT ON COLUMN webhook_delivery.state IS 'pending: due at due_at; delivered: answered with 2xx; failed: given up.';
COMMENT ON COLUMN webhook_delivery.tries IS 'How often it was sent.';
COMMENT ON COLUMN webhook_delivery.due_at IS 'When it is sent next.';
COMMENT ON COLUMN webhook_delivery.last_status IS 'HTTP status of the last answer; null: none came.';
COMMENT ON COLUMN webhook_delivery.last_error IS 'Why the last try failed, with the first words of the answer; null after a success.';
COMMENT ON COLUMN webhook_delivery.created_at IS 'When the task ended.';
COMMENT ON COLUMN webhook_delivery.tried_at IS 'When the last try began.';
COMMENT ON COLUMN webhook_delivery.finished_at IS 'When it was delivered or given up.';

-- Of an error only the words that clients see at a poll: what happened upstream is the operator's to know. Names are
-- qualified, and the owner's endpoints are looked for first: a SET search_path, or starting the INSERT for nothing,
-- would cost everybody more than the look-up does.
CREATE FUNCTION task_webhook() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM kinora.webhook_endpoint WHERE user_id = NEW.user_id AND enabled) THEN
        RETURN NULL;
    END IF;
    INSERT INTO kinora.webhook_delivery (endpoint_id, task_id, event, payload)
    SELECT e.id, NEW.id, 'task.' || NEW.state, json_build_object(
        'type', 'task.' || NEW.state,
        'timestamp', to_char(NEW.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'data', (jsonb_build_object(
            'id', NEW.uid, 'model', NEW.model_id, 'status', NEW.state,
            'error', CASE WHEN NEW.error_code IS NOT NULL THEN jsonb_build_object(
                'code', CASE NEW.error_code WHEN 'content_policy_violation' THEN NEW.error_code
                    ELSE 'generation_failed' END,
                'message', NEW.error_message) END,
            'created_at', to_char(NEW.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'finished_at', to_char(NEW.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
            || CASE NEW.kind WHEN 'video' THEN jsonb_build_object('video_id',
                regexp_replace("left"(NEW.model_id, 64), '[^a-zA-Z0-9._-]', '-', 'g') || '-'
                || "left"(replace(NEW.uid::text, '-', ''), 12)) ELSE '{}' END))::text
    FROM kinora.webhook_endpoint e WHERE e.user_id = NEW.user_id AND e.enabled;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION task_webhook() IS 'Writes a delivery for each endpoint of the owner of a task that has just ended.';
CREATE TRIGGER task_webhook AFTER UPDATE OF finished_at ON task FOR EACH ROW
    WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL)
    EXECUTE FUNCTION task_webhook();
