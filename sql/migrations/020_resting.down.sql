-- 020_resting.down.sql: tasks are given back between two polls, as the version before expects.
SET LOCAL search_path = kinora;
UPDATE task SET worker_id = NULL, due_at = now() WHERE worker_id IS NOT NULL AND state IN ('running', 'storing');
COMMENT ON COLUMN task.due_at IS
    'When somebody must look at it again: start of a queued task, next poll, or end of a lease.';
COMMENT ON COLUMN task.worker_id IS
    'The worker that acts on it now; null between actions. '
    'No reference: it would lock the worker''s row at each claim.';
CREATE OR REPLACE VIEW v_stuck_task AS
SELECT t.id, t.uid, t.model_id, t.state, t.phase, t.progress, t.worker_id, w.heartbeat_at,
       t.due_at, now() - t.due_at AS overdue
FROM task t LEFT JOIN worker w ON w.id = t.worker_id
WHERE t.state IN ('running', 'storing') AND t.due_at < now() - interval '30 seconds';
COMMENT ON VIEW v_stuck_task IS 'Running tasks that nobody looked at in time; empty on a healthy system.';
