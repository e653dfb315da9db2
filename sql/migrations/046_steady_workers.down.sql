-- 046_steady_workers.down.sql: takes back 046_steady_workers.up.sql.
SET LOCAL search_path = kinora;

ALTER TABLE worker DROP COLUMN steady_since;
