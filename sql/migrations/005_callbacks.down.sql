-- 005_callbacks.down.sql: callbacks are heeded no more; polling finds everything all the same.
SET LOCAL search_path = kinora;
ALTER TABLE attempt DROP COLUMN hinted_at;
