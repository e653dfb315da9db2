-- 029_dashscope.up.sql: DashScope makes Wan's and HappyHorse's videos and pictures. Adds rows only.
SET LOCAL search_path = kinora;

INSERT INTO route (model_id, vendor, vendor_model)
SELECT id, 'dashscope', id FROM model
WHERE id IN ('wan2.2-t2i-plus', 'wan2.5-t2i-preview', 'wan2.2-t2i-flash', 'wan2.6-t2v', 'wan2.6-r2v',
    'happyhorse-1.0-t2v', 'happyhorse-1.0-i2v', 'happyhorse-1.0-r2v');
