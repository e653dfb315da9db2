-- 025_llmage.up.sql: the models of the llmage API, each with its own rules in each of its categories.
-- Sources: the tables of that API's document; it names no bounds of lengths (4 to 15 s: those of the vendors) and of
-- what references may be (Seedance's). Adds rows only. Without routes: vendors of their own make these models.
SET LOCAL search_path = kinora;

INSERT INTO model (id, kind, family, title) VALUES
    ('wan2.2-t2i-plus', 'image', 'llmage', 'Pictures: Wan 2.2, professional'),
    ('wan2.5-t2i-preview', 'image', 'llmage', 'Pictures: Wan 2.5, preview'),
    ('wan2.2-t2i-flash', 'image', 'llmage', 'Pictures: Wan 2.2, fast'),
    ('cogview-3-flash', 'image', 'llmage', 'Pictures: CogView 3, fast'),
    ('happyhorse-1.0-t2v', 'video', 'llmage', 'Videos of a prompt: HappyHorse 1.0'),
    ('happyhorse-1.0-i2v', 'video', 'llmage', 'Videos from a first picture: HappyHorse 1.0'),
    ('happyhorse-1.0-r2v', 'video', 'llmage', 'Videos after pictures: HappyHorse 1.0'),
    ('doubao-seedance-2-0-260128', 'video', 'llmage', 'Videos: Seedance 2.0'),
    ('doubao-seedance-2-0-fast-260128', 'video', 'llmage', 'Videos of a prompt: Seedance 2.0, fast'),
    ('dreamina-seedance-2-0-260128', 'video', 'llmage', 'Videos: Seedance 2.0, abroad'),
    ('doubao-seedance-1-5-pro-251215', 'video', 'llmage', 'Videos: Seedance 1.5'),
    ('wan2.6-t2v', 'video', 'llmage', 'Videos of a prompt: Wan 2.6'),
    ('wan2.6-r2v', 'video', 'llmage', 'Videos between two pictures: Wan 2.6'),
    ('viduq3-pro', 'video', 'llmage', 'Videos: Vidu Q3'),
    ('qwen3-max', 'chat', 'llmage', 'Text: Qwen 3');

INSERT INTO model_category (model_id, category) VALUES ('qwen3-max', 't2t');

INSERT INTO model_category (model_id, category, parameters)
SELECT m.id, 't2i', '[
    {"name": "n", "type": "integer", "default": 1, "minimum": 1, "maximum": 1},
    {"name": "negative_prompt", "type": "string", "length_max": 2000},
    {"name": "off_peak", "type": "boolean"}]'
FROM (VALUES ('wan2.2-t2i-plus'), ('wan2.5-t2i-preview'), ('wan2.2-t2i-flash'), ('cogview-3-flash')) AS m (id);

-- HappyHorse
INSERT INTO model_category (model_id, category, parameters)
SELECT m.id, m.category, jsonb_build_array(
    jsonb_build_object('name', 'seconds', 'type', 'integer', 'default', m.seconds, 'minimum', 4, 'maximum', 15),
    jsonb_build_object('name', 'resolution', 'type', 'string', 'default', m.resolution,
        'allowed', '["720P", "1080P"]'::jsonb),
    '{"name": "off_peak", "type": "boolean"}'::jsonb) || m.own
FROM (VALUES
    ('happyhorse-1.0-t2v', 't2v', 5, '720P', '[
        {"name": "ratio", "type": "string", "default": "adaptive",
            "allowed": ["16:9", "4:3", "1:1", "3:4", "9:16", "adaptive"]}]'::jsonb),
    ('happyhorse-1.0-i2v', 'i2v', 5, '720P', '[
        {"name": "images", "type": "media", "media": "image", "minimum": 1, "maximum": 1}]'),
    ('happyhorse-1.0-r2v', 'ref2v', 15, '1080P', '[
        {"name": "ratio", "type": "string", "allowed": ["16:9", "4:3", "1:1", "3:4", "9:16"]},
        {"name": "images", "type": "media", "media": "image", "minimum": 1, "maximum": 9}]'))
    AS m (id, category, seconds, resolution, own);

-- Seedance 2.0: the first and the last picture of i2v, and anything together in ref2v.
INSERT INTO model_category (model_id, category, parameters)
SELECT m.id, c.category, jsonb_build_array(
    jsonb_build_object('name', 'seconds', 'type', 'integer', 'default', c.seconds, 'minimum', 4, 'maximum', 15),
    jsonb_build_object('name', 'resolution', 'type', 'string', 'default', c.resolution,
        'allowed', '["480p", "720p", "1080p"]'::jsonb),
    '{"name": "off_peak", "type": "boolean"}'::jsonb) || c.own
FROM (VALUES
    ('t2v', 5, '720p', '[
        {"name": "ratio", "type": "string", "default": "adaptive",
            "allowed": ["16:9", "4:3", "1:1", "3:4", "9:16", "adaptive"]}]'::jsonb),
    ('i2v', 5, '720p', '[
        {"name": "ratio", "type": "string", "default": "adaptive",
            "allowed": ["16:9", "4:3", "1:1", "3:4", "9:16", "adaptive"]},
        {"name": "images", "type": "media", "media": "image", "minimum": 2, "maximum": 2}]'),
    ('ref2v', 12, '1080p', '[
        {"name": "ratio", "type": "string", "allowed": ["16:9", "4:3", "1:1", "3:4", "9:16"]},
        {"name": "images", "type": "media", "media": "image", "minimum": 1, "maximum": 9},
        {"name": "videos", "type": "media", "media": "video", "maximum": 3, "seconds_min": 2, "seconds_max": 15,
            "seconds_total_max": 15},
        {"name": "audios", "type": "media", "media": "audio", "maximum": 3, "bytes_max": 15728640,
            "seconds_min": 2, "seconds_max": 15, "seconds_total_max": 15}]'))
    AS c (category, seconds, resolution, own)
CROSS JOIN (VALUES ('doubao-seedance-2-0-260128'), ('dreamina-seedance-2-0-260128'),
    ('doubao-seedance-2-0-fast-260128')) AS m (id)
WHERE c.category = 't2v' OR m.id <> 'doubao-seedance-2-0-fast-260128';

-- Seedance 1.5: its pictures may be left out.
INSERT INTO model_category (model_id, category, parameters)
SELECT 'doubao-seedance-1-5-pro-251215', c.category, '[
    {"name": "seconds", "type": "integer", "default": 12, "minimum": 4, "maximum": 15},
    {"name": "resolution", "type": "string", "default": "1080p", "allowed": ["480p", "720p", "1080p"]},
    {"name": "ratio", "type": "string", "allowed": ["16:9", "4:3", "1:1", "3:4", "9:16", "adaptive"]},
    {"name": "off_peak", "type": "boolean"}]'::jsonb || c.own
FROM (VALUES ('t2v', '[]'::jsonb),
    ('i2v', '[{"name": "images", "type": "media", "media": "image", "maximum": 2}]'))
    AS c (category, own);

-- Wan 2.6
INSERT INTO model_category (model_id, category, parameters)
SELECT m.id, m.category, '[
    {"name": "seconds", "type": "integer", "default": 15, "allowed": [5, 10, 15]},
    {"name": "size", "type": "size", "default": "1920x1080", "allowed": ["832x480", "480x832", "624x624", "1280x720",
        "720x1280", "960x960", "1920x1080", "1080x1920", "1440x1440"]},
    {"name": "negative_prompt", "type": "string", "length_max": 2000},
    {"name": "off_peak", "type": "boolean"}]'::jsonb || m.own
FROM (VALUES ('wan2.6-t2v', 't2v', '[]'::jsonb),
    ('wan2.6-r2v', 'i2v', '[{"name": "images", "type": "media", "media": "image", "minimum": 2, "maximum": 2}]'))
    AS m (id, category, own);

-- Vidu
INSERT INTO model_category (model_id, category, parameters)
SELECT 'viduq3-pro', c.category, '[
    {"name": "seconds", "type": "integer", "default": 10, "minimum": 1, "maximum": 16},
    {"name": "resolution", "type": "string", "default": "1080p", "allowed": ["540p", "720p", "1080p"]},
    {"name": "ratio", "type": "string", "default": "16:9", "allowed": ["16:9", "9:16", "4:3", "3:4", "1:1"]},
    {"name": "off_peak", "type": "boolean", "default": false}]'::jsonb || c.own
FROM (VALUES ('t2v', '[]'::jsonb),
    ('i2v', '[{"name": "images", "type": "media", "media": "image", "minimum": 2, "maximum": 2}]'))
    AS c (category, own);
