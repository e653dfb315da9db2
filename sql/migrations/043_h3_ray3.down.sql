-- 043_h3_ray3.down.sql: takes back 043_h3_ray3.up.sql. Tasks that used the models keep their rows.
SET LOCAL search_path = kinora;

DELETE FROM route WHERE model_id IN ('MiniMax-H3', 'ray-3.2');
DELETE FROM model WHERE id IN ('MiniMax-H3', 'ray-3.2');
