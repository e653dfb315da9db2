-- 035_jimeng.down.sql: takes back 035_jimeng.up.sql.
SET LOCAL search_path = kinora;

DELETE FROM route WHERE vendor = 'jimeng';
