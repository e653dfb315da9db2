"""The vendor's side: what goes wrong there, and what it has accepted."""

import json
import os
import ssl
import urllib.request

URL = os.environ["SANDBOX_URL"]
TLS = ssl.create_default_context(cafile=os.environ["KINORA_CA"])
TASK_SECONDS = 1.5


def call(method, path, body=None, key=None):
    """One request to the sandbox; its JSON, None when there is none."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data=data, method=method)
    request.add_header("Content-Type", "application/json")
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    with urllib.request.urlopen(request, context=TLS, timeout=30) as reply:
        text = reply.read()
    return json.loads(text) if text else None


def reset():
    """Forgets everything. One tiny film serves all tasks from now on."""
    call("DELETE", "/_sandbox")
    call("POST", "/_sandbox/settings", {"render": "none", "task_seconds": TASK_SECONDS})


def slow_down(fault):
    """Every submit, poll and download takes a while: whoever dies, dies with calls in the air. `hang`: before the
    vendor does anything; `slow_body`: while it answers."""
    for operation in ("submit", "poll", "content"):
        arm(fault, 1_000_000, operation, delay_seconds=0.25)


def arm(fault, times, operation="any", **more):
    call("POST", "/_sandbox/faults", {"fault": fault, "times": times, "operation": operation, **more})


def disarm():
    call("DELETE", "/_sandbox/faults")


def stats():
    return call("GET", "/_sandbox/stats")


def tasks(key):
    """Every task that a key has submitted, as (the vendor's id, prompt), in order."""
    found, after = [], ""
    while True:
        page = call("GET", f"/openai/v1/videos?limit=100&order=asc{after}", key=key)
        found += [(video["id"], video["prompt"]) for video in page["data"]]
        if not page["has_more"]:
            return found
        after = f"&after={page['last_id']}"
