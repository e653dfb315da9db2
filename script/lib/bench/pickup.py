"""From a submit's commit to the moment that a worker has taken the task."""

import http.client
import json
import os
import random
import statistics
import subprocess
import time
from contextlib import contextmanager

import figures
from application import running
from load import KEY
from machine import HOME, PORT, as_owner, quiet, sql

ROUNDS = 5
TASKS = 300

# PostgreSQL itself says when each of the two transactions was committed. The claim's number is noted by the default of
# a column, since the attempt is written again afterwards; the submit's is that of the input, which never is.
SET_UP = """
CREATE TABLE IF NOT EXISTS public.bench_handover (added xid NOT NULL, taken xid);
GRANT INSERT, SELECT, UPDATE ON public.bench_handover TO kinora;
ALTER TABLE kinora.attempt ADD COLUMN IF NOT EXISTS bench_claim xid;
ALTER TABLE kinora.attempt ALTER COLUMN bench_claim SET DEFAULT pg_current_xact_id()::xid;
"""
TAKE_DOWN = "ALTER TABLE kinora.attempt DROP COLUMN bench_claim"
EMPTY = "TRUNCATE kinora.task CASCADE; TRUNCATE public.bench_handover; CHECKPOINT;"
# Refused by the vendor at once, so that the worker is idle again when the next task comes.
BODY = json.dumps({"model": "sora-2", "prompt": "[sandbox:content_refusal]", "seconds": "4"})
TIMES = """
SELECT extract(epoch FROM a.started_at - t.created_at) * 1000,
       extract(epoch FROM pg_xact_commit_timestamp(a.bench_claim) - pg_xact_commit_timestamp(i.xmin)) * 1000
FROM kinora.task t JOIN kinora.task_input i ON i.task_id = t.id
JOIN kinora.attempt a ON a.task_id = t.id AND a.number = 1
ORDER BY t.id
"""
LEAST = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(taken) - pg_xact_commit_timestamp(added)) * 1000
FROM public.bench_handover
"""


@contextmanager
def handover():
    """What the machine and PostgreSQL need for the least there could be: a function that hands over one row."""
    command = [*as_owner(), f"{HOME}/bin/handover", os.environ["DATABASE_URL"]]
    with subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/") as process:

        def expect(word):
            if process.stdout.readline() != f"{word}\n":
                raise RuntimeError("handover has ended: see what it says above")

        def hand_over():
            process.stdin.write("\n")
            process.stdin.flush()
            expect("taken")

        expect("ready")
        yield hand_over
        process.stdin.close()


def submit_slowly(hand_over):
    """One submit after the other, with pauses in which the worker comes to rest. Their lengths differ, so that no
    rhythm of the worker's own can hide. After each the least of its kind, in whatever minute the machine has."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    for _ in range(TASKS):
        connection.request("POST", "/v1/videos", BODY, headers)
        reply = connection.getresponse()
        reply.read()
        if reply.status != 200:
            raise RuntimeError(f"a submit was answered {reply.status}")
        time.sleep(random.uniform(0.015, 0.03))
        hand_over()
        time.sleep(random.uniform(0.015, 0.03))
    connection.close()


def times():
    """The two times of each task in milliseconds, once a worker has had them all."""
    deadline = time.monotonic() + 10
    while len(rows := sql(TIMES)) < TASKS:
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {len(rows)} of {TASKS} tasks were picked up")
        time.sleep(0.1)
    return [[float(value) for value in column] for column in zip(*rows)]


def measure():
    sql(SET_UP)
    results = []
    try:
        with running("sandbox"):
            for verbs in (("all",), ("serve", "work")):
                results += measure_with(verbs)
    finally:
        sql(TAKE_DOWN)
    return results, []


def measure_with(verbs):
    begun, committed, least = [], [], []
    for _ in range(ROUNDS):
        sql(EMPTY)
        with quiet(), running(*verbs), handover() as hand_over:
            submit_slowly(hand_over)
            created_to_started, commit_to_commit = times()
            begun.append(statistics.quantiles(created_to_started, n=100))
            committed.append(statistics.quantiles(commit_to_commit, n=100))
            least.append(statistics.quantiles([float(row[0]) for row in sql(LEAST)], n=100))
    name = "one process" if len(verbs) == 1 else "two processes"
    how = f"{TASKS} single submits 30 to 60 ms apart, kinora {' and '.join(verbs)}; median of {ROUNDS} rounds; "
    claim = (
        how + "from the submit's commit to the commit of the claim, by PostgreSQL's commit timestamps, beside a row "
        "that one session adds and another, notified, changes"
    )
    start = how + "task.created_at to attempt.started_at"
    results = []
    for percent, goal in ((50, 2), (99, 10)):
        values, references = ([q[percent - 1] for q in quantiles] for quantiles in (committed, least))
        results.append(figures.bound(f"pick-up, {name}, p{percent}", values, "ms", claim, goal, references))
    for percent, goal in ((50, 2), (99, 10)):
        values = [q[percent - 1] for q in begun]
        results.append(figures.bound(f"pick-up begun, {name}, p{percent}", values, "ms", start, goal))
    return results
