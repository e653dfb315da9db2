"""Text models: what it costs to relay them, whole and event by event."""

import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.request

import figures
from application import running
from ladder import nginx_pids
from load import KEY, SECONDS, Step
from machine import HOME, PORT, as_owner, process_tree, quiet, sql

ROUNDS = 5
CLIENTS = 16
PACKAGES = ("litellm[proxy]==1.83.14",)
PYTHON = f"{HOME}/litellm/bin/python"
LITELLM_PORT, STREAM_PORT = PORT + 1, PORT + 2
LITELLM_KEY = "sk-bench-litellm"
STREAM = f"{HOME}/bin/stream"
BODY = json.dumps(
    {"model": "gpt-4", "messages": [{"role": "user", "content": "a paper boat drifts through a city in the rain"}]}
)
EVENTS_PER_SECOND = 50


def account(name, port, path):
    """Adds an upstream that is on this machine; the first time only."""
    if sql("SELECT 1 FROM kinora.account WHERE name = :'name'", f"name={name}"):
        return
    command = [f"{HOME}/bin/kinora", "account", "add", "--vendor", "openai", "--name", name, "--slots", "1"]
    subprocess.run(
        [*as_owner(), *command, "--base-url", f"http://127.0.0.1:{port}{path}"], input="sk-bench", text=True,
        check=True, capture_output=True, cwd=HOME,
    )


def only(name):
    """Lets one upstream answer; it takes a moment until every process knows."""
    sql("UPDATE kinora.account SET state = CASE name WHEN :'name' THEN 'active' ELSE 'disabled' END", f"name={name}")
    time.sleep(2.5)


@contextlib.contextmanager
def upstreams():
    """The two of them, and afterwards the accounts that were there before."""
    before = sql("SELECT id FROM kinora.account WHERE state = 'active'")
    account("bench-whole", PORT, "/bench/model/v1")
    account("bench-stream", STREAM_PORT, "/v1")
    model = subprocess.Popen([*as_owner(), STREAM, "serve", str(STREAM_PORT), str(EVENTS_PER_SECOND)])
    try:
        yield
    finally:
        model.terminate()
        model.wait(10)
        ids = ",".join(row[0] for row in before)
        sql("UPDATE kinora.account SET state = 'disabled' WHERE name LIKE 'bench-%'")
        sql(f"UPDATE kinora.account SET state = 'active' WHERE id = ANY ('{{{ids}}}')")


def install():
    """LiteLLM, from PyPI, into the instance's own folder."""
    if not os.path.exists(PYTHON):
        subprocess.run([*as_owner(), "python3", "-m", "venv", f"{HOME}/litellm"], check=True, cwd="/")
    pip = [*as_owner(), PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]
    subprocess.run(pip, check=True, cwd=HOME, env={**os.environ, "HOME": HOME})


@contextlib.contextmanager
def litellm():
    """Its proxy as its documentation starts it: two workers, no database."""
    path = f"{HOME}/litellm/config.yaml"
    base = f"http://127.0.0.1:{PORT}/bench/model/v1"
    parameters = {"model": "openai/gpt-4", "api_base": base, "api_key": "sk-bench"}
    config = {
        "model_list": [{"model_name": "gpt-4", "litellm_params": parameters}],
        "general_settings": {"master_key": LITELLM_KEY},
        "litellm_settings": {"telemetry": False},
    }
    subprocess.run([*as_owner(), "tee", path], input=json.dumps(config), text=True, check=True, capture_output=True)
    command = [f"{HOME}/litellm/bin/litellm", "--config", path, "--host", "127.0.0.1", "--port", str(LITELLM_PORT)]
    environment = {
        "PATH": f"{HOME}/litellm/bin:/usr/bin:/bin", "HOME": HOME, "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
    }
    with open(f"{HOME}/log/bench-litellm.log", "ab") as log:
        proxy = subprocess.Popen(
            [*as_owner(), *command, "--num_workers", "2"], stdout=log, stderr=log, env=environment, cwd=HOME
        )
    try:
        await_litellm(proxy)
        yield proxy
    finally:
        proxy.terminate()
        proxy.wait(30)


@contextlib.contextmanager
def stopped(proxy):
    """Its workers go on working for a while when nobody asks any more: not while others are measured."""
    pids = list(process_tree([proxy.pid]))

    def tell(number):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    try:
        tell(signal.SIGSTOP)
        yield
    finally:
        tell(signal.SIGCONT)


def await_litellm(proxy):
    request = urllib.request.Request(
        f"http://127.0.0.1:{LITELLM_PORT}/v1/chat/completions", BODY.encode(),
        {"Authorization": f"Bearer {LITELLM_KEY}", "Content-Type": "application/json"},
    )
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                if reply.status == 200:
                    return
        except OSError:
            pass
        if proxy.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"litellm does not answer: see {HOME}/log/bench-litellm.log")
        time.sleep(0.5)


def streams(port, path, count, events, times=1):
    """So many at once, so often: what came of them."""
    done = subprocess.run(
        [STREAM, "load", str(port), path, KEY, str(count), str(events), str(times)], capture_output=True, text=True,
        check=True, timeout=200,
    )
    return json.loads(done.stdout)


def measure():
    install()
    path = "/v1/chat/completions"
    with upstreams(), running("all", KINORA_EGRESS_ALLOW=f"127.0.0.1:{PORT},127.0.0.1:{STREAM_PORT}") as (kinora,):
        only("bench-whole")
        nginx = nginx_pids()
        post = {"method": "POST", "body": BODY}
        proxied = Step("nginx proxy_pass", CLIENTS, nginx, "/bench/proxied", **post)
        relayed = Step("relayed chat", CLIENTS, [*nginx, kinora.pid], path, key=KEY, **post)
        with litellm() as other:
            rival = Step("litellm", CLIENTS, [other.pid], path, key=LITELLM_KEY, **post)
            rival.base = f"http://127.0.0.1:{LITELLM_PORT}"
            steps = [proxied, relayed, rival]
            for step in steps:
                step.measure(1)
                step.runs.clear()
            for _ in range(ROUNDS):
                with quiet():
                    with stopped(other):
                        proxied.measure()
                        relayed.measure()
                    rival.measure()
        only("bench-stream")
        return conclusions(proxied, relayed, rival) + stream_figures(kinora, path), steps


def conclusions(proxied, relayed, rival):
    how = f"wrk -c{CLIENTS} -d{SECONDS}s over plain HTTP; medians of {ROUNDS} rounds, each of which runs all in turn"
    return [
        figures.ratio("relayed chat / nginx proxy_pass", relayed.values("rate"), proxied.values("rate"), "req/s",
                      f"{how}: key, usage count and relay before the same upstream, an nginx", at_least=0.25),
        figures.ratio("relayed chat / litellm proxy", relayed.values("rate"), rival.values("rate"), "req/s",
                      f"{how}: {PACKAGES[0]}, 2 workers, no database, before the same upstream", at_least=50),
        figures.bound("relayed chats that failed", [proxied.failed + relayed.failed], "", "all rounds", 0),
    ]


def stream_figures(kinora, path):
    added, direct_first, late, many, broken, resident, lame = [], [], [], [], 0, [], 0
    streams(PORT, path, 1, 1, 50)
    for _ in range(ROUNDS):
        with quiet():
            direct = streams(STREAM_PORT, path, 1, 1, 200)
            ours = streams(PORT, path, 1, 1, 200)
            single = streams(PORT, path, 1, 50)
        added.append((ours["first_p50"] - direct["first_p50"]) / 1000)
        direct_first.append(direct["first_p50"] / 1000)
        late.append(single["late_p99"] / 1000)
        lame += ours["near_40_ms"] + single["near_40_ms"]
        broken += ours["broken"] + single["broken"]
    for _ in range(3):
        with quiet():
            run = streams(PORT, path, 1000, 250)
        many.append(run["events"] / run["seconds"])
        broken += run["broken"]
        resident.append(kinora.resident_mebibytes())
    single = "one stream after the other, 200 times, first event against the same upstream without Kinora"
    return [
        figures.bound("first event added, p50", added, "ms", single, 1),
        figures.bound("event on its way, p99", late, "ms", "one stream of 50 events a second, from upstream to client"),
        figures.bound("events 35 to 60 ms late", [lame], "",
                      "single streams: as a delayed acknowledgement makes them", 0),
        figures.bound("events of 1,000 streams", many, "1/s",
                      f"1,000 at once, 250 events each, {EVENTS_PER_SECOND} a second wanted of each"),
        figures.bound("streams that broke", [broken], "", "all of them", 0),
        figures.bound("resident memory after 1,000 streams", resident, "MiB", "VmRSS of the process", 200),
    ]
