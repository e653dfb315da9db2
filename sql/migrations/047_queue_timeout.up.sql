-- 047_queue_timeout.up.sql: how long a task may wait for its first account.
SET LOCAL search_path = kinora;

INSERT INTO setting (name, value, description) VALUES
    ('queue_timeout', '604800', 'Seconds a task may wait for its first account before it expires; 0: for ever.');
