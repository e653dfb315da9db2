-- 005_callbacks.up.sql: lets vendors say that they are done, so that nobody waits for the next poll.
-- Locks attempt briefly (nullable column, no rewrite).
SET LOCAL search_path = kinora;

ALTER TABLE attempt ADD COLUMN hinted_at timestamptz;
COMMENT ON COLUMN attempt.hinted_at IS 'When the vendor last called back and was heeded; null: never.';
