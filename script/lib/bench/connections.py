"""Ways to hold the connections between nginx and a FastCGI application: data for docs/decisions/0003."""

import os

import figures
from application import running
from ladder import nginx_pids
from load import SECONDS, Step
from machine import quiet

ROUNDS = 5
CLIENTS = (16, 128)


def measure():
    nginx, echo = nginx_pids(), int(os.environ["BENCH_ECHO_PID"])
    with running("serve") as (kinora,):
        ours, theirs = [*nginx, kinora.pid], [*nginx, echo]
        ways = {
            "kept": [Step("Kinora, kept and parked", clients, ours, "/livez") for clients in CLIENTS],
            "closing": [Step("Kinora, closed each time", clients, ours, "/bench/closing") for clients in CLIENTS],
            "echo": [Step("C echo, kept, 200 threads", clients, theirs, "/bench/echo") for clients in CLIENTS],
            "echo closing": [Step("C echo, closed each time", clients, theirs, "/bench/echo-closing")
                             for clients in CLIENTS],
            # Runs last: what it leaves hanging must not disturb the others.
            "few": [Step("C echo, kept, 16 threads", clients, nginx, "/bench/echo-few") for clients in CLIENTS],
        }
        steps = [step for way in ways.values() for step in way]
        for _ in range(ROUNDS):
            with quiet():
                for step in steps:
                    step.measure()
    how = f"wrk -d{SECONDS}s, GET /livez; medians of {ROUNDS} rounds"
    return [
        figures.ratio(f"{upper} / {lower}, {clients} clients", ways[up][n].values("rate"), ways[low][n].values("rate"),
                      "req/s", how)
        for up, upper, low, lower in (
            ("kept", "kept", "closing", "closed"),
            ("echo", "C echo kept", "echo closing", "C echo closed"),
            ("few", "C echo with 16 threads", "echo", "with 200"),
        )
        for n, clients in enumerate(CLIENTS)
    ], steps
