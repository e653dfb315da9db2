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
from workload import BODY, PROMPT, count, empty, fill, room_for_everything, wait_until

ROUNDS = 5
TASKS = int(os.environ.get("KINORA_BENCH_TASKS", "1000000"))
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
    failed = count("state = 'failed'")
    sql("ALTER ROLE kinora SET log_min_duration_statement = 0")
    try:
        with open(LOG, encoding="utf-8", errors="replace") as log:
            log.seek(0, os.SEEK_END)
            with quiet(), running("work", KINORA_CALLS_MAX=CALLS):
                wait_until(lambda: count("state = 'failed'") - failed >= CLAIMED, 120, "tasks that are refused", 0.2)
            spent = re.findall(r"duration: ([\d.]+) ms  execute task_claim:", log.read())
    finally:
        sql("ALTER ROLE kinora RESET log_min_duration_statement")
    claimed = count("state = 'failed'") - failed
    sql("DELETE FROM kinora.task WHERE state = 'failed'")
    return sum(map(float, spent)) / claimed


def rates():
    """Submits and reads a second, each as a share of the hellos a second beside it."""
    sql("DELETE FROM kinora.task WHERE state = 'queued'")
    fill(MANY, "queued")
    waiting = addresses("queued", MANY)
    hello = Step("hello", CLIENTS, [], "/livez")
    read = Step("read", CLIENTS, [], key=KEY, paths=waiting)
    submitted = Step("submit", CLIENTS, [], "/v1/videos", key=KEY, method="POST", body=BODY % PROMPT)
    found = {"submit": [], "read": []}
    with running("serve"):
        for _ in range(ROUNDS):
            with quiet():
                pace = hello.measure(1).rate
                found["read"].append(read.measure().rate / pace)
                found["submit"].append(submitted.measure().rate / pace)
    if read.failed + submitted.failed:
        raise RuntimeError("requests failed")
    sql("DELETE FROM kinora.task WHERE state = 'queued'")
    return found


def neighbour_seconds():
    """How long new tasks of another user wait, each on its own, while the long queue of the first is worked off."""
    command = [*as_owner(), f"{HOME}/bin/kinora", "key", "create", "--user", "neighbour", "--json"]
    made = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=HOME).stdout)
    with quiet(), running("serve", "work", KINORA_CALLS_MAX=CALLS):
        for _ in range(NEIGHBOURS):
            submit_once(made["key"])
            time.sleep(0.2)
        mine = "key_id = (SELECT id FROM kinora.api_key WHERE public_id = '%s')" % made["id"]
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
    with room_for_everything(), running("sandbox"):
        alone = [claim_milliseconds() for _ in range(ROUNDS)]
        few = rates()
        fill(TASKS, "succeeded")
        # Before the submits, as without those tasks: what they leave behind is being swept up for a while.
        after = [claim_milliseconds() for _ in range(ROUNDS)]
        many = rates()
        empty()
        fill(TASKS, "queued", REFUSED)
        behind = [claim_milliseconds() for _ in range(ROUNDS)]
        waits = neighbour_seconds()
    empty()
    return conclusions(alone, few, many, after, behind, waits), []


def conclusions(alone, few, many, after, behind, waits):
    tasks = f"{TASKS:,}"
    claims = f"PostgreSQL's own time for all claims of {CLAIMED} tasks, per task, {ROUNDS} times with and {ROUNDS} " \
        "without; "
    pace = f"wrk -c{CLIENTS}, per hello of the same second, {ROUNDS} runs with and {ROUNDS} without {tasks} " \
        "finished tasks"
    return [
        figures.bound(f"another user's wait behind {tasks} tasks", [max(waits)], "s",
                      f"submit to attempt of {len(waits)} single tasks while {tasks} of one user wait; the slowest", 1),
        figures.ratio(f"claim, {tasks} queued / none", behind, alone, "ms", f"{claims}all of one user", at_most=1.2),
        figures.ratio(f"claim, {tasks} finished / none", after, alone, "ms", claims + "finished ones", at_most=1.1),
        figures.ratio(f"submit, {tasks} finished / none", many["submit"], few["submit"], "per hello", pace,
                      at_least=0.9),
        figures.ratio(f"read, {tasks} finished / none", many["read"], few["read"], "per hello", pace, at_least=0.9),
    ]
