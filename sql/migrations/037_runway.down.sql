-- 037_runway.down.sql: takes back 037_runway.up.sql. Tasks that used the models keep their rows.
SET LOCAL search_path = kinora;

DELETE FROM route WHERE vendor = 'runway';
DELETE FROM model WHERE id IN ('gen4.5', 'gen4_turbo', 'gen4_image');
