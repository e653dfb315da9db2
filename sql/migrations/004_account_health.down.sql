-- 004_account_health.down.sql: takes the columns back; accounts that could not pay get work again.
SET LOCAL search_path = kinora;
DELETE FROM setting WHERE name = 'error_ban_threshold';
DROP VIEW v_account_load;
CREATE VIEW v_account_load AS
SELECT a.id, a.vendor, a.name, a.state, a.state_reason, a.cooling_until, a.slots,
       count(t.id)::integer AS slots_taken, a.credits_micros
FROM account a LEFT JOIN attempt t ON t.account_id = a.id AND t.finished_at IS NULL
GROUP BY a.id;
COMMENT ON VIEW v_account_load IS 'How busy each account is.';
DROP TRIGGER account_served_changed ON account;
DROP TRIGGER account_changed ON account;
CREATE TRIGGER account_changed AFTER INSERT OR DELETE OR UPDATE OF vendor, state
    ON account FOR EACH STATEMENT EXECUTE FUNCTION config_changed();
DROP TRIGGER account_refilled ON account;
DROP FUNCTION account_refilled();
ALTER TABLE account DROP COLUMN exhausted_at, DROP COLUMN consecutive_throttles;
COMMENT ON COLUMN account.state IS 'active; cooling: rests until cooling_until; disabled: by the operator; invalid: its credentials were refused.';
COMMENT ON COLUMN account.cooling_until IS 'End of the rest.';
COMMENT ON COLUMN account.consecutive_errors IS 'Account-level errors since the last success.';
