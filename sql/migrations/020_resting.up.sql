-- 020_resting.up.sql: between two polls a task stays with its worker, which remembers how to reach the account.
SET LOCAL search_path = kinora;

-- Processes hold copies of what this says; they hear of a change as of any other.
CREATE TRIGGER account_connection_changed
    AFTER UPDATE OF vendor, base_url, region, proxy_url, credential_sealed ON account
    FOR EACH STATEMENT EXECUTE FUNCTION config_changed();

COMMENT ON COLUMN task.due_at IS
    'When others may take it: start of a queued task, end of a lease. When it is polled next, its worker knows.';
COMMENT ON COLUMN task.worker_id IS
    'The worker that looks after it, between two polls as well. No reference: a claim would lock the worker''s row.';
