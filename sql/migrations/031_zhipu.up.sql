-- 031_zhipu.up.sql: Zhipu makes CogView's pictures, and has videos of its own: CogVideoX's. Adds rows only.
SET LOCAL search_path = kinora;

INSERT INTO model (id, kind, family, title) VALUES ('cogvideox-3', 'video', 'hub', 'Videos: CogVideoX 3');

INSERT INTO model_category (model_id, category, parameters)
SELECT 'cogvideox-3', c.category, '[
    {"name": "seconds", "type": "integer", "default": 5, "allowed": [5, 10]},
    {"name": "size", "type": "size", "default": "1920x1080",
        "allowed": ["1280x720", "720x1280", "1024x1024", "1920x1080", "1080x1920", "2048x1080", "3840x2160"]},
    {"name": "quality", "type": "string", "allowed": ["speed", "quality"]},
    {"name": "off_peak", "type": "boolean"}]'::jsonb || c.own
FROM (VALUES ('t2v', '[]'::jsonb),
    ('i2v', '[{"name": "images", "type": "media", "media": "image", "minimum": 1, "maximum": 2,
        "bytes_max": 5242880}]'))
    AS c (category, own);

INSERT INTO route (model_id, vendor, vendor_model) VALUES
    ('cogview-3-flash', 'zhipu', 'cogview-3-flash'),
    ('cogvideox-3', 'zhipu', 'cogvideox-3');
