-- 032_characters.up.sql: characters that the bridge has made of users' videos; what a user has used, found by user.
-- A new table. The index locks usage_day against writing while it is built: it holds sums by day, and the worker that
-- adds to it tries again.
SET LOCAL search_path = kinora;

CREATE TABLE cameo (
    id                     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid                    uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id                bigint NOT NULL REFERENCES app_user (id),
    account_id             bigint NOT NULL REFERENCES account (id),
    state                  text NOT NULL DEFAULT 'processing',
    busy_until             timestamptz,
    idempotency_key        text,
    request_hash           bytea,
    model                  text NOT NULL,
    cameo_id               text,
    character_id           text,
    username               text NOT NULL DEFAULT '',
    display_name           text NOT NULL DEFAULT '',
    profile_url            text,
    instruction_set        text NOT NULL DEFAULT '',
    safety_instruction_set text NOT NULL DEFAULT '',
    created_at             timestamptz NOT NULL DEFAULT now(),
    updated_at             timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT cameo_uid_unique UNIQUE (uid),
    CONSTRAINT cameo_once UNIQUE (user_id, idempotency_key),
    CONSTRAINT cameo_state_known CHECK (state IN ('processing', 'finalized')),
    CONSTRAINT cameo_made_iff_finalized CHECK ((cameo_id IS NOT NULL) = (state = 'finalized')),
    CONSTRAINT cameo_busy_iff_processing CHECK ((busy_until IS NOT NULL) = (state = 'processing')),
    CONSTRAINT cameo_key_has_hash CHECK ((idempotency_key IS NULL) = (request_hash IS NULL)),
    CONSTRAINT cameo_request_hash_length CHECK (octet_length(request_hash) = 32)
);
CREATE INDEX cameo_user ON cameo (user_id, id);
COMMENT ON TABLE cameo IS 'Characters that users have had made of videos, by the bridge. Named cameo because "character" is a reserved word of SQL.';
COMMENT ON COLUMN cameo.id IS 'Internal number.';
COMMENT ON COLUMN cameo.uid IS 'The request at the bridge, the same at every try; its first 12 hex digits behind char_ are the id that clients get.';
COMMENT ON COLUMN cameo.user_id IS 'Whose it is.';
COMMENT ON COLUMN cameo.account_id IS 'The account that it was made with.';
COMMENT ON COLUMN cameo.state IS 'processing: it is not known to be made; finalized: it is.';
COMMENT ON COLUMN cameo.busy_until IS 'Until when a request is at work for it; after that the same request may be sent again. Null once it is made.';
COMMENT ON COLUMN cameo.idempotency_key IS 'The Idempotency-Key of the request; null: none.';
COMMENT ON COLUMN cameo.request_hash IS 'SHA-256 of that request.';
COMMENT ON COLUMN cameo.model IS 'The model that the request named, which the answer repeats.';
COMMENT ON COLUMN cameo.cameo_id IS 'What the upstream calls it in prompts.';
COMMENT ON COLUMN cameo.character_id IS 'Another id that the upstream has for it; null: none.';
COMMENT ON COLUMN cameo.username IS 'Its name, without @; empty until it is made, where the client chose none.';
COMMENT ON COLUMN cameo.display_name IS 'Its name for people.';
COMMENT ON COLUMN cameo.profile_url IS 'Its picture; null: none is known.';
COMMENT ON COLUMN cameo.instruction_set IS 'How it behaves, in the client''s words.';
COMMENT ON COLUMN cameo.safety_instruction_set IS 'What it must not do, in the client''s words.';
COMMENT ON COLUMN cameo.created_at IS 'When it was asked for.';
COMMENT ON COLUMN cameo.updated_at IS 'When the row changed last.';

CREATE INDEX usage_day_user ON usage_day (user_id, day);
