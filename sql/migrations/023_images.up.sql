-- 023_images.up.sql: the models that make pictures, and what their vendors make of a prompt.
-- A nullable column without a default: a brief lock, nothing is rewritten or read. The check holds for new rows;
-- all that are there have null.
SET LOCAL search_path = kinora;

ALTER TABLE task_asset ADD COLUMN revised_prompt text;
ALTER TABLE task_asset ADD CONSTRAINT task_asset_revised_prompt_length
    CHECK (length(revised_prompt) <= 32000) NOT VALID;
COMMENT ON COLUMN task_asset.revised_prompt IS 'Of a result: the prompt as its vendor understood it; null: the vendor did not say.';

COMMENT ON COLUMN model_category.parameters IS 'Rules: [{"name","type":"integer|string|boolean|size|media","default","allowed":[...],"minimum","maximum","length_max"}]. They drive checks, documentation and forms. Of type size: "allowed" sizes, to the nearest of which a ratio such as 16:9 leads; "multiple" and "longest": any size whose sides are multiples; or "levels" of sizes by name, with the usual "level". Of type media: how many references of one kind of "media" it takes, "bytes_max" of each, and how long sounds may be.';

INSERT INTO model (id, kind, family, title) VALUES
    ('gpt-image-2', 'image', 'sora', 'Image generation'),
    ('sora-image', 'image', 'sora', 'Image generation - 1024x1024'),
    ('sora-image-landscape', 'image', 'sora', 'Image generation - 1792x1024'),
    ('sora-image-portrait', 'image', 'sora', 'Image generation - 1024x1792'),
    ('dall-e-3', 'image', 'hub', 'Image generation'),
    ('jimeng-3.0', 'image', 'jimeng', 'Image generation, basic'),
    ('jimeng-3.0-pro', 'image', 'jimeng', 'Image generation, professional'),
    ('jimeng-3.0-t2i-s', 'image', 'jimeng', 'Image generation, fast'),
    ('jimeng-3.0-t2i-p', 'image', 'jimeng', 'Image generation, high quality'),
    ('jimeng-4.5', 'image', 'jimeng', 'Image generation, latest');

-- gpt-image-2: as OpenAI has it; `standard` and `hd` are Sora2API's words for its medium and high.
INSERT INTO model_category (model_id, category, parameters)
SELECT 'gpt-image-2', c.category, '[
    {"name": "n", "type": "integer", "default": 1, "minimum": 1, "maximum": 10},
    {"name": "size", "type": "size", "default": "auto", "multiple": 16, "longest": 3840, "allowed": ["auto",
        "1024x1024", "1536x1024", "1024x1536", "1536x864", "864x1536", "1024x768", "768x1024", "1280x1024",
        "1024x1280", "1680x720"]},
    {"name": "quality", "type": "string", "allowed": ["auto", "low", "medium", "high", "standard", "hd"]},
    {"name": "style", "type": "string", "allowed": ["natural", "vivid"]},
    {"name": "background", "type": "string", "allowed": ["auto", "transparent", "opaque"]},
    {"name": "output_format", "type": "string", "allowed": ["png", "jpeg", "webp"]},
    {"name": "output_compression", "type": "integer", "minimum": 0, "maximum": 100},
    {"name": "moderation", "type": "string", "allowed": ["auto", "low"]},
    {"name": "off_peak", "type": "boolean"}]'::jsonb || c.own
FROM (VALUES ('t2i', '[]'::jsonb),
    ('i2i', '[{"name": "input_fidelity", "type": "string", "allowed": ["high", "low"]},
        {"name": "image", "type": "media", "media": "image", "minimum": 1, "maximum": 16}]'))
    AS c (category, own);

-- Sora2API's: the name says the size, which another one may be asked for all the same.
INSERT INTO model_category (model_id, category, parameters)
SELECT m.id, c.category, jsonb_build_array(
    '{"name": "n", "type": "integer", "default": 1, "minimum": 1, "maximum": 1}'::jsonb,
    jsonb_build_object('name', 'size', 'type', 'size', 'default', m.size,
        'allowed', '["1024x1024", "1792x1024", "1024x1792"]'::jsonb),
    '{"name": "quality", "type": "string", "allowed": ["standard", "hd"]}'::jsonb,
    '{"name": "style", "type": "string", "allowed": ["natural", "vivid"]}'::jsonb,
    '{"name": "off_peak", "type": "boolean"}'::jsonb) || c.own
FROM (VALUES ('sora-image', '1024x1024'), ('sora-image-landscape', '1792x1024'),
    ('sora-image-portrait', '1024x1792')) AS m (id, size)
CROSS JOIN (VALUES ('t2i', '[]'::jsonb),
    ('i2i', '[{"name": "image", "type": "media", "media": "image", "minimum": 1, "maximum": 16}]'))
    AS c (category, own);

INSERT INTO model_category (model_id, category, parameters) VALUES ('dall-e-3', 't2i', '[
    {"name": "n", "type": "integer", "default": 1, "minimum": 1, "maximum": 1},
    {"name": "size", "type": "size", "default": "1024x1024", "allowed": ["1024x1024", "1792x1024", "1024x1792"]},
    {"name": "quality", "type": "string", "allowed": ["standard", "hd"]},
    {"name": "style", "type": "string", "allowed": ["natural", "vivid"]},
    {"name": "off_peak", "type": "boolean"}]');

-- Jimeng's gateways take any size and make the nearest of eight ratios at one of three resolutions.
INSERT INTO model_category (model_id, category, parameters)
SELECT m.id, c.category, '[
    {"name": "n", "type": "integer", "default": 1, "minimum": 1, "maximum": 4},
    {"name": "size", "type": "size", "level": "2k", "levels": {
        "1k": ["1024x1024", "1024x768", "768x1024", "1024x576", "576x1024", "1024x682", "682x1024", "1195x512"],
        "2k": ["2048x2048", "2304x1728", "1728x2304", "2560x1440", "1440x2560", "2496x1664", "1664x2496",
            "3024x1296"],
        "4k": ["4096x4096", "4608x3456", "3456x4608", "5120x2880", "2880x5120", "4992x3328", "3328x4992",
            "6048x2592"]}},
    {"name": "off_peak", "type": "boolean"}]'::jsonb || c.own
FROM (VALUES ('jimeng-3.0'), ('jimeng-3.0-pro'), ('jimeng-3.0-t2i-s'), ('jimeng-3.0-t2i-p'), ('jimeng-4.5'))
    AS m (id)
CROSS JOIN (VALUES ('t2i', '[]'::jsonb),
    ('i2i', '[{"name": "image", "type": "media", "media": "image", "minimum": 1, "maximum": 10}]'))
    AS c (category, own);

-- Jimeng's models have no route: a vendor of their own, or a gateway that an operator names, makes them.
INSERT INTO route (model_id, vendor, vendor_model) VALUES
    ('gpt-image-2', 'openai', 'gpt-image-2'),
    ('sora-image', 'openai', 'gpt-image-2'),
    ('sora-image-landscape', 'openai', 'gpt-image-2'),
    ('sora-image-portrait', 'openai', 'gpt-image-2'),
    ('dall-e-3', 'openai', 'dall-e-3');

-- As it was, but for the counting of one model after the other: where a family has many models, a join of all of
-- them with the queue looked cheaper, and read all of it.
CREATE OR REPLACE FUNCTION waiting_line(line text, line_max bigint, line_priority smallint)
RETURNS TABLE (waiting bigint, slots bigint, slots_free bigint, retry_seconds integer)
LANGUAGE sql STABLE
AS $$
    WITH own AS (SELECT id FROM model WHERE family = line),
    way AS (SELECT vendor, usual_seconds FROM route WHERE enabled AND model_id IN (SELECT id FROM own)),
    room AS (
        SELECT coalesce(sum(a.slots), 0) AS slots, coalesce(sum(greatest(a.slots - t.taken, 0)), 0) AS free
        FROM account a CROSS JOIN LATERAL (SELECT count(*) AS taken FROM attempt
            WHERE account_id = a.id AND finished_at IS NULL) t
        WHERE a.vendor IN (SELECT vendor FROM way) AND a.exhausted_at IS NULL
            AND (a.state = 'active' OR (a.state = 'cooling' AND a.cooling_until <= now()))),
    queue AS MATERIALIZED (
        SELECT (SELECT count(*) FROM (SELECT FROM own CROSS JOIN LATERAL (SELECT FROM task t
                WHERE t.model_id = own.id AND t.state = 'queued' AND t.pinned_account_id IS NULL
                    AND t.priority <= line_priority LIMIT line_max + (SELECT free FROM room)) q
                LIMIT line_max + (SELECT free FROM room)) q)
            + (SELECT count(*) FROM (SELECT FROM task t JOIN own ON own.id = t.model_id
                WHERE t.state = 'queued' AND t.pinned_account_id IS NOT NULL AND t.priority <= line_priority
                LIMIT line_max + (SELECT free FROM room)) p) AS waiting)
    SELECT queue.waiting, room.slots::bigint, room.free::bigint,
        least(greatest(ceil(coalesce((SELECT avg(usual_seconds) FROM way), 30) * greatest(queue.waiting, 1)
            / greatest(room.slots, 1)), 1), 3600)::integer
    FROM queue, room
$$;

INSERT INTO setting (name, value, description) VALUES
    ('image_wait_seconds', '120',
        'Seconds a request for a picture waits for it; then it is told the task, which goes on.'),
    ('default_image_model', '"gpt-image-2"',
        'The model of requests for pictures that name none, where the key may use it.');
