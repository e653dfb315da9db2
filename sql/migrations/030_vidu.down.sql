-- 030_vidu.down.sql: takes back 030_vidu.up.sql.
SET LOCAL search_path = kinora;

DELETE FROM route WHERE vendor = 'vidu';
