-- 013_usage.down.sql: takes the record of usage away, with all that stands in it.
SET LOCAL search_path = kinora;
DROP VIEW v_spend_by_day, v_usage, v_task_usage;
DROP TRIGGER task_usage ON task;
DROP FUNCTION task_usage();
DROP TABLE usage_pending, usage_day;
