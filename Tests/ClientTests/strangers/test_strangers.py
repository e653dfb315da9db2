"""schemathesis, which knows of Kinora what its description says, calls every endpoint with what that allows and with what
it does not. It finds no answer that is not described, and no fault of the server.

Its instance is its own: what it leaves behind is much, and the fewer models there are, the fewer ways to ask for one must
be tried. Nobody waits for what is made; other tests do. More examples: KINORA_STRANGERS_EXAMPLES=50.
"""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import requests

HERE = pathlib.Path(__file__).parent
URL, CA, KEY, SANDBOX = (os.environ[name] for name in ("KINORA_URL", "KINORA_CA", "KINORA_API_KEY", "SANDBOX_URL"))


@pytest.fixture
def hurried_sandbox():
    settings = {"task_seconds": 0.2, "render": "none"}
    requests.post(SANDBOX + "/_sandbox/settings", json=settings, verify=CA, timeout=60).raise_for_status()


def test_strangers_find_no_answer_that_is_not_described(hurried_sandbox, tmp_path):
    program = shutil.which("schemathesis", path=os.path.dirname(sys.executable))
    done = subprocess.run(
        [program, "--config-file", str(HERE / "schemathesis.toml"), "run", URL + "/openapi.json", "--tls-verify", CA,
         "--header", f"Authorization: Bearer {KEY}", "--header", "Prefer: respond-async",
         # Below the prefixes the same is found once more.
         "--exclude-path-regex", "^/(sora|jimeng|openart)/", "--seed", "1", "--continue-on-failure",
         "--max-examples", os.environ.get("KINORA_STRANGERS_EXAMPLES", "3"), "--request-timeout", "30"],
        cwd=tmp_path, env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE)}, text=True,
        timeout=1800, capture_output=True, check=False)
    # Requests may be long: they carry media.
    assert done.returncode == 0, "\n".join(line[:600] for line in done.stdout.splitlines()) + done.stderr
