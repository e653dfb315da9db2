-- 043_h3_ray3.up.sql: MiniMax makes H3's videos, and Luma's Agents API makes Ray 3.2's. Adds rows only.
SET LOCAL search_path = kinora;

INSERT INTO model (id, kind, family, title) VALUES
    ('MiniMax-H3', 'video', 'hub', 'Videos with sound: MiniMax H3'),
    ('ray-3.2', 'video', 'hub', 'Videos: Luma Ray 3.2');

-- Frames have a ratio themselves; of references MiniMax takes the ratio that suits them, where none is asked for.
INSERT INTO model_category (model_id, category, parameters)
SELECT 'MiniMax-H3', c.category, '[
    {"name": "seconds", "type": "integer", "default": 5, "minimum": 4, "maximum": 15},
    {"name": "resolution", "type": "string", "default": "768P", "allowed": ["768P", "2K"]},
    {"name": "off_peak", "type": "boolean"}]'::jsonb || c.own
FROM (VALUES
    ('t2v', '[{"name": "ratio", "type": "string", "default": "16:9",
        "allowed": ["16:9", "9:16", "1:1", "4:3", "3:4", "21:9"]}]'::jsonb),
    ('i2v', '[{"name": "images", "type": "media", "media": "image", "minimum": 1, "maximum": 2,
        "bytes_max": 31457280}]'),
    ('ref2v', '[{"name": "ratio", "type": "string", "default": "adaptive",
            "allowed": ["16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "adaptive"]},
        {"name": "images", "type": "media", "media": "image", "minimum": 1, "maximum": 9, "bytes_max": 31457280},
        {"name": "videos", "type": "media", "media": "video", "maximum": 3, "seconds_min": 2, "seconds_max": 15,
            "seconds_total_max": 15},
        {"name": "audios", "type": "media", "media": "audio", "maximum": 3, "bytes_max": 15728640,
            "seconds_min": 2, "seconds_max": 15, "seconds_total_max": 15}]'))
    AS c (category, own);

-- From pictures Ray 3.2 makes five seconds only.
INSERT INTO model_category (model_id, category, parameters)
SELECT 'ray-3.2', c.category, '[
    {"name": "resolution", "type": "string", "default": "720p", "allowed": ["360p", "540p", "720p", "1080p"]},
    {"name": "off_peak", "type": "boolean"}]'::jsonb || c.own
FROM (VALUES
    ('t2v', '[{"name": "seconds", "type": "integer", "default": 5, "allowed": [5, 10]},
        {"name": "ratio", "type": "string", "default": "16:9",
            "allowed": ["16:9", "9:16", "1:1", "4:3", "3:4", "21:9"]}]'::jsonb),
    ('i2v', '[{"name": "seconds", "type": "integer", "default": 5, "allowed": [5]},
        {"name": "images", "type": "media", "media": "image", "minimum": 1, "maximum": 2}]'))
    AS c (category, own);

INSERT INTO route (model_id, vendor, vendor_model) VALUES
    ('MiniMax-H3', 'minimax', 'MiniMax-H3'),
    ('ray-3.2', 'luma-agents', 'ray-3.2');
