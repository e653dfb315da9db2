-- 042_key_dialect.up.sql: lets a key choose between the APIs that have the same addresses. No row is rewritten.
SET LOCAL search_path = kinora;

ALTER TABLE api_key ADD COLUMN dialect text NOT NULL DEFAULT 'auto',
    ADD CONSTRAINT api_key_dialect_known CHECK (dialect IN ('auto', 'sora', 'jimeng'));
COMMENT ON COLUMN api_key.dialect IS 'Whose API the key finds at addresses that several have: auto (by the model''s family), or as below the prefix sora or jimeng.';
