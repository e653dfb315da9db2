-- 027_ark.down.sql: takes back 027_ark.up.sql. Tasks that used the models keep their rows.
SET LOCAL search_path = kinora;

DELETE FROM route WHERE vendor IN ('ark', 'byteplus');
DELETE FROM model WHERE id IN ('doubao-seedream-4-0-250828', 'doubao-seedream-4-5-251128');
