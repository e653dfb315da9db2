-- 044_kling_omni.down.sql: takes back 044_kling_omni.up.sql. Tasks that used the models keep their rows.
SET LOCAL search_path = kinora;

DELETE FROM route
WHERE vendor = 'kling' AND model_id IN ('kling-video-o1', 'kling-v3-omni', 'kling-image-o1', 'kling-v3-omni-image');
DELETE FROM model WHERE id IN ('kling-video-o1', 'kling-v3-omni', 'kling-image-o1', 'kling-v3-omni-image');
