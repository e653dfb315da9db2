-- 015_cancellation.up.sql: watches what vendors still do for cancelled tasks.
-- A new table and a function: nothing is locked for longer than a moment.
SET LOCAL search_path = kinora;

CREATE TABLE cancellation (
    attempt_id bigint PRIMARY KEY REFERENCES attempt (id) ON DELETE CASCADE,
    asked_at timestamptz,
    due_at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX cancellation_due ON cancellation (due_at);
COMMENT ON TABLE cancellation IS 'Attempts of cancelled tasks that may still run at their vendor: they keep their slot until the vendor has ended them, or until the task''s deadline. A row goes with the end of its attempt.';
COMMENT ON COLUMN cancellation.attempt_id IS 'The attempt whose account and vendor task it is.';
COMMENT ON COLUMN cancellation.asked_at IS 'When the vendor was asked to stop; null: not yet, or it cannot.';
COMMENT ON COLUMN cancellation.due_at IS 'When the vendor is asked next, or how far a worker that asks may be away.';

-- Two statements, so that the second sees the attempt of a claim that the first one waited for.
CREATE FUNCTION cancel_task(short text, owner bigint)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = kinora
AS $$
DECLARE
    cancelled record;
BEGIN
    UPDATE task SET state = 'cancelled', phase = NULL, worker_id = NULL, due_at = NULL, finished_at = now(),
        claim = claim + 1
    WHERE "left"(replace(uid::text, '-', ''), 12) COLLATE "C" = short AND user_id = coalesce(owner, user_id)
        AND finished_at IS NULL
    RETURNING id, attempt INTO cancelled;
    INSERT INTO cancellation (attempt_id) SELECT p.id FROM attempt p
    WHERE p.task_id = cancelled.id AND p.number = cancelled.attempt AND p.finished_at IS NULL;
    RETURN cancelled.id;
END $$;
COMMENT ON FUNCTION cancel_task(text, bigint) IS 'Cancels the unfinished task whose id begins so (12 hex digits), of this owner (null: anybody''s). Its attempt stays open, and is watched, until its vendor has ended it. Null when there is no such task.';
