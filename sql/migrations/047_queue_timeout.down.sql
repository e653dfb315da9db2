-- 047_queue_timeout.down.sql: takes back 047_queue_timeout.up.sql.
SET LOCAL search_path = kinora;

DELETE FROM setting WHERE name = 'queue_timeout';
