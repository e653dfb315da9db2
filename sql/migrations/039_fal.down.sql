-- 039_fal.down.sql: takes back 039_fal.up.sql. Tasks that used the models keep their rows.
SET LOCAL search_path = kinora;

DELETE FROM route WHERE vendor = 'fal';
DELETE FROM model WHERE id IN ('kling-2.5-turbo', 'kling-2.5-turbo-i2v', 'nano-banana');
