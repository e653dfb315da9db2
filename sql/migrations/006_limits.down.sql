-- 006_limits.down.sql: takes the limits back; every key and user is unlimited again.
SET LOCAL search_path = kinora;
DELETE FROM setting WHERE name LIKE 'max\_waiting\_tasks%';
DROP FUNCTION admit(bigint, bigint, text, bigint);
DROP FUNCTION waiting_line(text, bigint);
DROP TABLE open_task, request_permit;
COMMENT ON COLUMN api_key.requests_per_minute IS 'Request limit; null: none.';
ALTER TABLE app_user DROP COLUMN requests_per_minute, DROP COLUMN concurrent_tasks_max;
