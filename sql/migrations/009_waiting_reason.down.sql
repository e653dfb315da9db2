-- 009_waiting_reason.down.sql: back to views that give no reasons.
SET LOCAL search_path = kinora;
DROP VIEW v_queue;
CREATE VIEW v_queue AS
SELECT model_id, state, count(*) AS tasks, min(created_at) AS oldest_created_at,
       count(DISTINCT user_id) AS users
FROM task WHERE state IN ('queued', 'running', 'storing')
GROUP BY model_id, state;
COMMENT ON VIEW v_queue IS 'Unfinished tasks by model and state.';
DROP FUNCTION waiting_reason;
DROP VIEW v_account_load;
CREATE VIEW v_account_load AS
SELECT a.id, a.vendor, a.name, a.state, a.state_reason, a.cooling_until, a.slots,
       count(t.id)::integer AS slots_taken, a.credits_micros,
       a.exhausted_at, a.consecutive_errors, a.consecutive_throttles
FROM account a LEFT JOIN attempt t ON t.account_id = a.id AND t.finished_at IS NULL
GROUP BY a.id;
COMMENT ON VIEW v_account_load IS 'How busy each account is.';
