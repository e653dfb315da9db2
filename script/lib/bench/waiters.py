"""What hundreds of clients that wait for their tasks cost the others."""

import contextlib
import os
import select
import socket
import ssl
import time
import urllib.parse

import figures
from application import running
from ladder import SOME, nginx_pids
from load import KEY, SECONDS, Step
from machine import quiet, sql
from workload import empty, fill

ROUNDS = 5
CLIENTS = 16
WAITERS = 500


def ids(state, count):
    return [row[0] for row in sql(SOME, f"state={state}", f"count={count}")]


@contextlib.contextmanager
def waiting(tasks):
    """A connection for each task, whose request waits for the task's end. No worker runs: none of them ends."""
    url = urllib.parse.urlsplit(os.environ["KINORA_URL"])
    trust = ssl.create_default_context(cafile=os.environ["KINORA_CA"])
    with contextlib.ExitStack() as stack:
        sockets = []
        for task in tasks:
            plain = stack.enter_context(socket.create_connection((url.hostname, url.port), timeout=10))
            sockets.append(stack.enter_context(trust.wrap_socket(plain, server_hostname=url.hostname)))
            lines = [f"GET /v1/videos/{task}?wait=300 HTTP/1.1", f"Host: {url.netloc}", f"Authorization: Bearer {KEY}"]
            sockets[-1].sendall("\r\n".join([*lines, "", ""]).encode())
        time.sleep(1)
        check(sockets)
        yield
        check(sockets)


def check(sockets):
    """Whoever was refused, or answered at once, does not wait."""
    for end in sockets:
        end.setblocking(False)
    with contextlib.suppress(ssl.SSLWantReadError):
        for end in select.select(sockets, [], [], 0)[0]:
            raise RuntimeError(f"a waiter was answered: {end.recv(2000)!r}")


def measure():
    empty()
    fill(WAITERS, "queued")
    fill(WAITERS, "succeeded")
    tasks = ids("queued", WAITERS)
    alone, beside = [], []
    with running("serve") as (kinora,):
        processes = [*nginx_pids(), kinora.pid]
        paths = [f"/v1/videos/{task}" for task in ids("succeeded", WAITERS)]
        step = Step(f"read beside {WAITERS} waiters", CLIENTS, processes, key=KEY, paths=paths)
        step.base = os.environ["KINORA_URL"]
        step.measure(1)
        step.runs.clear()
        for _ in range(ROUNDS):
            with quiet():
                alone.append(step.measure().p99)
                step.runs.pop()
                with waiting(tasks):
                    beside.append(step.measure().p99)
    empty()
    how = f"wrk -c{CLIENTS} -d{SECONDS}s over TLS, GET /v1/videos/(id) of {WAITERS} finished tasks; {ROUNDS} runs " \
        f"with and {ROUNDS} without {WAITERS} requests of ?wait=300"
    return [figures.ratio(f"read, p99, {WAITERS} waiters / none", beside, alone, "ms", how, at_most=1.2)], [step]
