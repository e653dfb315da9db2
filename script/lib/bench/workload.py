"""Tasks for the parts that measure the queue: how they get in, and what keeps them there."""

import contextlib
import json
import os
import ssl
import time
import urllib.request

from load import KEY, Step
from machine import sql

CLIENTS = 16
PROMPT = "a paper boat drifts through a city in the rain, seen from above"
BODY = '{"model":"sora-2","prompt":"%s","seconds":"4","size":"720x1280"}'


@contextlib.contextmanager
def room_for_everything():
    """Accounts with slots, and a queue with room, for whatever is measured."""
    sql("""
        CREATE TABLE IF NOT EXISTS public.bench_slots AS SELECT id, slots FROM kinora.account;
        UPDATE kinora.account SET slots = 100000, state = 'active', state_reason = '', cooling_until = NULL,
            consecutive_errors = 0, consecutive_throttles = 0;
        INSERT INTO kinora.setting (name, value, description) VALUES ('max_waiting_tasks', '10000000', 'script/bench')
        ON CONFLICT (name) DO UPDATE SET value = excluded.value;
    """)
    try:
        yield
    finally:
        sql("""
            UPDATE kinora.account a SET slots = b.slots FROM public.bench_slots b WHERE a.id = b.id;
            DROP TABLE public.bench_slots;
            DELETE FROM kinora.setting WHERE name = 'max_waiting_tasks';
        """)


def submit(tasks, prompt=PROMPT, key=KEY):
    """Submits at least so many over HTTP; `kinora serve` runs. Gives how many tasks there are then."""
    step = Step("fill", CLIENTS, [], "/v1/videos", key=key, method="POST", body=BODY % prompt)
    while (stored := count("true")) < tasks:
        step.measure(1)
        if step.failed:
            raise RuntimeError("a submit was refused")
    return stored


# Ids as far apart as random ones, of which no two have the same first 48 bits: an odd factor.
FILL = """
WITH owner AS (SELECT k.id AS key_id, user_id FROM kinora.api_key k ORDER BY k.id LIMIT 1),
made AS (
    INSERT INTO kinora.task (user_id, key_id, model_id, kind, category, state, progress, attempt, due_at,
        started_at, finished_at)
    SELECT user_id, key_id, 'sora-2', 'video', 't2v', :'state',
        CASE :'state' WHEN 'succeeded' THEN 100 ELSE 0 END, 0,
        CASE :'state' WHEN 'queued' THEN now() END, NULL,
        CASE :'state' WHEN 'succeeded' THEN now() END
    FROM generate_series(1, :tasks), owner RETURNING id)
INSERT INTO kinora.task_input (task_id, uid, dialect, prompt, parameters)
SELECT id, (lpad(to_hex((id * 173961102589771.0 % 281474976710656)::bigint), 12, '0')
        || '4000' || '8000' || lpad(to_hex(id), 12, '0'))::uuid,
    'openai-videos', :'prompt', '{"seconds": 4, "size": "720x1280"}' FROM made;
"""


def fill(tasks, state, prompt=PROMPT):
    """As `submit`, but by one statement: for tables of a size that requests would take too long to make."""
    sql(FILL, f"tasks={tasks}", f"state={state}", f"prompt={prompt}")
    sql("VACUUM ANALYZE; CHECKPOINT;")


def empty():
    """No task, no result and no log: pages that are made after the checkpoint are never written whole."""
    sql("TRUNCATE kinora.task, kinora.asset, kinora.request_log, kinora.event_log CASCADE")
    sql("VACUUM ANALYZE; CHECKPOINT;")


def count(condition):
    return int(sql(f"SELECT count(*) FROM kinora.task WHERE {condition}")[0][0])


def wait_until(condition, seconds, what, pause=0.05):
    """Seconds until `condition` held."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise RuntimeError(f"not within {seconds} s: {what}")
        time.sleep(pause)
    return time.monotonic() - began


def sandbox(method, path, **fields):
    """Asks the sandbox's own interface."""
    request = urllib.request.Request(
        f"{os.environ['SANDBOX_URL']}/_sandbox{path}", json.dumps(fields).encode() if fields else None,
        {"Content-Type": "application/json"}, method=method,
    )
    context = ssl.create_default_context(cafile=os.environ["KINORA_CA"])
    with urllib.request.urlopen(request, timeout=10, context=context) as reply:
        return reply.read()
