-- 034_kling.up.sql: Kling makes its own videos and pictures. Adds rows only.
SET LOCAL search_path = kinora;

INSERT INTO model (id, kind, family, title) VALUES
    ('kling-v2-6', 'video', 'hub', 'Videos: Kling 2.6'),
    ('kling-v3', 'video', 'hub', 'Videos: Kling 3'),
    ('kling-3.0-turbo', 'video', 'hub', 'Videos: Kling 3, turbo'),
    ('kling-3.0-omni', 'video', 'hub', 'Videos after pictures: Kling 3, omni'),
    ('kling-v3-image', 'image', 'hub', 'Pictures: Kling 3');

-- The two of the newer routes end in `turbo` and `omni`; those fetch pictures themselves.
INSERT INTO model_category (model_id, category, parameters)
SELECT m.id, c.category, jsonb_build_array(m.seconds,
    jsonb_build_object('name', 'resolution', 'type', 'string', 'default', '720p', 'allowed', m.resolutions),
    '{"name": "off_peak", "type": "boolean"}'::jsonb) || m.own || c.own
FROM (VALUES
    ('kling-v2-6', '{"name": "seconds", "type": "integer", "default": 5, "allowed": [5, 10]}'::jsonb,
        '["720p", "1080p"]'::jsonb, '[{"name": "negative_prompt", "type": "string", "length_max": 2500}]'::jsonb),
    ('kling-v3', '{"name": "seconds", "type": "integer", "default": 5, "minimum": 3, "maximum": 15}',
        '["720p", "1080p"]', '[{"name": "negative_prompt", "type": "string", "length_max": 2500}]'),
    ('kling-3.0-turbo', '{"name": "seconds", "type": "integer", "default": 5, "minimum": 3, "maximum": 15}',
        '["720p", "1080p", "4k"]', '[]'),
    ('kling-3.0-omni', '{"name": "seconds", "type": "integer", "default": 5, "minimum": 3, "maximum": 15}',
        '["720p", "1080p", "4k"]', '[]')) AS m (id, seconds, resolutions, own)
CROSS JOIN (VALUES
    ('t2v', '[{"name": "ratio", "type": "string", "default": "16:9", "allowed": ["16:9", "9:16", "1:1"]}]'::jsonb),
    ('i2v', '[{"name": "images", "type": "media", "media": "image", "minimum": 1, "maximum": 2,
        "bytes_max": 10485760}]'),
    ('ref2v', '[{"name": "ratio", "type": "string", "default": "16:9", "allowed": ["16:9", "9:16", "1:1"]},
        {"name": "images", "type": "media", "media": "image", "minimum": 1, "maximum": 7, "bytes_max": 10485760}]'))
    AS c (category, own)
WHERE (c.category = 'ref2v') = (m.id = 'kling-3.0-omni');

INSERT INTO model_category (model_id, category, parameters)
SELECT 'kling-v3-image', c.category, '[
    {"name": "n", "type": "integer", "default": 1, "minimum": 1, "maximum": 9},
    {"name": "size", "type": "size", "default": "1024x1024", "allowed": ["1024x1024", "1280x720", "720x1280",
        "1152x864", "864x1152", "1248x832", "832x1248", "1568x672"]},
    {"name": "off_peak", "type": "boolean"}]'::jsonb || c.own
FROM (VALUES ('t2i', '[]'::jsonb),
    ('i2i', '[{"name": "image", "type": "media", "media": "image", "minimum": 1, "maximum": 1,
        "bytes_max": 10485760}]'))
    AS c (category, own);

INSERT INTO route (model_id, vendor, vendor_model) VALUES
    ('kling-v2-6', 'kling', 'kling-v2-6'),
    ('kling-v3', 'kling', 'kling-v3'),
    ('kling-3.0-turbo', 'kling', 'kling-3.0-turbo'),
    ('kling-3.0-omni', 'kling', 'kling-3.0-omni'),
    ('kling-v3-image', 'kling', 'kling-v3');
