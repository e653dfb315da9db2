"""What a worker that is killed leaves behind, and how soon another one goes on with it."""

import figures
from application import Application, running
from machine import quiet, sql
from workload import count, empty, fill, room_for_everything, sandbox, wait_until

ROUNDS = 5
HELD = 100


def measure():
    times = []
    with room_for_everything(), running("sandbox"):
        for _ in range(ROUNDS):
            with quiet():
                times.append(kill_one())
    empty()
    how = f"kill -9 of a worker that looks after {HELD} tasks; another worker runs; from the kill " \
        f"until every one of them has been claimed anew; the slowest of {ROUNDS} rounds"
    return [figures.bound("recovery after kill -9", [max(times)], "s", how, 15)], []


def kill_one():
    empty()
    fill(HELD, "queued")
    sandbox("DELETE", "")
    sandbox("POST", "/settings", task_seconds=600, render="none")
    victim = Application("work")
    try:
        victim.wait_for(victim.has_started)
        held = "worker_id IS NOT NULL AND state = 'running' AND phase = 'waiting'"
        wait_until(lambda: count(held) == HELD, 60, "tasks at the vendor")
        rows = sql(f"SELECT id, claim FROM kinora.task WHERE {held}")
        with running("work"):
            victim.process.kill()
            still = " OR ".join(f"id = {row} AND claim = {claim}" for row, claim in rows)
            return wait_until(lambda: count(still) == 0, 60, "tasks that move again")
    finally:
        if victim.process.poll() is None:
            victim.process.kill()
        victim.process.wait()
        victim.log.close()
