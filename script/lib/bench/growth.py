"""What a million tasks cost everybody else: a million that wait, and a million that have ended."""

import http.client
import json
import os
import re
import subprocess
import time

import figures
from application import running
from ladder import MANY, addresses
from load import KEY, Step
from machine import HOME, PORT, as_owner, quiet, sql
from twin import empty_twin, in_empty_twin
from workload import BODY, PROMPT, count, empty, fill, room_for_everything, wait_until

ROUNDS = 5
TASKS = int(os.environ.get("KINORA_BENCH_TASKS", "1000000"))
# The setting's highest value, less what is submitted meanwhile.
WAITING = min(TASKS, 9_900_000)
CLAIMED = 4000
CLIENTS = 16
# Calls at once. The sandbox is one process on these cores: a flood would end in time-outs, and in rests.
CALLS = "64"
NEIGHBOURS = 10
# Refused by the vendor at once: what is claimed makes room for the next claim.
REFUSED = "[sandbox:content_refusal]"
LOG = f"{HOME}/log/postgres.log"


def claim_milliseconds():
    """What PostgreSQL took to claim a task: all claims of a worker that runs until some thousand tasks are through,
    by the server's own log."""
    fill(CLAIMED, "queued", REFUSED)
    sql("ALTER ROLE kinora SET log_min_duration_statement = 0")
    try:
        with open(LOG, encoding="utf-8", errors="replace") as log:
            log.seek(0, os.SEEK_END)
            with quiet(), running("work", KINORA_CALLS_MAX=CALLS):
                wait_until(lambda: refused() >= CLAIMED, 120, "tasks that are refused", 0.2)
            spent = re.findall(r"duration: ([\d.]+) ms  execute task_claim:", log.read())
    finally:
        sql("ALTER ROLE kinora RESET log_min_duration_statement")
    claimed = refused()
    sql("DELETE FROM kinora.task WHERE state = 'failed'")
    return sum(map(float, spent)) / claimed


def refused():
    """How many tasks the vendor has refused. By their attempts, since no others have one: to look for them among a
    million tasks, five times a second, takes more than what is measured."""
    return int(sql("SELECT count(*) FROM kinora.attempt WHERE finished_at IS NOT NULL")[0][0])


def rates():
    """Submits and reads a second, each as a share of the hellos a second beside it."""
    sql("DELETE FROM kinora.task WHERE state = 'queued'")
    fill(MANY, "queued")
    waiting = addresses("queued", MANY)
    hello = Step("hello", CLIENTS, [], "/livez")
    read = Step("read", CLIENTS, [], key=KEY, paths=waiting)
    submitted = Step("submit", CLIENTS, [], "/v1/videos", key=KEY, method="POST", body=BODY % PROMPT)
    with quiet(), running("serve"):
        pace = hello.measure(1).rate
        shares = read.measure().rate / pace, submitted.measure().rate / pace
    if read.failed + submitted.failed:
        raise RuntimeError("requests failed")
    sql("DELETE FROM kinora.task WHERE state = 'queued'")
    return shares


def beside_empty(measured):
    """What `measured` gives among the tasks there are, and without any, in pairs; each comes first in every other."""
    filled, alone = [], []
    for turn in range(ROUNDS):
        if turn % 2 == 1:
            filled.append(measured())
        with in_empty_twin():
            alone.append(measured())
        if turn % 2 == 0:
            filled.append(measured())
    return filled, alone


def neighbour_seconds():
    """How long new tasks of another user wait, each on its own, while the long queue of the first is worked off."""
    command = [*as_owner(), f"{HOME}/bin/kinora", "key", "create", "--user", "neighbour", "--json"]
    made = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=HOME).stdout)
    with quiet(), running("serve", "work", KINORA_CALLS_MAX=CALLS):
        for _ in range(NEIGHBOURS):
            submit_once(made["key"])
            time.sleep(0.2)
        user = sql("SELECT user_id FROM kinora.api_key WHERE public_id = '%s'" % made["id"])[0][0]
        # The number itself: PostgreSQL then knows how few these are, and takes the index.
        mine = f"user_id = {user}"
        wait_until(lambda: count(f"{mine} AND attempt = 0") == 0, 60, "the neighbour's tasks claimed")
    rows = sql(f"""
        SELECT extract(epoch FROM a.started_at - t.created_at) FROM kinora.task t
        JOIN kinora.attempt a ON a.task_id = t.id AND a.number = 1 WHERE {mine}
    """)
    subprocess.run([*as_owner(), f"{HOME}/bin/kinora", "key", "revoke", made["id"]], check=True, cwd=HOME,
                   capture_output=True)
    return [float(row[0]) for row in rows]


def submit_once(key):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/videos", BODY % REFUSED, headers)
    if connection.getresponse().status != 200:
        raise RuntimeError("the neighbour's submit was refused")
    connection.close()


def measure():
    empty()
    with room_for_everything(), running("sandbox"), empty_twin():
        fill(TASKS, "succeeded")
        # Before the submits: what those leave behind is being swept up for a while.
        finished = beside_empty(claim_milliseconds)
        served = beside_empty(rates)
        empty()
        fill(WAITING, "queued", REFUSED)
        queued = beside_empty(claim_milliseconds)
        waits = neighbour_seconds()
    empty()
    return conclusions(finished, served, queued, waits), []


def conclusions(finished, served, queued, waits):
    tasks, waiting = f"{TASKS:,}", f"{WAITING:,}"
    claims = f"PostgreSQL's own time for all claims of {CLAIMED} tasks, per task, {ROUNDS} times with and {ROUNDS} " \
        "without in turn; "
    pace = f"wrk -c{CLIENTS}, per hello of the same second, {ROUNDS} runs with and {ROUNDS} without {tasks} " \
        "finished tasks in turn"
    (many_reads, many_submits), (reads, submits) = (zip(*shares) for shares in served)
    return [
        figures.bound(f"another user's wait behind {waiting} tasks", [max(waits)], "s",
                      f"submit to attempt of {len(waits)} single tasks while {waiting} of one user wait; the slowest",
                      1),
        figures.ratio(f"claim, {waiting} queued / none", *queued, "ms", f"{claims}all of one user", at_most=1.2),
        figures.ratio(f"claim, {tasks} finished / none", *finished, "ms", claims + "finished ones", at_most=1.1),
        figures.ratio(f"submit, {tasks} finished / none", many_submits, submits, "per hello", pace,
                      at_least=0.9),
        figures.ratio(f"read, {tasks} finished / none", many_reads, reads, "per hello", pace, at_least=0.9),
    ]
