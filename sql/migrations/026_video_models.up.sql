-- 026_video_models.up.sql: the video models of Sora2API's and Jimeng's documents, and how long a request waits for
-- a video.
-- Adds rows, and says in a comment what a rule may hold.
SET LOCAL search_path = kinora;

COMMENT ON COLUMN model_category.parameters IS 'Rules: [{"name","type":"integer|string|boolean|size|media","default","allowed":[...],"minimum","maximum","length_max"}]. They drive checks, documentation and forms. Of type size: "allowed" sizes, to the nearest of which a ratio such as 16:9 leads; "multiple" and "longest": any size whose sides are multiples; or "levels" of sizes by name, with the usual "level" and "ratio". Of type media: how many references of one kind of "media" it takes, "bytes_max" of each, and how long sounds may be.';

INSERT INTO model (id, kind, family, title) VALUES
    ('sora-video-landscape-10s', 'video', 'sora', 'Video generation - landscape'),
    ('sora-video-portrait-10s', 'video', 'sora', 'Video generation - portrait'),
    ('sora-video-landscape-15s', 'video', 'sora', 'Video generation - landscape'),
    ('sora-video-portrait-15s', 'video', 'sora', 'Video generation - portrait'),
    ('sora-video-landscape-25s', 'video', 'sora', 'Video generation - landscape'),
    ('sora-video-portrait-25s', 'video', 'sora', 'Video generation - portrait'),
    ('pixeldance', 'video', 'jimeng', 'Video of a text'),
    ('seaweed', 'video', 'jimeng', 'Video of a picture');

-- The name says the length, and the size where none is asked for.
INSERT INTO model_category (model_id, category, parameters)
SELECT m.id, c.category, jsonb_build_array(
    jsonb_build_object('name', 'seconds', 'type', 'integer', 'default', m.seconds,
        'allowed', jsonb_build_array(m.seconds)),
    jsonb_build_object('name', 'size', 'type', 'string', 'default', m.size,
        'allowed', '["720x1280", "1280x720"]'::jsonb),
    '{"name": "style", "type": "string", "length_max": 64}'::jsonb,
    '{"name": "off_peak", "type": "boolean"}'::jsonb)
FROM (VALUES
    ('sora-video-landscape-10s', 10, '1280x720'), ('sora-video-portrait-10s', 10, '720x1280'),
    ('sora-video-landscape-15s', 15, '1280x720'), ('sora-video-portrait-15s', 15, '720x1280'),
    ('sora-video-landscape-25s', 25, '1280x720'), ('sora-video-portrait-25s', 25, '720x1280')) AS m (id, seconds, size)
CROSS JOIN (VALUES ('t2v'), ('i2v'), ('v2v')) AS c (category);

-- Jimeng's document names the models and no more; lengths and sizes are those of their kind.
INSERT INTO model_category (model_id, category, parameters)
SELECT m.id, m.category, '[
    {"name": "seconds", "type": "integer", "default": 5, "allowed": [5, 10]},
    {"name": "size", "type": "size", "level": "720p", "ratio": "16:9", "levels": {
        "720p": ["1280x720", "1112x834", "960x960", "834x1112", "720x1280", "1470x630"],
        "1080p": ["1920x1080", "1664x1248", "1440x1440", "1248x1664", "1080x1920", "2206x946"]}},
    {"name": "off_peak", "type": "boolean"}]'::jsonb || m.own
FROM (VALUES ('pixeldance', 't2v', '[]'::jsonb),
    ('seaweed', 'i2v', '[{"name": "image", "type": "media", "media": "image", "minimum": 1, "maximum": 2}]'))
    AS m (id, category, own);

-- Jimeng's models have no route, as its models of pictures have none.
INSERT INTO route (model_id, vendor, vendor_model)
SELECT id, 'openai', CASE WHEN id LIKE '%-25s' THEN 'sora-2-pro' ELSE 'sora-2' END
FROM model WHERE id LIKE 'sora-video-%';

INSERT INTO setting (name, value, description) VALUES
    ('video_wait_seconds', '600',
        'Seconds a request for a video waits for it, where it asks for the video and no task.');
