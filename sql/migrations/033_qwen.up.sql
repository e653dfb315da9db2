-- 033_qwen.up.sql: DashScope has text models too, and llmage's Qwen is one of them. Adds a row only.
SET LOCAL search_path = kinora;

INSERT INTO route (model_id, vendor, vendor_model) VALUES ('qwen3-max', 'dashscope', 'qwen3-max');
