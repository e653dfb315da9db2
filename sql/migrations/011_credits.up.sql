-- 011_credits.up.sql: what a task costs at a vendor, and when an account's credit was last read.
-- New columns are nullable: no table is rewritten, and nothing is locked for longer than a moment.
SET LOCAL search_path = kinora;

ALTER TABLE route ADD COLUMN cost_micros bigint,
    ADD CONSTRAINT route_cost_not_negative CHECK (cost_micros >= 0);
COMMENT ON COLUMN route.cost_micros IS 'What a task costs here at most, in micro-units of the account''s credits: an account with less gets none. Null: unknown, so that an account with any credit may have it.';

ALTER TABLE account ADD COLUMN checked_at timestamptz, ADD COLUMN check_error text, ADD COLUMN low_since timestamptz;
COMMENT ON COLUMN account.checked_at IS 'When the vendor was last asked about it, by a test or for its credit; null: never.';
COMMENT ON COLUMN account.check_error IS 'What came of that: a code of docs/errors.md and details, never a secret; null: it answered well.';
COMMENT ON COLUMN account.low_since IS 'When its credit was first seen below the setting low_credit_threshold; null: it is not.';
COMMENT ON COLUMN account.credits_micros IS 'Credit left at the vendor when it was last read, micro-units; null: unknown or without limit.';

DROP VIEW v_queue;
DROP FUNCTION waiting_reason;

-- The conditions of the claim, asked for one kind of task. Names are whole, since people ask from anywhere;
-- without a SET of its own, so that it is planned as a part of whatever asks.
CREATE FUNCTION waiting_reason(asked_model text, pinned bigint, due timestamptz)
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
                ELSE coalesce(a.obstacle, CASE WHEN a.credits_micros < r.cost THEN 'credit' END) END AS o
            FROM kinora.v_account_load a JOIN (
                SELECT vendor, min(coalesce(cost_micros, 1)) AS cost FROM kinora.route
                WHERE model_id = asked_model AND (enabled OR pinned IS NOT NULL) GROUP BY vendor
            ) r USING (vendor)
            WHERE a.id = coalesce(pinned, a.id)
        ) a) c
$$;
COMMENT ON FUNCTION waiting_reason(text, bigint, timestamptz) IS 'Why a queued task of this model, pinned account (null: any) and due time is not started, until when if that is known, and how many accounts could run it: at their slot limit, proving themselves after a rest, resting, with too little credit, closed. turn: an account is free. docs/operations.md.';

CREATE VIEW v_queue AS
SELECT q.model_id, q.state, q.tasks, q.oldest_created_at, q.users, q.pinned_account_id, w.reason
FROM (
    SELECT model_id, state, count(*) AS tasks, min(created_at) AS oldest_created_at,
        count(DISTINCT user_id) AS users, min(due_at) AS due,
        CASE state WHEN 'queued' THEN pinned_account_id END AS pinned_account_id
    FROM task WHERE state IN ('queued', 'running', 'storing')
    GROUP BY model_id, state, CASE state WHEN 'queued' THEN pinned_account_id END) q
LEFT JOIN LATERAL waiting_reason(q.model_id, q.pinned_account_id, q.due) w ON q.state = 'queued';
COMMENT ON VIEW v_queue IS 'Unfinished tasks by model and state; those that wait by the account they are pinned to as well, with the reason that keeps the first of them.';
COMMENT ON COLUMN v_queue.reason IS 'As waiting_reason has it.';

INSERT INTO setting (name, value, description) VALUES
    ('low_credit_threshold', '0',
        'Credits of an account below which a refresh warns, once until it has more; 0: never.');
