-- 003_webhooks.down.sql: takes endpoints and the log of their deliveries away.
SET LOCAL search_path = kinora;
DROP TRIGGER task_webhook ON task;
DROP FUNCTION task_webhook();
DROP TABLE webhook_delivery;
DROP TABLE webhook_endpoint;
