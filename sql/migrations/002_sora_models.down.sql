-- 002_sora_models.down.sql: takes the models back. Tasks that used them keep their rows.
SET LOCAL search_path = kinora;
DELETE FROM model WHERE id IN ('sora-2', 'sora-2-pro');
DELETE FROM setting WHERE name IN ('image_timeout', 'video_timeout');
