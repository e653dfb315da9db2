"""Ten thousand tasks at a vendor at once: how late the worker looks after them, and what it holds in memory."""

import os
import re
import time

import figures
from application import running
from machine import HOME, quiet, sql
from workload import count, empty, room_for_everything, sandbox, submit, wait_until

TASKS = 10_000
# So long that none ends meanwhile, and known to Kinora: each is polled every 20 s, its longest interval.
TASK_SECONDS = 900
SECONDS = 60
# Calls at once. The sandbox is one process on these cores: a flood would only measure its time-outs.
CALLS = 64

INTERVAL = 20

AT_VENDOR = "state = 'running' AND phase = 'waiting'"
POLL = re.compile(r'"epoch":([0-9.]+).*"method":"GET","path":"/openai/v1/videos/(video_[0-9a-f]+)"')


def lags(log, start):
    """For each poll but a task's first, by how many seconds more than the interval it was answered after the one
    before. The worker waits for the interval from one answer on, so what is above it is lag: waiting for a free call,
    sending, and the answer."""
    last, found = {}, []
    log.seek(start)
    for line in log:
        if poll := POLL.search(line):
            at, task = float(poll[1]), poll[2]
            if task in last:
                found.append(at - last[task] - INTERVAL)
            last[task] = at
    return sorted(found)


def measure():
    empty()
    sql(f"UPDATE kinora.route SET usual_seconds = {TASK_SECONDS}")
    try:
        with room_for_everything(), running("sandbox"), quiet(), \
                open(f"{HOME}/log/nginx-sandbox.log", encoding="utf-8") as log:
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
                time.sleep(INTERVAL)
                start = log.seek(0, os.SEEK_END)
                before = written()
                time.sleep(SECONDS)
                wal = (written() - before) / SECONDS
                polls = lags(log, start)
                memory = worker.resident_mebibytes()
                if count(AT_VENDOR) < tasks:
                    raise RuntimeError("tasks have ended meanwhile")
    finally:
        sql("UPDATE kinora.route SET usual_seconds = NULL")
        empty()
    how = f"{tasks} tasks at the sandbox, behind nginx by TLS, kinora work alone with " \
        f"{CALLS} calls at once; {len(polls)} polls after another of the same task, in {SECONDS} s"
    return [
        figures.bound("lag in flight, due to answered, p99", [polls[len(polls) * 99 // 100]], "s",
                      f"{how}; from when a poll was due to its answer, by nginx's log", 1),
        figures.bound("lag in flight, median", [polls[len(polls) // 2]], "s", how),
        figures.bound("WAL in flight", [wal], "bytes/s", f"{how}; what the whole cluster wrote meanwhile"),
        figures.bound("memory in flight", [memory], "MiB", f"{how}; the worker's VmRSS at the end", 150),
    ], []


def written():
    return int(sql("SELECT pg_current_wal_insert_lsn() - '0/0'")[0][0])
