-- 008_fair_queue.up.sql: lets a claim go from user to user, however many tasks one of them has queued.
-- Blocks writes to task while the index is built: stop `work` and `serve` when very many tasks are queued.
SET LOCAL search_path = kinora;
DROP INDEX task_queued;
CREATE INDEX task_queued ON task (model_id, priority, user_id, id) WHERE state = 'queued' AND pinned_account_id IS NULL;
