"""Ten thousand tasks at a vendor at once: how late the worker looks after them, and what it holds in memory."""

import time

import figures
from application import running
from machine import quiet, sql
from workload import count, empty, room_for_everything, sandbox, submit, wait_until

TASKS = 10_000
# So long that none ends meanwhile, and known to Kinora: each is polled every 20 s, its longest interval.
TASK_SECONDS = 900
SECONDS = 30
# Calls at once. The sandbox is one process on these cores: a flood would only measure its time-outs.
CALLS = 64

AT_VENDOR = "state = 'running' AND phase = 'waiting'"
# For each poll, when the task was due, when it was claimed, and when the poll's outcome was written. The poll was
# sent between the last two.
SET_UP = """
CREATE TABLE IF NOT EXISTS public.bench_poll (task_id bigint PRIMARY KEY, due_at timestamptz, claimed_at timestamptz);
CREATE TABLE IF NOT EXISTS public.bench_lag (claimed float8, answered float8);
CREATE OR REPLACE FUNCTION public.bench_note_poll() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF NEW.worker_id IS NOT NULL THEN
        INSERT INTO public.bench_poll VALUES (NEW.id, OLD.due_at, clock_timestamp())
        ON CONFLICT (task_id) DO UPDATE SET due_at = excluded.due_at, claimed_at = excluded.claimed_at;
    ELSE
        INSERT INTO public.bench_lag
        SELECT extract(epoch FROM claimed_at - due_at), extract(epoch FROM clock_timestamp() - due_at)
        FROM public.bench_poll WHERE task_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
TRUNCATE public.bench_poll, public.bench_lag;
"""
WATCH = """
CREATE TRIGGER bench_note_poll AFTER UPDATE ON kinora.task FOR EACH ROW
    WHEN (OLD.state = 'running' AND OLD.phase = 'waiting' AND OLD.worker_id IS DISTINCT FROM NEW.worker_id)
    EXECUTE FUNCTION public.bench_note_poll();
"""
TAKE_DOWN = "DROP TRIGGER IF EXISTS bench_note_poll ON kinora.task"
LAGS = """
SELECT count(*), percentile_cont(0.99) WITHIN GROUP (ORDER BY claimed),
    percentile_cont(0.99) WITHIN GROUP (ORDER BY answered) FROM public.bench_lag
"""


def measure():
    empty()
    sql(TAKE_DOWN)
    sql(SET_UP)
    sql(f"UPDATE kinora.route SET usual_seconds = {TASK_SECONDS}")
    try:
        with room_for_everything(), running("sandbox"), quiet():
            sandbox("POST", "/settings", task_seconds=TASK_SECONDS, render="none")
            with running("serve"):
                submit(TASKS)
            with running("work", KINORA_CALLS_MAX=str(CALLS)) as (worker,):
                on_the_way = "state = 'queued' OR phase = 'submitting'"
                wait_until(lambda: count(on_the_way) == 0, 240, "all tasks at the vendor", 0.5)
                tasks = count(AT_VENDOR)
                if tasks < TASKS:
                    raise RuntimeError(f"only {tasks} tasks at the vendor")
                # One round of polls, so that those of the beginning are not among what is measured.
                time.sleep(20)
                sql(WATCH)
                time.sleep(SECONDS)
                polls, claimed, answered = map(float, sql(LAGS)[0])
                memory = worker.resident_mebibytes()
                if count(AT_VENDOR) < tasks:
                    raise RuntimeError("tasks have ended meanwhile")
    finally:
        sql(TAKE_DOWN)
        sql("UPDATE kinora.route SET usual_seconds = NULL")
        empty()
    how = f"{tasks} tasks at the sandbox, behind nginx by TLS, kinora work alone with " \
        f"{CALLS} calls at once; {polls:.0f} polls in {SECONDS} s"
    return [
        figures.bound("lag in flight, due to answered, p99", [answered], "s",
                      f"{how}; from a task's due time to the poll's outcome on record, sending and answer included", 1),
        figures.bound("lag in flight, due to claimed, p99", [claimed], "s", f"{how}; from due to claimed"),
        figures.bound("memory in flight", [memory], "MiB", f"{how}; the worker's VmRSS at the end", 150),
    ], []
