-- 039_fal.up.sql: fal makes a model of each kind; an operator adds others by their paths. Adds rows only.
SET LOCAL search_path = kinora;

INSERT INTO model (id, kind, family, title) VALUES
    ('kling-2.5-turbo', 'video', 'hub', 'Videos of a prompt: Kling 2.5 turbo'),
    ('kling-2.5-turbo-i2v', 'video', 'hub', 'Videos from a picture: Kling 2.5 turbo'),
    ('nano-banana', 'image', 'hub', 'Pictures: Nano Banana');

INSERT INTO model_category (model_id, category, parameters)
SELECT m.id, m.category, '[
    {"name": "seconds", "type": "integer", "default": 5, "allowed": [5, 10]},
    {"name": "negative_prompt", "type": "string", "length_max": 2500},
    {"name": "off_peak", "type": "boolean"}]'::jsonb || m.own
FROM (VALUES
    ('kling-2.5-turbo', 't2v', '[
        {"name": "ratio", "type": "string", "default": "16:9", "allowed": ["16:9", "9:16", "1:1"]}]'::jsonb),
    ('kling-2.5-turbo-i2v', 'i2v', '[{"name": "images", "type": "media", "media": "image", "minimum": 1,
        "maximum": 2, "bytes_max": 10485760}]'))
    AS m (id, category, own);

INSERT INTO model_category (model_id, category, parameters) VALUES ('nano-banana', 't2i', '[
    {"name": "n", "type": "integer", "default": 1, "minimum": 1, "maximum": 4},
    {"name": "size", "type": "size", "default": "1024x1024", "allowed": ["1024x1024", "1280x720", "720x1280"]},
    {"name": "off_peak", "type": "boolean"}]');

INSERT INTO route (model_id, vendor, vendor_model, position) VALUES
    ('kling-2.5-turbo', 'fal', 'fal-ai/kling-video/v2.5-turbo/pro/text-to-video', 1),
    ('kling-2.5-turbo-i2v', 'fal', 'fal-ai/kling-video/v2.5-turbo/pro/image-to-video', 2),
    ('nano-banana', 'fal', 'fal-ai/nano-banana', 1);
