"""How soon a process is ready, and how much memory it holds when idle."""

import time

import figures
from application import Application, accepts, is_ready
from machine import quiet

ROUNDS = 5
IDLE_SECONDS = 10


def measure():
    ready, accepting, working, memory = [], [], [], []
    for _ in range(ROUNDS):
        with quiet():
            ready.append(timed("all", lambda _: is_ready()))
            accepting.append(timed("serve", lambda _: accepts("fast")))
            working.append(timed("work", lambda process: process.has_started()))
            memory.append(idle())
    how = f"from the start of the process, median of {ROUNDS} starts"
    return [
        figures.bound("ready, all", ready, "s", f"{how}: until /readyz is 200 over its FastCGI socket", 0.5),
        figures.bound("accepts, serve", accepting, "s", f"{how}: until its FastCGI socket accepts", 0.5),
        figures.bound("ready, work", working, "s", f"{how}: until it logs that it has started", 0.5),
        figures.bound("memory, all", memory, "MiB",
                      f"VmRSS {IDLE_SECONDS} s after the start, nothing asked of it, median of {ROUNDS}", 40),
    ], []


def timed(verb, condition):
    process = Application(verb)
    try:
        return process.wait_for(lambda: condition(process))
    finally:
        process.stop()


def idle():
    process = Application("all")
    try:
        process.wait_for(is_ready)
        time.sleep(IDLE_SECONDS)
        return process.resident_mebibytes()
    finally:
        process.stop()
