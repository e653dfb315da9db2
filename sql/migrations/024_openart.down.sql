-- 024_openart.down.sql: takes back 024_openart.up.sql. Tasks that used the model keep their rows.
SET LOCAL search_path = kinora;

DELETE FROM setting WHERE name = 'default_video_model';
DELETE FROM model WHERE id = 'openart-video';
