-- 031_zhipu.down.sql: takes back 031_zhipu.up.sql. Tasks that used the model keep their rows.
SET LOCAL search_path = kinora;

DELETE FROM route WHERE vendor = 'zhipu';
DELETE FROM model WHERE id = 'cogvideox-3';
