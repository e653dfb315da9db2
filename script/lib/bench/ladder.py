"""What each hop costs: from nginx alone to an authenticated read from the database."""

import os

import figures
from application import running
from load import KEY, SECONDS, Step, h2load
from machine import quiet, sql

ROUNDS = 5
CLIENTS = (1, 16, 64)
TASKS = 100_000

# So that the read has a table of some size to find its row in. What was read a moment ago comes from memory: the few
# tasks of a step, but not the many, which are more than it holds.
FILL = """
TRUNCATE kinora.task CASCADE;
WITH made AS (
    INSERT INTO kinora.task (user_id, key_id, model_id, kind, category, state, progress, attempt, due_at,
        created_at, started_at, finished_at)
    SELECT k.user_id, k.id, 'sora-2', 'video', 't2v', 'succeeded', 100, 1, NULL,
        now() - interval '1 hour', now() - interval '1 hour', now()
    FROM generate_series(1, :tasks), (SELECT * FROM kinora.api_key ORDER BY id LIMIT 1) k RETURNING id)
INSERT INTO kinora.task_input (task_id, uid, dialect, prompt, parameters)
SELECT id, gen_random_uuid(), 'openai-videos', 'a paper boat in the rain ' || id,
    '{"seconds": 4, "size": "720x1280"}' FROM made;
WITH made AS (
    INSERT INTO kinora.task (user_id, key_id, model_id, kind, category)
    SELECT k.user_id, k.id, 'sora-2', 'video', 't2v'
    FROM generate_series(1, 1000), (SELECT * FROM kinora.api_key ORDER BY id LIMIT 1) k RETURNING id)
INSERT INTO kinora.task_input (task_id, uid, dialect, prompt, parameters)
SELECT id, gen_random_uuid(), 'openai-videos', 'a paper boat in the rain ' || id,
    '{"seconds": 4, "size": "720x1280"}' FROM made;
VACUUM ANALYZE;
CHECKPOINT;
"""
SOME = """
SELECT 'sora-2-' || left(replace(i.uid::text, '-', ''), 12)
FROM kinora.task t JOIN kinora.task_input i ON i.task_id = t.id WHERE t.state = :'state'
ORDER BY random() LIMIT :count;
"""
FEW, MANY = 500, 30_000


def addresses(state, count):
    """Some tasks that are in a state."""
    return [f"/v1/videos/{row[0]}" for row in sql(SOME, f"state={state}", f"count={count}")]


def nginx_pids():
    return list(map(int, os.environ["BENCH_NGINX_PIDS"].split()))


def measure():
    nginx, postgres = nginx_pids(), int(os.environ["BENCH_POSTGRES_PID"])
    echo = int(os.environ["BENCH_ECHO_PID"])
    sql(FILL, f"tasks={TASKS}")
    finished, waiting, many = addresses("succeeded", FEW), addresses("queued", FEW), addresses("succeeded", MANY)
    with running("serve") as (kinora,):
        ours = [*nginx, kinora.pid]
        everything = [*ours, postgres]
        ladder = {
            "nothing": [Step("nginx alone", clients, nginx, "/bench/nothing") for clients in CLIENTS],
            "echo": [Step("C echo", clients, [*nginx, echo], "/bench/echo") for clients in CLIENTS],
            "hello": [Step("hello", clients, ours, "/livez") for clients in CLIENTS],
            "closing": [Step("hello, no kept connection", clients, ours, "/bench/closing") for clients in CLIENTS],
            "key": [Step("key check", clients, ours, "/v1/models/sora-2", key=KEY) for clients in CLIENTS],
            "read": [Step("finished task", clients, everything, key=KEY, paths=finished) for clients in CLIENTS],
            "poll": [Step("waiting task", clients, everything, key=KEY, paths=waiting) for clients in CLIENTS],
            "first": [Step("first read of a task", clients, everything, key=KEY, paths=many) for clients in CLIENTS],
        }
        steps = [step for rung in ladder.values() for step in rung]
        # Sessions are opened and statements planned before anything counts.
        for step in steps:
            step.measure(1)
            step.runs.clear()
        tls = []
        for _ in range(ROUNDS):
            with quiet():
                for step in steps:
                    step.measure()
                tls.append(h2load(os.environ["KINORA_URL"] + waiting[0], 16))
    return conclusions(ladder, tls), steps


def conclusions(ladder, tls):
    at = {name: {step.clients: step for step in rung} for name, rung in ladder.items()}
    how = f"wrk -t2 -c16 -d{SECONDS}s over plain HTTP; medians of {ROUNDS} rounds, each of which runs all steps in turn"

    def compare(name, upper, lower, how, **goal):
        return figures.ratio(name, at[upper][16].values("rate"), at[lower][16].values("rate"), "req/s", how, **goal)

    return [
        compare("C echo / nginx alone", "echo", "nothing", f"{how}: libfcgi in C behind nginx, kept connections"),
        compare("hello / C echo", "hello", "echo", f"{how}: GET /livez, answered without key or database"),
        compare("key check / hello", "key", "hello", f"{how}: GET /v1/models/sora-2, key checked in memory"),
        compare("finished task / hello", "read", "hello",
                f"{how}: GET /v1/videos/(id), {FEW} of {TASKS} finished tasks in turn, from memory after the first "
                "read of ten seconds", at_least=0.75),
        compare("waiting task / hello", "poll", "hello",
                f"{how}: the same of {FEW} waiting tasks", at_least=0.75),
        figures.bound("waiting task, p99", at["poll"][16].values("p99"), "ms", f"{how}: the same runs", 10),
        compare("first read of a task / hello", "first", "hello",
                f"{how}: GET /v1/videos/(id), {MANY} finished tasks in turn, each from the database"),
        figures.bound("first read of a task, p99", at["first"][16].values("p99"), "ms", f"{how}: the same runs", 10),
        figures.ratio("waiting task by TLS and HTTP/2 / plain", [rate for rate, _ in tls],
                      at["poll"][16].values("rate"), "req/s",
                      f"h2load -c16 -m1 -D{SECONDS} through the instance's own nginx configuration"),
        figures.bound("requests that failed", [sum(step.failed for rung in ladder.values() for step in rung)
                      + sum(failed for _, failed in tls)], "", "all runs of all steps", 0),
    ]
