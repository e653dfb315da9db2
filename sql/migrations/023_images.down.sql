-- 023_images.down.sql: takes the models back. Tasks that used them keep their rows.
SET LOCAL search_path = kinora;
DELETE FROM model WHERE id IN ('gpt-image-2', 'sora-image', 'sora-image-landscape', 'sora-image-portrait', 'dall-e-3',
    'jimeng-3.0', 'jimeng-3.0-pro', 'jimeng-3.0-t2i-s', 'jimeng-3.0-t2i-p', 'jimeng-4.5');
DELETE FROM setting WHERE name IN ('image_wait_seconds', 'default_image_model');
COMMENT ON COLUMN model_category.parameters IS 'Rules: [{"name","type":"integer|string|boolean","default","allowed":[...],"minimum","maximum","length_max"}]. They drive checks, documentation and forms.';
ALTER TABLE task_asset DROP COLUMN revised_prompt;
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
        SELECT (SELECT count(*) FROM (SELECT FROM own JOIN task t ON t.model_id = own.id
                WHERE t.state = 'queued' AND t.pinned_account_id IS NULL AND t.priority <= line_priority
                LIMIT line_max + (SELECT free FROM room)) q)
            + (SELECT count(*) FROM (SELECT FROM task t JOIN own ON own.id = t.model_id
                WHERE t.state = 'queued' AND t.pinned_account_id IS NOT NULL AND t.priority <= line_priority
                LIMIT line_max + (SELECT free FROM room)) p) AS waiting)
    SELECT queue.waiting, room.slots::bigint, room.free::bigint,
        least(greatest(ceil(coalesce((SELECT avg(usual_seconds) FROM way), 30) * greatest(queue.waiting, 1)
            / greatest(room.slots, 1)), 1), 3600)::integer
    FROM queue, room
$$;
