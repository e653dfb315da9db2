-- 011_credits.down.sql: takes costs and checks back; what a task costs is again the price that its client pays.
SET LOCAL search_path = kinora;
DELETE FROM setting WHERE name = 'low_credit_threshold';
DROP VIEW v_queue;
DROP FUNCTION waiting_reason;
-- The conditions of the claim, asked for one kind of task. Names are whole, since people ask from anywhere;
-- without a SET of its own, so that it is planned as a part of whatever asks.
CREATE FUNCTION waiting_reason(asked_model text, price bigint, pinned bigint, due timestamptz)
RETURNS TABLE (reason text, until timestamptz, accounts integer, taken integer, proving integer,
    resting integer, poor integer, closed integer)
LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN due > now() THEN 'later'
            WHEN c.free > 0 THEN CASE WHEN EXISTS (SELECT FROM kinora.worker
                WHERE heartbeat_at > now() - interval '10 s') THEN 'turn' ELSE 'no_worker' END
            WHEN c.taken > 0 THEN 'slots' WHEN c.proving > 0 THEN 'proof' WHEN c.resting > 0 THEN 'rest'
            WHEN c.poor > 0 THEN 'credit' WHEN c.closed > 0 THEN 'disabled' ELSE 'no_account' END,
        CASE WHEN due > now() THEN due WHEN c.free + c.taken + c.proving = 0 THEN c.rest_ends END,
        c.accounts, c.taken, c.proving, c.resting, c.poor, c.closed
    FROM (
        SELECT count(*)::integer AS accounts, count(*) FILTER (WHERE o IS NULL) AS free,
            count(*) FILTER (WHERE o = 'slots')::integer AS taken,
            count(*) FILTER (WHERE o = 'proof')::integer AS proving,
            count(*) FILTER (WHERE o = 'rest')::integer AS resting,
            min(cooling_until) FILTER (WHERE o = 'rest') AS rest_ends,
            count(*) FILTER (WHERE o = 'credit')::integer AS poor,
            count(*) FILTER (WHERE o IN ('credential', 'disabled'))::integer AS closed
        FROM (
            SELECT a.cooling_until, CASE WHEN pinned IS NULL AND NOT a.is_open THEN 'disabled'
                ELSE coalesce(a.obstacle, CASE WHEN price > a.credits_micros THEN 'credit' END) END AS o
            FROM kinora.v_account_load a
            WHERE a.id = coalesce(pinned, a.id) AND a.vendor = ANY (ARRAY(SELECT r.vendor
                FROM kinora.route r WHERE r.model_id = asked_model AND (r.enabled OR pinned IS NOT NULL)))
        ) a) c
$$;
COMMENT ON FUNCTION waiting_reason(text, bigint, bigint, timestamptz) IS 'Why a queued task of this model, price, pinned account (null: any) and due time is not started, until when if that is known, and how many accounts could run it: at their slot limit, proving themselves after a rest, resting, with too little credit, closed. turn: an account is free. docs/operations.md.';

CREATE VIEW v_queue AS
SELECT q.model_id, q.state, q.tasks, q.oldest_created_at, q.users, q.pinned_account_id, w.reason
FROM (
    SELECT model_id, state, count(*) AS tasks, min(created_at) AS oldest_created_at,
        count(DISTINCT user_id) AS users, min(price_micros) AS price, min(due_at) AS due,
        CASE state WHEN 'queued' THEN pinned_account_id END AS pinned_account_id
    FROM task WHERE state IN ('queued', 'running', 'storing')
    GROUP BY model_id, state, CASE state WHEN 'queued' THEN pinned_account_id END) q
LEFT JOIN LATERAL waiting_reason(q.model_id, q.price, q.pinned_account_id, q.due) w ON q.state = 'queued';
COMMENT ON VIEW v_queue IS 'Unfinished tasks by model and state; those that wait by the account they are pinned to as well, with the reason that keeps the first and cheapest of them.';
COMMENT ON COLUMN v_queue.reason IS 'As waiting_reason has it.';
ALTER TABLE account DROP COLUMN low_since, DROP COLUMN check_error, DROP COLUMN checked_at;
COMMENT ON COLUMN account.credits_micros IS 'Credit left at the vendor, micro-units; null: unknown.';
ALTER TABLE route DROP COLUMN cost_micros;
