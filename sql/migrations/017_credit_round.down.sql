-- 017_credit_round.down.sql: credit is read by command only.
SET LOCAL search_path = kinora;
DELETE FROM setting WHERE name = 'credits_refresh_minutes';
DROP TABLE credit_turn;
ALTER TABLE account DROP COLUMN credits_asked_at;
