-- 004_account_health.up.sql: what an account's errors lead to: rests that grow, and its being left out.
-- Locks account briefly (no rewrite: the new columns have constant defaults).
SET LOCAL search_path = kinora;

ALTER TABLE account ADD COLUMN consecutive_throttles integer NOT NULL DEFAULT 0,
    ADD COLUMN exhausted_at timestamptz,
    ADD CONSTRAINT account_throttles_not_negative CHECK (consecutive_throttles >= 0);
COMMENT ON COLUMN account.consecutive_throttles IS 'Refusals for rate or concurrency since the vendor last took a task. They make rests longer and never disable.';
COMMENT ON COLUMN account.exhausted_at IS 'When the vendor said that it cannot pay; null: it can. It gets no work until credits_micros rises or an operator enables it.';
COMMENT ON COLUMN account.consecutive_errors IS 'Account-level errors since the last success; those of tasks under way while it rests do not count. At the setting error_ban_threshold it is disabled.';
COMMENT ON COLUMN account.cooling_until IS 'End of the rest; in the past, it works again.';
COMMENT ON COLUMN account.state IS 'active; cooling: rests until cooling_until; disabled: by the operator or by errors, as state_reason says; invalid: its credentials were refused.';

CREATE FUNCTION account_refilled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.exhausted_at := NULL;
    NEW.state_reason := '';
    RETURN NEW;
END $$;
COMMENT ON FUNCTION account_refilled() IS 'Credits that have risen make an account that could not pay work again.';
CREATE TRIGGER account_refilled BEFORE UPDATE OF credits_micros ON account FOR EACH ROW
    WHEN (OLD.exhausted_at IS NOT NULL AND NEW.credits_micros > coalesce(OLD.credits_micros, 0))
    EXECUTE FUNCTION account_refilled();

-- Workers write an account's state with each refusal. Only what makes a vendor served or not is configuration; the
-- rest would have every process read everything again, and every write wait for config_version's only row.
DROP TRIGGER account_changed ON account;
CREATE TRIGGER account_changed AFTER INSERT OR DELETE ON account
    FOR EACH STATEMENT EXECUTE FUNCTION config_changed();
CREATE TRIGGER account_served_changed AFTER UPDATE OF vendor, state ON account FOR EACH ROW
    WHEN (OLD.vendor <> NEW.vendor
        OR (OLD.state IN ('active', 'cooling')) <> (NEW.state IN ('active', 'cooling')))
    EXECUTE FUNCTION config_changed();

CREATE OR REPLACE VIEW v_account_load AS
SELECT a.id, a.vendor, a.name, a.state, a.state_reason, a.cooling_until, a.slots,
       count(t.id)::integer AS slots_taken, a.credits_micros,
       a.exhausted_at, a.consecutive_errors, a.consecutive_throttles
FROM account a LEFT JOIN attempt t ON t.account_id = a.id AND t.finished_at IS NULL
GROUP BY a.id;

INSERT INTO setting (name, value, description) VALUES
    ('error_ban_threshold', '5', 'Errors of an account without a success between them that disable it; 0: never.');
