"""Draining the queue with a vendor that answers at once, against two other queues on the same cluster."""

import json
import os
import re
import subprocess
import tempfile

import figures
from application import running
from machine import HOME, SOCKETS, SOURCE, as_owner, quiet, sql
from workload import BODY, PROMPT, empty, room_for_everything, submit

ROUNDS = 5
TASKS = 20_000
PACKAGES = ("pgqueuer[asyncpg]==1.6.0", "awa-pg==0.6.9")
# Jobs, processes and batch of each: the fastest of 1 and 2 processes with batches of 100 and 500 for pgqueuer, and of
# batches of 100 and 500 for awa, whose one process has threads of its own.
RIVALS = {"pgqueuer": (20_000, 2, 500), "awa": (20_000, 1, 100)}
PYTHON = f"{HOME}/rivals/bin/python"


def install():
    """The others, from PyPI, into the instance's own folder; a database for each."""
    if not os.path.exists(PYTHON):
        command = [*as_owner(), "python3", "-m", "venv", f"{HOME}/rivals"]
        subprocess.run(command, check=True, cwd="/")
    pip = [*as_owner(), PYTHON, "-m", "pip", "install", "--quiet", *PACKAGES]
    subprocess.run(pip, check=True, cwd=HOME, env={**os.environ, "HOME": HOME})
    for name in RIVALS:
        if not sql(f"SELECT 1 FROM pg_database WHERE datname = 'bench_{name}'"):
            sql(f"CREATE DATABASE bench_{name} OWNER kinora")


def rival(name):
    """Jobs per second of another queue, and bytes of WAL for each."""
    jobs, processes, batch = RIVALS[name]
    password = re.search("kinora:(.*)@", os.environ["DATABASE_URL"])[1]
    url = f"postgresql:///bench_{name}?host={SOCKETS}&user=kinora&password={password}"
    report = run([PYTHON, f"{HOME}/app/script/lib/bench/rivals.py", name, url, jobs, processes, batch])
    return jobs / report["seconds"], report["wal_bytes"] / jobs


def run(command):
    done = subprocess.run(
        [*as_owner(), *map(str, command)], capture_output=True, text=True, timeout=240, cwd="/", check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    if done.stderr:
        raise RuntimeError(f"unexpected: {done.stderr[:2000]}")
    return json.loads(done.stdout)


def written():
    """Bytes of WAL, and commits in Kinora's database, so far."""
    row = sql("""
        SELECT pg_current_wal_insert_lsn() - '0/0', xact_commit FROM pg_stat_database WHERE datname = 'kinora'
    """)[0]
    return tuple(map(int, row))


def kinora(media):
    """Tasks per second; WAL and commits for each, from its submit to its end."""
    empty()
    first = written()
    with running("serve"):
        tasks = submit(TASKS)
    accepted = written()
    sql("ANALYZE")
    before = written()
    seconds = run([f"{HOME}/bin/drain", tasks, media])["seconds"]
    after = written()
    wal = (accepted[0] - first[0] + after[0] - before[0]) / tasks
    request = len(BODY % PROMPT)
    return tasks / seconds, wal - request, (after[1] - before[1]) / tasks


def measure():
    install()
    results = {name: [] for name in ("kinora", *RIVALS)}
    # Results lie in memory: what is measured is the queue, not the disk that films are kept on.
    with tempfile.TemporaryDirectory(dir="/dev/shm") as media, room_for_everything():
        owner = os.stat(HOME)
        for path in (media, f"{media}/media", f"{media}/spool"):
            os.makedirs(path, exist_ok=True)
            os.chown(path, owner.st_uid, owner.st_gid)
        for _ in range(ROUNDS):
            with quiet():
                results["kinora"].append(kinora(media))
                for name in RIVALS:
                    results[name].append(rival(name))
    empty()
    return conclusions(results), []


def conclusions(results):
    rates = {name: [run[0] for run in runs] for name, runs in results.items()}
    how = f"medians of {ROUNDS} rounds of Kinora and the others in turn on one cluster with synchronous_commit=on, " \
        f"queues filled before; Kinora: at least {TASKS} submits over HTTP, then its worker alone, before a vendor " \
        "that answers from memory: claim, submit on record, answer, poll 0.8 s later, result stored (on tmpfs), end; " \
        "out: the network to the vendor. "
    goals = {"pgqueuer": 2, "awa": 1.5}
    ratios = [
        figures.ratio(
            f"drain / {name}", rates["kinora"], rates[name], "tasks/s",
            f"{how}{name}: {jobs} jobs whose handler does nothing, {processes} process(es), batches of {batch}",
            at_least=goals[name])
        for name, (jobs, processes, batch) in RIVALS.items()
    ]
    return ratios + [
        figures.bound(
            "WAL per task", [run[1] for run in results["kinora"]], "bytes",
            "the same runs: submit and drain, less the bytes of the request; the others write "
            + ", ".join(f"{figures.number(figures.median(r[1] for r in results[name]))} ({name})" for name in RIVALS)
            + " for a drained job, without its submit", 2048),
        figures.bound("commits per drained task", [run[2] for run in results["kinora"]], "", "the same runs"),
    ]
