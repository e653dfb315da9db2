-- 033_qwen.down.sql: takes back 033_qwen.up.sql.
SET LOCAL search_path = kinora;

DELETE FROM route WHERE model_id = 'qwen3-max' AND vendor = 'dashscope';
