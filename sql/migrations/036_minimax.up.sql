-- 036_minimax.up.sql: MiniMax makes Hailuo's videos and pictures of its own. Adds rows only.
SET LOCAL search_path = kinora;

INSERT INTO model (id, kind, family, title) VALUES
    ('MiniMax-Hailuo-2.3', 'video', 'hub', 'Videos: Hailuo 2.3'),
    ('MiniMax-Hailuo-2.3-Fast', 'video', 'hub', 'Videos from a picture: Hailuo 2.3, fast'),
    ('MiniMax-Hailuo-02', 'video', 'hub', 'Videos: Hailuo 02'),
    ('S2V-01', 'video', 'hub', 'Videos of a person: Hailuo'),
    ('image-01', 'image', 'hub', 'Pictures: MiniMax');

-- Ten seconds have 768 lines at most: a client that asks for both is refused by the vendor.
INSERT INTO model_category (model_id, category, parameters)
SELECT m.id, m.category, jsonb_build_array(
    jsonb_build_object('name', 'seconds', 'type', 'integer', 'default', 6, 'allowed', m.seconds),
    jsonb_build_object('name', 'resolution', 'type', 'string', 'default', m.resolutions -> 0,
        'allowed', m.resolutions),
    '{"name": "off_peak", "type": "boolean"}'::jsonb) || m.own
FROM (VALUES
    ('MiniMax-Hailuo-2.3', 't2v', '[6, 10]'::jsonb, '["768P", "1080P"]'::jsonb, '[]'::jsonb),
    ('MiniMax-Hailuo-2.3', 'i2v', '[6, 10]', '["768P", "1080P"]', '[{"name": "images", "type": "media",
        "media": "image", "minimum": 1, "maximum": 1, "bytes_max": 20971520}]'),
    ('MiniMax-Hailuo-2.3-Fast', 'i2v', '[6, 10]', '["768P", "1080P"]', '[{"name": "images", "type": "media",
        "media": "image", "minimum": 1, "maximum": 1, "bytes_max": 20971520}]'),
    ('MiniMax-Hailuo-02', 't2v', '[6, 10]', '["768P", "512P", "1080P"]', '[]'),
    ('MiniMax-Hailuo-02', 'i2v', '[6, 10]', '["768P", "512P", "1080P"]', '[{"name": "images", "type": "media",
        "media": "image", "minimum": 1, "maximum": 2, "bytes_max": 20971520}]'),
    ('S2V-01', 'ref2v', '[6]', '["720P"]', '[{"name": "images", "type": "media", "media": "image", "minimum": 1,
        "maximum": 1, "bytes_max": 20971520}]'))
    AS m (id, category, seconds, resolutions, own);

INSERT INTO model_category (model_id, category, parameters)
SELECT 'image-01', c.category, '[
    {"name": "n", "type": "integer", "default": 1, "minimum": 1, "maximum": 9},
    {"name": "size", "type": "size", "default": "1024x1024", "allowed": ["1024x1024", "1280x720", "720x1280",
        "1152x864", "864x1152", "1248x832", "832x1248", "1344x576"]},
    {"name": "off_peak", "type": "boolean"}]'::jsonb || c.own
FROM (VALUES ('t2i', '[]'::jsonb),
    ('i2i', '[{"name": "image", "type": "media", "media": "image", "minimum": 1, "maximum": 1,
        "bytes_max": 10485760}]'))
    AS c (category, own);

INSERT INTO route (model_id, vendor, vendor_model) VALUES
    ('MiniMax-Hailuo-2.3', 'minimax', 'MiniMax-Hailuo-2.3'),
    ('MiniMax-Hailuo-2.3-Fast', 'minimax', 'MiniMax-Hailuo-2.3-Fast'),
    ('MiniMax-Hailuo-02', 'minimax', 'MiniMax-Hailuo-02'),
    ('S2V-01', 'minimax', 'S2V-01'),
    ('image-01', 'minimax', 'image-01');
