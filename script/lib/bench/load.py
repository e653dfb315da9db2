"""Load on loopback, bounded in time, and what it cost."""

import json
import os
import re
import subprocess
import tempfile
from dataclasses import asdict, dataclass

from figures import median, number
from machine import PLAIN, cpu_seconds

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = 2
KEY = os.environ["KINORA_API_KEY"]


@dataclass
class Run:
    """One run of a load tool. Times in milliseconds, processor time of everything but the tool per request."""

    rate: float
    p50: float
    p90: float
    p99: float
    max: float
    cpu_microseconds: float
    requests: int
    failed: int


class Step:
    """A way to be loaded: one line of the table, measured several times."""

    def __init__(self, name, clients, processes, path=None, *, key="", method="GET", body="", paths=None):
        self.name, self.clients, self.processes = name, clients, processes
        self.arguments = [method, key, body]
        self.runs = []
        self.base = PLAIN
        with tempfile.NamedTemporaryFile("w", suffix=".paths", delete=False) as file:
            file.write("\n".join(paths or [path]) + "\n")
        self.paths = file.name

    def measure(self, seconds=SECONDS):
        threads = 1 if self.clients == 1 else 2
        before = cpu_seconds(self.processes)
        done = subprocess.run(
            ["wrk", "-t", str(threads), "-c", str(self.clients), "-d", f"{seconds}s", "--timeout", "1s",
             "-s", f"{HERE}/request.lua", self.base, "--", *self.arguments, self.paths],
            capture_output=True, text=True, check=True, timeout=seconds + 30,
        )
        cpu = cpu_seconds(self.processes) - before
        report = json.loads(done.stdout.strip().splitlines()[-1])
        requests = max(report["requests"], 1)
        times = [report[name] / 1000 for name in ("p50", "p90", "p99", "max")]
        self.runs.append(
            Run(requests / report["microseconds"] * 1e6, *times, cpu / requests * 1e6, requests, report["failed"])
        )
        return self.runs[-1]

    def values(self, name):
        return [getattr(run, name) for run in self.runs]

    @property
    def failed(self):
        return sum(self.values("failed"))

    def row(self):
        middle = [number(median(self.values(name))) for name in ("rate", "p50", "p90", "p99")]
        cpu = number(median(self.values("cpu_microseconds")))
        return [self.name, str(self.clients), *middle, number(max(self.values("max"))), cpu, str(self.failed)]

    def summary(self):
        return {"name": self.name, "clients": self.clients, "runs": [asdict(run) for run in self.runs]}


def h2load(url, clients, seconds=SECONDS):
    """Requests per second over TLS and HTTP/2, and how many failed."""
    done = subprocess.run(
        ["h2load", "-c", str(clients), "-t", "2", "-m", "1", "-D", str(seconds), "--warm-up-time", "0",
         "-H", f"authorization: Bearer {KEY}", url],
        capture_output=True, text=True, check=True, timeout=seconds + 30,
    )
    counts = re.search(
        r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", done.stdout
    )
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", done.stdout)
    succeeded = int(codes[1])
    return succeeded / seconds, sum(int(counts[n]) for n in (2, 3, 4)) + sum(int(codes[n]) for n in (2, 3, 4))


def pgbench(script, variables, clients, session, seconds=SECONDS):
    """Transactions per second of a script whose statements are prepared, and how many failed."""
    command = ["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds), "-f", script]
    for name, value in variables.items():
        command += ["-D", f"{name}={value}"]
    done = subprocess.run(
        [*command, os.environ["DATABASE_URL"]], capture_output=True, text=True, check=True, timeout=seconds + 30,
        env={**os.environ, "PGOPTIONS": session},
    )
    failed = re.search(r"number of failed transactions: (\d+)", done.stdout)
    made = re.search(r"number of transactions actually processed: (\d+)", done.stdout)
    rate = re.search(r"tps = ([\d.]+) \(without", done.stdout)
    return float(rate[1]), int(made[1]), int(failed[1])
