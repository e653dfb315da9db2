-- 012_money.down.sql: takes prices, quota, codes and the ledger away, with all that stands in them.
SET LOCAL search_path = kinora;
DROP VIEW v_ledger_fault;
DROP TRIGGER task_settle ON task;
DROP TRIGGER task_hold ON task;
DROP TRIGGER task_require_quota ON task;
DROP FUNCTION task_settle(), task_hold(), task_require_quota(), require_quota(bigint, bigint, bigint);
DROP FUNCTION redeem(bigint, bigint, bytea, integer);
DROP TABLE redemption_miss, redemption_code, code_batch, ledger, key_spend, wallet, price;
DROP FUNCTION ledger_book(), ledger_refuse();
COMMENT ON COLUMN api_key.quota_cap_micros IS 'Most the key may spend of its user''s quota, micro-units; null: no cap.';
COMMENT ON COLUMN task.price_micros IS 'Price fixed at acceptance, micro-units.';

CREATE OR REPLACE FUNCTION task_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.finished_at IS NOT NULL AND (NEW.state, NEW.finished_at, NEW.progress, NEW.error_code, NEW.price_micros)
            IS DISTINCT FROM (OLD.state, OLD.finished_at, OLD.progress, OLD.error_code, OLD.price_micros) THEN
        RAISE EXCEPTION 'task % is %: a final state never changes', OLD.id, OLD.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'task_final_is_final';
    END IF;
    IF NEW.progress < OLD.progress THEN
        RAISE EXCEPTION 'task %: progress never falls (% to %)', OLD.id, OLD.progress, NEW.progress
            USING ERRCODE = 'check_violation', CONSTRAINT = 'task_progress_never_falls';
    END IF;
    IF NEW.claim < OLD.claim THEN
        RAISE EXCEPTION 'task %: the claim number never falls', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'task_claim_never_falls';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION task_guard() IS 'Refuses a change of a final state, and progress or claim numbers that fall.';
DROP TRIGGER task_guard ON task;
CREATE TRIGGER task_guard BEFORE UPDATE ON task FOR EACH ROW
    WHEN (OLD.finished_at IS NOT NULL OR NEW.progress < OLD.progress OR NEW.claim < OLD.claim)
    EXECUTE FUNCTION task_guard();
