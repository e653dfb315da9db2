-- 015_cancellation.down.sql: forgets what is watched, and frees its slots.
SET LOCAL search_path = kinora;
UPDATE attempt SET outcome = 'unknown', finished_at = now()
WHERE finished_at IS NULL AND id IN (SELECT attempt_id FROM cancellation);
DROP FUNCTION cancel_task;
DROP TABLE cancellation;
