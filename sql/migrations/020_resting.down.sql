-- 020_resting.down.sql: tasks are given back between two polls, as the version before expects.
SET LOCAL search_path = kinora;
UPDATE task SET worker_id = NULL, due_at = now()
WHERE worker_id IS NOT NULL AND phase IN ('waiting', 'postprocessing');
COMMENT ON COLUMN task.due_at IS
    'When somebody must look at it again: start of a queued task, next poll, or end of a lease.';
COMMENT ON COLUMN task.worker_id IS
    'The worker that acts on it now; null between actions. '
    'No reference: it would lock the worker''s row at each claim.';
DROP TRIGGER account_connection_changed ON account;
