-- 044_kling_omni.up.sql: Kling makes videos and pictures after several pictures. Adds rows only.
SET LOCAL search_path = kinora;

INSERT INTO model (id, kind, family, title) VALUES
    ('kling-video-o1', 'video', 'hub', 'Videos, also after pictures: Kling O1'),
    ('kling-v3-omni', 'video', 'hub', 'Videos, also after pictures: Kling 3, omni, any account'),
    ('kling-image-o1', 'image', 'hub', 'Pictures, also of several: Kling O1'),
    ('kling-v3-omni-image', 'image', 'hub', 'Pictures, also of several: Kling 3, omni');

-- Of texts and of frames O1 makes two lengths only.
INSERT INTO model_category (model_id, category, parameters)
SELECT m.id, c.category, jsonb_build_array(
    jsonb_build_object('name', 'resolution', 'type', 'string', 'default', '720p', 'allowed', m.resolutions),
    '{"name": "off_peak", "type": "boolean"}'::jsonb,
    CASE WHEN c.category = 'ref2v' THEN m.seconds_after_pictures ELSE m.seconds END) || c.own
FROM (VALUES
    ('kling-video-o1', '["720p", "1080p"]'::jsonb,
        '{"name": "seconds", "type": "integer", "default": 5, "allowed": [5, 10]}'::jsonb,
        '{"name": "seconds", "type": "integer", "default": 5, "minimum": 3, "maximum": 10}'::jsonb),
    ('kling-v3-omni', '["720p", "1080p", "4k"]',
        '{"name": "seconds", "type": "integer", "default": 5, "minimum": 3, "maximum": 15}',
        '{"name": "seconds", "type": "integer", "default": 5, "minimum": 3, "maximum": 15}'))
    AS m (id, resolutions, seconds, seconds_after_pictures)
CROSS JOIN (VALUES
    ('t2v', '[{"name": "ratio", "type": "string", "default": "16:9", "allowed": ["16:9", "9:16", "1:1"]}]'::jsonb),
    ('i2v', '[{"name": "images", "type": "media", "media": "image", "minimum": 1, "maximum": 2,
        "bytes_max": 10485760}]'),
    ('ref2v', '[{"name": "ratio", "type": "string", "default": "16:9", "allowed": ["16:9", "9:16", "1:1"]},
        {"name": "images", "type": "media", "media": "image", "minimum": 1, "maximum": 7, "bytes_max": 10485760}]'))
    AS c (category, own);

INSERT INTO model_category (model_id, category, parameters)
SELECT m.id, c.category, '[
    {"name": "n", "type": "integer", "default": 1, "minimum": 1, "maximum": 9},
    {"name": "size", "type": "size", "default": "1024x1024", "allowed": ["1024x1024", "1280x720", "720x1280",
        "1152x864", "864x1152", "1248x832", "832x1248", "1568x672"]},
    {"name": "off_peak", "type": "boolean"}]'::jsonb || c.own
FROM (VALUES ('kling-image-o1'), ('kling-v3-omni-image')) AS m (id)
CROSS JOIN (VALUES ('t2i', '[]'::jsonb),
    ('i2i', '[{"name": "image", "type": "media", "media": "image", "minimum": 1, "maximum": 10,
        "bytes_max": 10485760}]'))
    AS c (category, own);

INSERT INTO route (model_id, vendor, vendor_model) VALUES
    ('kling-video-o1', 'kling', 'kling-video-o1'),
    ('kling-v3-omni', 'kling', 'kling-v3-omni'),
    ('kling-image-o1', 'kling', 'kling-image-o1'),
    ('kling-v3-omni-image', 'kling', 'kling-v3-omni');
