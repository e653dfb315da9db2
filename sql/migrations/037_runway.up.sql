-- 037_runway.up.sql: Runway makes Gen-4's videos and pictures. Adds rows only.
SET LOCAL search_path = kinora;

INSERT INTO model (id, kind, family, title) VALUES
    ('gen4.5', 'video', 'hub', 'Videos: Runway Gen-4.5'),
    ('gen4_turbo', 'video', 'hub', 'Videos from a picture: Runway Gen-4 Turbo'),
    ('gen4_image', 'image', 'hub', 'Pictures: Runway Gen-4');

INSERT INTO model_category (model_id, category, parameters)
SELECT m.id, m.category, jsonb_build_array(
    '{"name": "seconds", "type": "integer", "default": 5, "minimum": 2, "maximum": 10}'::jsonb,
    jsonb_build_object('name', 'size', 'type', 'size', 'default', '1280x720', 'allowed', m.sizes),
    '{"name": "off_peak", "type": "boolean"}'::jsonb) || m.own
FROM (VALUES
    ('gen4.5', 't2v', '["1280x720", "720x1280"]'::jsonb, '[]'::jsonb),
    ('gen4.5', 'i2v', '["1280x720", "720x1280", "1104x832", "960x960", "832x1104", "1584x672"]',
        '[{"name": "images", "type": "media", "media": "image", "minimum": 1, "maximum": 1, "bytes_max": 16777216}]'),
    ('gen4_turbo', 'i2v', '["1280x720", "720x1280", "1104x832", "960x960", "832x1104", "1584x672"]',
        '[{"name": "images", "type": "media", "media": "image", "minimum": 1, "maximum": 1, "bytes_max": 16777216}]'))
    AS m (id, category, sizes, own);

INSERT INTO model_category (model_id, category, parameters)
SELECT 'gen4_image', c.category, '[
    {"name": "n", "type": "integer", "default": 1, "minimum": 1, "maximum": 1},
    {"name": "size", "type": "size", "default": "1024x1024", "allowed": ["1024x1024", "1280x720", "720x1280",
        "1920x1080", "1080x1920", "1440x1080", "1080x1440", "2112x912"]},
    {"name": "off_peak", "type": "boolean"}]'::jsonb || c.own
FROM (VALUES ('t2i', '[]'::jsonb),
    ('i2i', '[{"name": "image", "type": "media", "media": "image", "minimum": 1, "maximum": 3,
        "bytes_max": 16777216}]'))
    AS c (category, own);

INSERT INTO route (model_id, vendor, vendor_model) VALUES
    ('gen4.5', 'runway', 'gen4.5'),
    ('gen4_turbo', 'runway', 'gen4_turbo'),
    ('gen4_image', 'runway', 'gen4_image');
