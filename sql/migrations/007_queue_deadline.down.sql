-- 007_queue_deadline.down.sql: takes the index back.
SET LOCAL search_path = kinora;
DROP INDEX task_queued_deadline;
