-- 001_foundation.up.sql: users, keys, models, routes, accounts, tasks, attempts, assets and workers.
-- Creates everything in a schema of its own; touches nothing that exists.

CREATE SCHEMA kinora;
COMMENT ON SCHEMA kinora IS 'Kinora, a gateway for image and video generation. Times are UTC, money is in micro-units.';

SET LOCAL search_path = kinora;

-- Who may call ------------------------------------------------------------------------------------------------

CREATE TABLE app_user (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL,
    role          text NOT NULL DEFAULT 'client',
    state         text NOT NULL DEFAULT 'active',
    password_hash text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT app_user_name_unique UNIQUE (name),
    CONSTRAINT app_user_name_form CHECK (name ~ '^[^[:cntrl:]]{1,128}$'),
    CONSTRAINT app_user_role_known CHECK (role IN ('admin', 'client')),
    CONSTRAINT app_user_state_known CHECK (state IN ('active', 'disabled')),
    CONSTRAINT app_user_password_form CHECK (password_hash ~ '^scrypt\$')
);
COMMENT ON TABLE app_user IS 'Owner of keys, tasks and quota. Named app_user because "user" is a reserved word of SQL.';
COMMENT ON COLUMN app_user.id IS 'Internal number.';
COMMENT ON COLUMN app_user.name IS 'Unique name; for an administrator also the log-in name.';
COMMENT ON COLUMN app_user.role IS 'admin: may use the console. client: owns keys only.';
COMMENT ON COLUMN app_user.state IS 'active, or disabled: every key of the user is refused.';
COMMENT ON COLUMN app_user.password_hash IS 'scrypt$N$r$p$salt$hash (base64); null: cannot log in. Secret.';
COMMENT ON COLUMN app_user.created_at IS 'When the user was made.';

CREATE TABLE api_key (
    id                   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id              bigint NOT NULL REFERENCES app_user (id),
    public_id            text NOT NULL,
    secret_hash          bytea NOT NULL,
    name                 text NOT NULL DEFAULT '',
    models               text[],
    requests_per_minute  integer,
    concurrent_tasks_max integer,
    quota_cap_micros     bigint,
    video_created_status smallint NOT NULL DEFAULT 200,
    content_mode         text NOT NULL DEFAULT 'serve',
    chat_format          text NOT NULL DEFAULT 'auto',
    expires_at           timestamptz,
    revoked_at           timestamptz,
    created_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT api_key_public_id_unique UNIQUE (public_id),
    CONSTRAINT api_key_public_id_form CHECK (public_id ~ '^[0-9a-z]{12}$'),
    CONSTRAINT api_key_secret_hash_length CHECK (octet_length(secret_hash) = 32),
    CONSTRAINT api_key_name_length CHECK (length(name) <= 128),
    CONSTRAINT api_key_expires_finite CHECK (isfinite(expires_at)),
    CONSTRAINT api_key_requests_positive CHECK (requests_per_minute > 0),
    CONSTRAINT api_key_concurrent_positive CHECK (concurrent_tasks_max > 0),
    CONSTRAINT api_key_quota_cap_not_negative CHECK (quota_cap_micros >= 0),
    CONSTRAINT api_key_created_status_known CHECK (video_created_status IN (200, 201)),
    CONSTRAINT api_key_content_mode_known CHECK (content_mode IN ('serve', 'redirect')),
    CONSTRAINT api_key_chat_format_known CHECK (chat_format IN ('auto', 'json', 'markdown'))
);
CREATE INDEX api_key_user ON api_key (user_id);
COMMENT ON TABLE api_key IS 'Client keys. The key itself (kn_<public id>_<secret><checksum>) is shown once and never stored.';
COMMENT ON COLUMN api_key.id IS 'Internal number.';
COMMENT ON COLUMN api_key.user_id IS 'Whose key this is.';
COMMENT ON COLUMN api_key.public_id IS 'The part of the key that may be shown: 12 characters of 0-9a-z.';
COMMENT ON COLUMN api_key.secret_hash IS 'SHA-256 of the key''s 256-bit random secret. Secret.';
COMMENT ON COLUMN api_key.name IS 'The operator''s note.';
COMMENT ON COLUMN api_key.models IS 'Models the key may use; null: all.';
COMMENT ON COLUMN api_key.requests_per_minute IS 'Request limit; null: none.';
COMMENT ON COLUMN api_key.concurrent_tasks_max IS 'Unfinished tasks at once; null: no limit.';
COMMENT ON COLUMN api_key.quota_cap_micros IS 'Most the key may spend of its user''s quota, micro-units; null: no cap.';
COMMENT ON COLUMN api_key.video_created_status IS 'HTTP status of a created video: 200 (default), or 201 for clients that insist.';
COMMENT ON COLUMN api_key.content_mode IS 'serve: content answers with the bytes. redirect: with 302 to a signed link of the same origin.';
COMMENT ON COLUMN api_key.chat_format IS 'How chat answers carry media: auto (by model family), json or markdown.';
COMMENT ON COLUMN api_key.expires_at IS 'The key stops working then; null: never.';
COMMENT ON COLUMN api_key.revoked_at IS 'When the key was revoked; null: it works.';
COMMENT ON COLUMN api_key.created_at IS 'When the key was made.';

-- What can be asked for ---------------------------------------------------------------------------------------

CREATE TABLE model (
    id         text PRIMARY KEY,
    kind       text NOT NULL,
    family     text NOT NULL,
    title      text NOT NULL DEFAULT '',
    enabled    boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT model_id_form CHECK (id ~ '^[a-zA-Z0-9][a-zA-Z0-9._:/-]{0,99}$'),
    CONSTRAINT model_kind_known CHECK (kind IN ('image', 'video', 'chat', 'embedding')),
    CONSTRAINT model_family_form CHECK (family ~ '^[a-z][a-z0-9_-]{0,31}$')
);
COMMENT ON TABLE model IS 'What a client asks for by id.';
COMMENT ON COLUMN model.id IS 'The id clients send.';
COMMENT ON COLUMN model.kind IS 'What it makes: image, video, chat or embedding.';
COMMENT ON COLUMN model.family IS 'The client API it stems from: sora, jimeng, openart, hub, llmage ...';
COMMENT ON COLUMN model.title IS 'One line for people.';
COMMENT ON COLUMN model.enabled IS 'False: unknown to clients.';
COMMENT ON COLUMN model.created_at IS 'When the row was made.';

CREATE TABLE model_category (
    model_id   text NOT NULL REFERENCES model (id) ON UPDATE CASCADE ON DELETE CASCADE,
    category   text NOT NULL,
    parameters jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (model_id, category),
    CONSTRAINT model_category_known CHECK (category IN ('t2i', 'i2i', 't2v', 'i2v', 'ref2v', 'v2v', 't2t', 't2e')),
    CONSTRAINT model_category_parameters_array CHECK (jsonb_typeof(parameters) = 'array')
);
COMMENT ON TABLE model_category IS 'The ways a model can be used, each with its own parameter rules.';
COMMENT ON COLUMN model_category.model_id IS 'The model.';
COMMENT ON COLUMN model_category.category IS 't2v text to video, i2v image to video, ref2v references to video, v2v video to video (remix), t2i, i2i, t2t, t2e.';
COMMENT ON COLUMN model_category.parameters IS 'Rules: [{"name","type":"integer|string|boolean","default","allowed":[...],"minimum","maximum","length_max"}]. They drive checks, documentation and forms.';

CREATE TABLE route (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_id      text NOT NULL REFERENCES model (id) ON UPDATE CASCADE ON DELETE CASCADE,
    vendor        text NOT NULL,
    vendor_model  text NOT NULL,
    position      smallint NOT NULL DEFAULT 1,
    weight        smallint NOT NULL DEFAULT 1,
    enabled       boolean NOT NULL DEFAULT true,
    usual_seconds real,
    CONSTRAINT route_unique UNIQUE (model_id, vendor, vendor_model),
    CONSTRAINT route_vendor_form CHECK (vendor ~ '^[a-z][a-z0-9_-]{0,31}$'),
    CONSTRAINT route_position_positive CHECK (position > 0),
    CONSTRAINT route_weight_positive CHECK (weight > 0),
    CONSTRAINT route_usual_seconds_positive CHECK (usual_seconds > 0)
);
COMMENT ON TABLE route IS 'Which vendor makes a model. Several routes of one model give fail-over.';
COMMENT ON COLUMN route.id IS 'Internal number.';
COMMENT ON COLUMN route.model_id IS 'The model that clients ask for.';
COMMENT ON COLUMN route.vendor IS 'The wire format spoken upstream, by name.';
COMMENT ON COLUMN route.vendor_model IS 'The vendor''s own id of the model.';
COMMENT ON COLUMN route.position IS 'Routes are tried in this order.';
COMMENT ON COLUMN route.weight IS 'Share among routes of equal position.';
COMMENT ON COLUMN route.enabled IS 'False: not used for new tasks.';
COMMENT ON COLUMN route.usual_seconds IS 'Running average of how long a task takes here, which sets the pace of polling; null: none has finished yet.';

CREATE TABLE account (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    vendor             text NOT NULL,
    name               text NOT NULL,
    base_url           text NOT NULL,
    region             text NOT NULL DEFAULT '',
    proxy_url          text,
    credential_sealed  bytea NOT NULL,
    slots              integer NOT NULL DEFAULT 4,
    weight             smallint NOT NULL DEFAULT 1,
    credits_micros     bigint,
    state              text NOT NULL DEFAULT 'active',
    state_reason       text NOT NULL DEFAULT '',
    cooling_until      timestamptz,
    consecutive_errors integer NOT NULL DEFAULT 0,
    created_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT account_name_unique UNIQUE (vendor, name),
    CONSTRAINT account_name_form CHECK (name ~ '^[^[:cntrl:]]{1,128}$'),
    CONSTRAINT account_vendor_form CHECK (vendor ~ '^[a-z][a-z0-9_-]{0,31}$'),
    CONSTRAINT account_base_url_form CHECK (base_url ~ '^https?://[^[:space:]]+$'),
    CONSTRAINT account_slots_in_range CHECK (slots BETWEEN 1 AND 100000),
    CONSTRAINT account_weight_positive CHECK (weight > 0),
    CONSTRAINT account_state_known CHECK (state IN ('active', 'cooling', 'disabled', 'invalid')),
    CONSTRAINT account_cooling_has_end CHECK (state <> 'cooling' OR cooling_until IS NOT NULL),
    CONSTRAINT account_errors_not_negative CHECK (consecutive_errors >= 0)
);
COMMENT ON TABLE account IS 'Credentials at one vendor, and how much work they carry.';
COMMENT ON COLUMN account.id IS 'Internal number.';
COMMENT ON COLUMN account.vendor IS 'The wire format spoken upstream, by name; matches route.vendor.';
COMMENT ON COLUMN account.name IS 'The operator''s name for it, unique for a vendor.';
COMMENT ON COLUMN account.base_url IS 'Where the vendor answers: keys are tied to a host, so the host belongs here.';
COMMENT ON COLUMN account.region IS 'The vendor''s region, where it has several.';
COMMENT ON COLUMN account.proxy_url IS 'Outgoing proxy of this account; null: none.';
COMMENT ON COLUMN account.credential_sealed IS 'AES-256-GCM under the master key, bound to this table, row and column. Secret.';
COMMENT ON COLUMN account.slots IS 'Tasks it may run at once.';
COMMENT ON COLUMN account.weight IS 'Share of the work among accounts of equal load.';
COMMENT ON COLUMN account.credits_micros IS 'Credit left at the vendor, micro-units; null: unknown.';
COMMENT ON COLUMN account.state IS 'active; cooling: rests until cooling_until; disabled: by the operator; invalid: its credentials were refused.';
COMMENT ON COLUMN account.state_reason IS 'Why it is in this state.';
COMMENT ON COLUMN account.cooling_until IS 'End of the rest.';
COMMENT ON COLUMN account.consecutive_errors IS 'Account-level errors since the last success.';
COMMENT ON COLUMN account.created_at IS 'When the row was made.';

-- The work ------------------------------------------------------------------------------------------------------

CREATE TABLE worker (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    host         text NOT NULL,
    process_id   integer NOT NULL,
    version      text NOT NULL,
    idle         boolean NOT NULL DEFAULT true,
    started_at   timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE worker IS 'One row per working process: its heartbeat is the lease of every task it holds.';
COMMENT ON COLUMN worker.id IS 'Internal number; never used again.';
COMMENT ON COLUMN worker.host IS 'Where it runs.';
COMMENT ON COLUMN worker.process_id IS 'Its process id there.';
COMMENT ON COLUMN worker.version IS 'Kinora''s version.';
COMMENT ON COLUMN worker.idle IS 'Whether it waits for work: submitters send a wake-up only then.';
COMMENT ON COLUMN worker.started_at IS 'When it started.';
COMMENT ON COLUMN worker.heartbeat_at IS 'Last sign of life; after 10 s without one its tasks are taken over.';

CREATE TABLE task (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid               uuid NOT NULL,
    user_id           bigint NOT NULL REFERENCES app_user (id),
    key_id            bigint REFERENCES api_key (id) ON DELETE SET NULL,
    model_id          text NOT NULL,
    kind              text NOT NULL,
    category          text NOT NULL,
    state             text NOT NULL DEFAULT 'queued',
    phase             text,
    progress          smallint NOT NULL DEFAULT 0,
    priority          smallint NOT NULL DEFAULT 0,
    price_micros      bigint NOT NULL DEFAULT 0,
    pinned_account_id bigint,
    attempt           smallint NOT NULL DEFAULT 0,
    claim             bigint NOT NULL DEFAULT 0,
    worker_id         bigint,
    due_at            timestamptz DEFAULT now(),
    deadline_at       timestamptz,
    error_code        text,
    error_message     text,
    created_at        timestamptz NOT NULL DEFAULT now(),
    started_at        timestamptz,
    finished_at       timestamptz,
    deleted_at        timestamptz,
    CONSTRAINT task_kind_known CHECK (kind IN ('image', 'video')),
    CONSTRAINT task_state_known CHECK (state IN
        ('queued', 'running', 'storing', 'succeeded', 'failed', 'cancelled', 'expired')),
    CONSTRAINT task_phase_iff_running CHECK ((phase IS NOT NULL) = (state = 'running')),
    CONSTRAINT task_phase_known CHECK (phase IN ('submitting', 'waiting', 'postprocessing')),
    CONSTRAINT task_finished_iff_final CHECK
        ((finished_at IS NOT NULL) = (state IN ('succeeded', 'failed', 'cancelled', 'expired'))),
    CONSTRAINT task_due_iff_open CHECK
        ((due_at IS NOT NULL) = (state IN ('queued', 'running', 'storing'))),
    CONSTRAINT task_progress_in_range CHECK (progress BETWEEN 0 AND 100),
    CONSTRAINT task_complete_iff_succeeded CHECK ((progress = 100) = (state = 'succeeded')),
    CONSTRAINT task_error_iff_failed CHECK
        ((error_code IS NOT NULL) = (state IN ('failed', 'expired'))),
    CONSTRAINT task_price_not_negative CHECK (price_micros >= 0),
    CONSTRAINT task_attempt_not_negative CHECK (attempt >= 0),
    CONSTRAINT task_deleted_only_final CHECK (deleted_at IS NULL OR finished_at IS NOT NULL)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
-- The three spellings of a task's id (uuid, 32 hex digits, model-12 hex digits) share their first 48 bits.
CREATE UNIQUE INDEX task_uid ON task (("left"(replace(uid::text, '-', ''), 12) COLLATE "C"));
CREATE INDEX task_queued ON task (model_id, priority, id) WHERE state = 'queued' AND pinned_account_id IS NULL;
CREATE INDEX task_queued_pinned ON task (pinned_account_id, priority, id)
    WHERE state = 'queued' AND pinned_account_id IS NOT NULL;
CREATE INDEX task_due ON task (due_at) WHERE state IN ('running', 'storing');
CREATE INDEX task_held ON task (worker_id) WHERE worker_id IS NOT NULL;
CREATE INDEX task_of_user ON task (user_id, kind, id) WHERE deleted_at IS NULL;
COMMENT ON TABLE task IS 'One accepted request for media. Narrow and rewritten often: what is written once stands in task_input.';
COMMENT ON COLUMN task.id IS 'Internal number, in order of acceptance.';
COMMENT ON COLUMN task.uid IS 'Random id; every client-side spelling of the task''s id derives from it.';
COMMENT ON COLUMN task.user_id IS 'The owner: every read names it.';
COMMENT ON COLUMN task.key_id IS 'The key it was submitted with; null once that key''s row is gone.';
COMMENT ON COLUMN task.model_id IS 'The model asked for. No reference: a task outlives its model''s row.';
COMMENT ON COLUMN task.kind IS 'image or video.';
COMMENT ON COLUMN task.category IS 'How the model is used; see model_category.';
COMMENT ON COLUMN task.state IS 'queued, running, storing; final: succeeded, failed, cancelled, expired. docs/task-states.md.';
COMMENT ON COLUMN task.phase IS 'While running: submitting, waiting or postprocessing.';
COMMENT ON COLUMN task.progress IS 'Percent. Never falls; 100 only when the result is stored.';
COMMENT ON COLUMN task.priority IS 'Lower runs first.';
COMMENT ON COLUMN task.price_micros IS 'Price fixed at acceptance, micro-units.';
COMMENT ON COLUMN task.pinned_account_id IS 'Must run on this account (a remix, whose source lives there); null: any.';
COMMENT ON COLUMN task.attempt IS 'Number of the current attempt; 0: none yet.';
COMMENT ON COLUMN task.claim IS 'Fence: raised by every claim, named by every later write. A worker that lost its claim writes nothing.';
COMMENT ON COLUMN task.worker_id IS 'The worker that acts on it now; null between actions. No reference: it would lock the worker''s row at each claim.';
COMMENT ON COLUMN task.due_at IS 'When somebody must look at it again: start of a queued task, next poll, or end of a lease.';
COMMENT ON COLUMN task.deadline_at IS 'A running task fails then.';
COMMENT ON COLUMN task.error_code IS 'Why it failed: a code of docs/errors.md.';
COMMENT ON COLUMN task.error_message IS 'Why it failed, for the client. Never a vendor''s own words.';
COMMENT ON COLUMN task.created_at IS 'When it was accepted.';
COMMENT ON COLUMN task.started_at IS 'When its first attempt began.';
COMMENT ON COLUMN task.finished_at IS 'When it reached a final state.';
COMMENT ON COLUMN task.deleted_at IS 'When its owner deleted it; it is then invisible to clients.';

CREATE TABLE task_input (
    task_id         bigint PRIMARY KEY REFERENCES task (id) ON DELETE CASCADE,
    dialect         text NOT NULL,
    prompt          text NOT NULL,
    parameters      jsonb NOT NULL,
    remix_of_id     bigint,
    user_identifier text,
    CONSTRAINT task_input_prompt_length CHECK (length(prompt) <= 32000),
    CONSTRAINT task_input_parameters_object CHECK (jsonb_typeof(parameters) = 'object'),
    CONSTRAINT task_input_user_identifier_length CHECK (length(user_identifier) <= 128)
);
CREATE INDEX task_input_remix ON task_input (remix_of_id) WHERE remix_of_id IS NOT NULL;
COMMENT ON TABLE task_input IS 'What was asked for. Written once.';
COMMENT ON COLUMN task_input.task_id IS 'The task.';
COMMENT ON COLUMN task_input.dialect IS 'The client API it came through.';
COMMENT ON COLUMN task_input.prompt IS 'The prompt.';
COMMENT ON COLUMN task_input.parameters IS 'Parameters after checks and defaults, in Kinora''s names: seconds, size, style ...';
COMMENT ON COLUMN task_input.remix_of_id IS 'The task this one is a remix of.';
COMMENT ON COLUMN task_input.user_identifier IS 'The client''s own name for its end user.';

CREATE TABLE attempt (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task_id        bigint NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    number         smallint NOT NULL,
    account_id     bigint NOT NULL REFERENCES account (id),
    slot           integer NOT NULL,
    route_id       bigint,
    vendor_model   text NOT NULL,
    vendor_task_id text,
    outcome        text,
    error_code     text,
    error_detail   text,
    started_at     timestamptz NOT NULL DEFAULT now(),
    accepted_at    timestamptz,
    finished_at    timestamptz,
    CONSTRAINT attempt_number_unique UNIQUE (task_id, number),
    CONSTRAINT attempt_slot_positive CHECK (slot > 0),
    CONSTRAINT attempt_outcome_known CHECK (outcome IN ('succeeded', 'failed', 'cancelled', 'unknown', 'abandoned')),
    CONSTRAINT attempt_outcome_iff_finished CHECK ((outcome IS NOT NULL) = (finished_at IS NOT NULL)),
    CONSTRAINT attempt_accepted_with_id CHECK ((accepted_at IS NULL) = (vendor_task_id IS NULL))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
-- Two workers that pick the same slot collide here: an account can never run more than its slots.
CREATE UNIQUE INDEX attempt_slot_taken ON attempt (account_id, slot) WHERE finished_at IS NULL;
CREATE UNIQUE INDEX attempt_vendor_task ON attempt (account_id, vendor_task_id) WHERE vendor_task_id IS NOT NULL;
COMMENT ON TABLE attempt IS 'One try of a task on one account. An unfinished attempt occupies one slot of the account.';
COMMENT ON COLUMN attempt.id IS 'Internal number.';
COMMENT ON COLUMN attempt.task_id IS 'The task.';
COMMENT ON COLUMN attempt.number IS '1 for the first try of the task.';
COMMENT ON COLUMN attempt.account_id IS 'The account: polls, cancels, downloads and remixes use it and no other.';
COMMENT ON COLUMN attempt.slot IS 'Which of the account''s slots it occupies, from 1.';
COMMENT ON COLUMN attempt.route_id IS 'The route that was chosen. No reference: attempts outlive routes.';
COMMENT ON COLUMN attempt.vendor_model IS 'The vendor''s id of the model.';
COMMENT ON COLUMN attempt.vendor_task_id IS 'The vendor''s id of the task; null until the vendor accepted it.';
COMMENT ON COLUMN attempt.outcome IS 'succeeded, failed, cancelled; unknown: the vendor may have taken it; abandoned: it never reached the vendor.';
COMMENT ON COLUMN attempt.error_code IS 'Why it failed: a code of docs/errors.md.';
COMMENT ON COLUMN attempt.error_detail IS 'Why it failed, for the operator: may hold the vendor''s words, never a secret.';
COMMENT ON COLUMN attempt.started_at IS 'When a worker took it, just before the request left.';
COMMENT ON COLUMN attempt.accepted_at IS 'When the vendor accepted it.';
COMMENT ON COLUMN attempt.finished_at IS 'When it ended and its slot became free.';

CREATE TABLE removal (
    attempt_id bigint PRIMARY KEY REFERENCES attempt (id) ON DELETE CASCADE,
    tries      smallint NOT NULL DEFAULT 0,
    due_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT removal_tries_not_negative CHECK (tries >= 0)
);
CREATE INDEX removal_due ON removal (due_at);
COMMENT ON TABLE removal IS 'What a client deleted here and a vendor still has to forget. A row goes once the vendor has.';
COMMENT ON COLUMN removal.attempt_id IS 'The attempt whose account and vendor task it is.';
COMMENT ON COLUMN removal.tries IS 'How often the vendor was asked.';
COMMENT ON COLUMN removal.due_at IS 'When it is asked next.';

CREATE TABLE asset (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    bigint NOT NULL REFERENCES app_user (id),
    sha256     bytea NOT NULL,
    bytes      bigint NOT NULL,
    media_type text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT asset_unique UNIQUE (sha256, user_id),
    CONSTRAINT asset_sha256_length CHECK (octet_length(sha256) = 32),
    CONSTRAINT asset_bytes_not_negative CHECK (bytes >= 0),
    CONSTRAINT asset_media_type_form CHECK (media_type ~ '^(image|video|audio)/[a-z0-9]+$')
);
COMMENT ON TABLE asset IS 'Bytes that are kept: an uploaded reference or a finished result. The file''s name is its SHA-256.';
COMMENT ON COLUMN asset.id IS 'Internal number.';
COMMENT ON COLUMN asset.user_id IS 'The owner. Two owners of equal bytes have a row each and share the file.';
COMMENT ON COLUMN asset.sha256 IS 'SHA-256 of the bytes; the file lies at <2 hex digits>/<64 hex digits>.<extension> below the media directory.';
COMMENT ON COLUMN asset.bytes IS 'Length in bytes.';
COMMENT ON COLUMN asset.media_type IS 'What the bytes are, by their content.';
COMMENT ON COLUMN asset.created_at IS 'When the row was made.';

CREATE TABLE task_asset (
    task_id  bigint NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    role     text NOT NULL,
    position smallint NOT NULL,
    asset_id bigint NOT NULL REFERENCES asset (id),
    PRIMARY KEY (task_id, role, position),
    CONSTRAINT task_asset_role_known CHECK (role IN ('reference', 'result')),
    CONSTRAINT task_asset_position_not_negative CHECK (position >= 0)
);
CREATE INDEX task_asset_asset ON task_asset (asset_id);
COMMENT ON TABLE task_asset IS 'Which bytes a task was given and which it made.';
COMMENT ON COLUMN task_asset.task_id IS 'The task.';
COMMENT ON COLUMN task_asset.role IS 'reference: given with the request. result: made by the task.';
COMMENT ON COLUMN task_asset.position IS 'Order within the role, from 0.';
COMMENT ON COLUMN task_asset.asset_id IS 'The bytes.';

CREATE TABLE idempotency (
    user_id      bigint NOT NULL REFERENCES app_user (id),
    key          text NOT NULL,
    request_hash bytea NOT NULL,
    task_id      bigint NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key),
    CONSTRAINT idempotency_key_length CHECK (length(key) BETWEEN 1 AND 255),
    CONSTRAINT idempotency_hash_length CHECK (octet_length(request_hash) = 32)
);
CREATE INDEX idempotency_created ON idempotency (created_at);
COMMENT ON TABLE idempotency IS 'Idempotency-Key of accepted submits: the same key and body gives the same task. Kept 48 hours.';
COMMENT ON COLUMN idempotency.user_id IS 'The caller.';
COMMENT ON COLUMN idempotency.key IS 'The header''s value.';
COMMENT ON COLUMN idempotency.request_hash IS 'SHA-256 of method, path and body.';
COMMENT ON COLUMN idempotency.task_id IS 'The task that the first request made.';
COMMENT ON COLUMN idempotency.created_at IS 'When the first request came.';

-- Settings and their spread ----------------------------------------------------------------------------------------

CREATE TABLE setting (
    name        text PRIMARY KEY,
    value       jsonb NOT NULL,
    description text NOT NULL,
    CONSTRAINT setting_name_form CHECK (name ~ '^[a-z][a-z0-9_]{0,63}$')
);
COMMENT ON TABLE setting IS 'What an operator may change while Kinora runs. A change takes effect everywhere at once.';
COMMENT ON COLUMN setting.name IS 'Name.';
COMMENT ON COLUMN setting.value IS 'Value.';
COMMENT ON COLUMN setting.description IS 'What it does, with its unit.';

CREATE TABLE config_version (
    only_row boolean PRIMARY KEY DEFAULT true,
    version  bigint NOT NULL DEFAULT 1,
    CONSTRAINT config_version_one_row CHECK (only_row)
);
COMMENT ON TABLE config_version IS 'Counts changes of users, keys, models, routes, accounts and settings. Processes compare it to know when to read them again.';
COMMENT ON COLUMN config_version.only_row IS 'Always true: the table has one row.';
COMMENT ON COLUMN config_version.version IS 'Rises with every change.';
INSERT INTO config_version DEFAULT VALUES;

CREATE FUNCTION config_changed() RETURNS trigger LANGUAGE plpgsql SET search_path = kinora AS $$
BEGIN
    UPDATE config_version SET version = version + 1;
    PERFORM pg_notify('kinora_config', '');
    RETURN NULL;
END $$;
COMMENT ON FUNCTION config_changed() IS 'Raises config_version and wakes the processes that hold copies.';

CREATE TRIGGER app_user_changed AFTER INSERT OR DELETE OR UPDATE ON app_user
    FOR EACH STATEMENT EXECUTE FUNCTION config_changed();
CREATE TRIGGER api_key_changed AFTER INSERT OR DELETE OR UPDATE ON api_key
    FOR EACH STATEMENT EXECUTE FUNCTION config_changed();
CREATE TRIGGER model_changed AFTER INSERT OR DELETE OR UPDATE ON model
    FOR EACH STATEMENT EXECUTE FUNCTION config_changed();
CREATE TRIGGER model_category_changed AFTER INSERT OR DELETE OR UPDATE ON model_category
    FOR EACH STATEMENT EXECUTE FUNCTION config_changed();
-- usual_seconds is written by workers all the time and is nobody's configuration.
CREATE TRIGGER route_changed
    AFTER INSERT OR DELETE OR UPDATE OF model_id, vendor, vendor_model, position, weight, enabled ON route
    FOR EACH STATEMENT EXECUTE FUNCTION config_changed();
CREATE TRIGGER account_changed AFTER INSERT OR DELETE OR UPDATE OF vendor, state
    ON account FOR EACH STATEMENT EXECUTE FUNCTION config_changed();
CREATE TRIGGER setting_changed AFTER INSERT OR DELETE OR UPDATE ON setting
    FOR EACH STATEMENT EXECUTE FUNCTION config_changed();

-- What must never happen --------------------------------------------------------------------------------------------

CREATE FUNCTION task_guard() RETURNS trigger LANGUAGE plpgsql AS $$
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
    RETURN NEW;
END $$;
COMMENT ON FUNCTION task_guard() IS 'Refuses a change of a final state, and progress or claim numbers that fall.';
CREATE TRIGGER task_guard BEFORE UPDATE ON task FOR EACH ROW
    WHEN (OLD.finished_at IS NOT NULL OR NEW.progress < OLD.progress OR NEW.claim < OLD.claim)
    EXECUTE FUNCTION task_guard();

-- Questions people ask -----------------------------------------------------------------------------------------------

CREATE VIEW v_queue AS
SELECT model_id, state, count(*) AS tasks, min(created_at) AS oldest_created_at,
       count(DISTINCT user_id) AS users
FROM task WHERE state IN ('queued', 'running', 'storing')
GROUP BY model_id, state;
COMMENT ON VIEW v_queue IS 'Unfinished tasks by model and state.';

CREATE VIEW v_account_load AS
SELECT a.id, a.vendor, a.name, a.state, a.state_reason, a.cooling_until, a.slots,
       count(t.id)::integer AS slots_taken, a.credits_micros
FROM account a LEFT JOIN attempt t ON t.account_id = a.id AND t.finished_at IS NULL
GROUP BY a.id;
COMMENT ON VIEW v_account_load IS 'How busy each account is.';

CREATE VIEW v_stuck_task AS
SELECT t.id, t.uid, t.model_id, t.state, t.phase, t.progress, t.worker_id, w.heartbeat_at,
       t.due_at, now() - t.due_at AS overdue
FROM task t LEFT JOIN worker w ON w.id = t.worker_id
WHERE t.state IN ('running', 'storing') AND t.due_at < now() - interval '30 seconds';
COMMENT ON VIEW v_stuck_task IS 'Running tasks that nobody looked at in time; empty on a healthy system.';
