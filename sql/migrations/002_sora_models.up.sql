-- 002_sora_models.up.sql: the video models of the OpenAI videos API, with their rules and routes.
-- Sizes and lengths: OpenAI (4, 8, 12 s) and Sora2API (10, 15 s; default 15 s, landscape).
SET LOCAL search_path = kinora;

INSERT INTO model (id, kind, family, title) VALUES
    ('sora-2', 'video', 'sora', 'Video generation'),
    ('sora-2-pro', 'video', 'sora', 'Video generation, high quality');

INSERT INTO model_category (model_id, category, parameters)
SELECT m.id, c.category, jsonb_build_array(
    jsonb_build_object('name', 'seconds', 'type', 'integer', 'default', 15, 'allowed', '[4, 8, 10, 12, 15]'::jsonb),
    jsonb_build_object('name', 'size', 'type', 'string', 'default', '1280x720', 'allowed', m.sizes),
    jsonb_build_object('name', 'style', 'type', 'string', 'length_max', 64))
FROM (VALUES
    ('sora-2', '["720x1280", "1280x720"]'::jsonb),
    ('sora-2-pro', '["720x1280", "1280x720", "1024x1792", "1792x1024"]'::jsonb)) AS m (id, sizes)
CROSS JOIN (VALUES ('t2v'), ('i2v'), ('v2v')) AS c (category);

INSERT INTO route (model_id, vendor, vendor_model) VALUES
    ('sora-2', 'openai', 'sora-2'),
    ('sora-2-pro', 'openai', 'sora-2-pro');

INSERT INTO setting (name, value, description) VALUES
    ('image_timeout', '300', 'Seconds an image task may run before it fails.'),
    ('video_timeout', '1800', 'Seconds a video task may run before it fails.');
