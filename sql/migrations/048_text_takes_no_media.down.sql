-- 048_text_takes_no_media.down.sql: takes back 048_text_takes_no_media.up.sql.
SET LOCAL search_path = kinora;

ALTER TABLE model_category DROP CONSTRAINT model_category_text_takes_no_media;
