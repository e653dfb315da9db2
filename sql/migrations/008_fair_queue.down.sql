-- 008_fair_queue.down.sql: back to age alone within a priority.
SET LOCAL search_path = kinora;
DROP INDEX task_queued;
CREATE INDEX task_queued ON task (model_id, priority, id) WHERE state = 'queued' AND pinned_account_id IS NULL;
