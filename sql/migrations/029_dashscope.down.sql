-- 029_dashscope.down.sql: takes back 029_dashscope.up.sql.
SET LOCAL search_path = kinora;

DELETE FROM route WHERE vendor = 'dashscope';
