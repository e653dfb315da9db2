-- 042_key_dialect.down.sql: every key finds what it found before.
SET LOCAL search_path = kinora;

ALTER TABLE api_key DROP COLUMN dialect;
