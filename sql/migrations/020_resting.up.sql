-- 020_resting.up.sql: between two polls a task stays with its worker, which knows when the next one is due.
SET LOCAL search_path = kinora;

COMMENT ON COLUMN task.due_at IS
    'When others may take it: start of a queued task, end of a lease. When it is polled next, its worker knows.';
COMMENT ON COLUMN task.worker_id IS
    'The worker that looks after it, between two polls as well. No reference: a claim would lock the worker''s row.';

CREATE OR REPLACE VIEW v_stuck_task AS
SELECT t.id, t.uid, t.model_id, t.state, t.phase, t.progress, t.worker_id, w.heartbeat_at,
       t.due_at, now() - t.due_at AS overdue
FROM task t LEFT JOIN worker w ON w.id = t.worker_id
WHERE t.state IN ('running', 'storing')
    AND (t.due_at < now() - interval '30 seconds'
        OR t.due_at > now() + interval '30 seconds' AND coalesce(w.heartbeat_at < now() - interval '30 seconds', true));
COMMENT ON VIEW v_stuck_task IS
    'Running tasks that nobody looks after: due for long, or their worker silent or gone; empty on a healthy system.';
