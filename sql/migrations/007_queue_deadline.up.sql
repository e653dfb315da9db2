-- 007_queue_deadline.up.sql: finds queued tasks whose time is over: they were tried, and no account came back.
-- A small index: it holds only queued tasks that have run before. Blocks writes to task while it is built.
SET LOCAL search_path = kinora;
CREATE INDEX task_queued_deadline ON task (deadline_at) WHERE state = 'queued' AND deadline_at IS NOT NULL;
