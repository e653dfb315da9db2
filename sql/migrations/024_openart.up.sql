-- 024_openart.up.sql: the model of the OpenArt API, which names none itself.
-- Lengths, ratios and limits of references: those of the Seedance 2.0 class, which the API's own rules for references
-- match. Adds rows only.
SET LOCAL search_path = kinora;

INSERT INTO model (id, kind, family, title)
VALUES ('openart-video', 'video', 'openart', 'Video of pictures and sounds');

INSERT INTO model_category (model_id, category, parameters)
SELECT 'openart-video', c.category, '[
    {"name": "seconds", "type": "integer", "default": 5, "minimum": 4, "maximum": 15},
    {"name": "ratio", "type": "string", "default": "16:9",
        "allowed": ["16:9", "9:16", "1:1", "4:3", "3:4", "21:9"]},
    {"name": "off_peak", "type": "boolean"}]'::jsonb || c.own
FROM (VALUES ('t2v', '[]'::jsonb), ('ref2v', '[
    {"name": "images", "type": "media", "media": "image", "minimum": 1, "maximum": 9, "bytes_max": 15728640},
    {"name": "audios", "type": "media", "media": "audio", "maximum": 3, "bytes_max": 15728640,
        "seconds_min": 2, "seconds_max": 15, "seconds_total_max": 15}]')) AS c (category, own);

INSERT INTO route (model_id, vendor, vendor_model) VALUES ('openart-video', 'openart', 'openart-video');

INSERT INTO setting (name, value, description) VALUES
    ('default_video_model', '"sora-2"',
        'The model of requests for videos that name none, where the key may use it.');
