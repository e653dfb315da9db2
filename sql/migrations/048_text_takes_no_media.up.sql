-- 048_text_takes_no_media.up.sql: what a worker takes for granted of a task that is made from text alone.
SET LOCAL search_path = kinora;

ALTER TABLE model_category ADD CONSTRAINT model_category_text_takes_no_media
    CHECK (category NOT IN ('t2i', 't2v') OR NOT parameters @> '[{"type": "media"}]');
