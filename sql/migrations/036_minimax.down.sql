-- 036_minimax.down.sql: takes back 036_minimax.up.sql. Tasks that used the models keep their rows.
SET LOCAL search_path = kinora;

DELETE FROM route WHERE vendor = 'minimax';
DELETE FROM model
WHERE id IN ('MiniMax-Hailuo-2.3', 'MiniMax-Hailuo-2.3-Fast', 'MiniMax-Hailuo-02', 'S2V-01', 'image-01');
