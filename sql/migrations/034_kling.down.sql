-- 034_kling.down.sql: takes back 034_kling.up.sql. Tasks that used the models keep their rows.
SET LOCAL search_path = kinora;

DELETE FROM route WHERE vendor = 'kling';
DELETE FROM model WHERE id IN ('kling-v2-6', 'kling-v3', 'kling-3.0-turbo', 'kling-3.0-omni', 'kling-v3-image');
