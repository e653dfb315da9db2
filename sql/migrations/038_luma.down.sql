-- 038_luma.down.sql: takes back 038_luma.up.sql. Tasks that used the models keep their rows.
SET LOCAL search_path = kinora;

DELETE FROM route WHERE vendor = 'luma';
DELETE FROM model WHERE id IN ('ray-2', 'ray-flash-2');
