-- 010_logs.down.sql: takes both logs away, with what they hold.
SET LOCAL search_path = kinora;
DELETE FROM setting WHERE name IN ('log_retention_days', 'request_log', 'event_log');
DROP VIEW v_request_failure;
DROP FUNCTION keep_logs(integer, timestamptz);
DROP TABLE event_log, request_log;
DROP SCHEMA kinora_log;
