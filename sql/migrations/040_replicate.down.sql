-- 040_replicate.down.sql: takes back 040_replicate.up.sql.
SET LOCAL search_path = kinora;

DELETE FROM route WHERE vendor = 'replicate';
