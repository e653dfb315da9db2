-- 046_steady_workers.up.sql: who may say of other workers that they are dead.
-- Adds a column with a constant, which rewrites nothing.
SET LOCAL search_path = kinora;

ALTER TABLE worker ADD COLUMN steady_since timestamptz NOT NULL DEFAULT '-infinity';
COMMENT ON COLUMN worker.steady_since IS 'Since when its signs of life have come in time: one that was late itself, as all are when the database was away, says of no other that it is dead for the next 10 s.';
