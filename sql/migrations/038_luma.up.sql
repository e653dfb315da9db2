-- 038_luma.up.sql: Luma makes Ray's videos. Adds rows only.
SET LOCAL search_path = kinora;

INSERT INTO model (id, kind, family, title) VALUES
    ('ray-2', 'video', 'hub', 'Videos: Luma Ray 2'),
    ('ray-flash-2', 'video', 'hub', 'Videos: Luma Ray 2, fast');

INSERT INTO model_category (model_id, category, parameters)
SELECT m.id, c.category, '[
    {"name": "seconds", "type": "integer", "default": 5, "allowed": [5, 9]},
    {"name": "resolution", "type": "string", "default": "720p", "allowed": ["540p", "720p", "1080p", "4k"]},
    {"name": "ratio", "type": "string", "default": "16:9",
        "allowed": ["16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "9:21"]},
    {"name": "off_peak", "type": "boolean"}]'::jsonb || c.own
FROM (VALUES ('ray-2'), ('ray-flash-2')) AS m (id)
CROSS JOIN (VALUES ('t2v', '[]'::jsonb),
    ('i2v', '[{"name": "images", "type": "media", "media": "image", "minimum": 1, "maximum": 2}]'))
    AS c (category, own);

INSERT INTO route (model_id, vendor, vendor_model) VALUES
    ('ray-2', 'luma', 'ray-2'),
    ('ray-flash-2', 'luma', 'ray-flash-2');
