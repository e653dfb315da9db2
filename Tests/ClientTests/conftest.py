"""The client tests: programs that Kinora did not write talk to a running instance, over TLS, as a stranger would.

To run them, start an instance and name it in the environment, as script/server's env file does:

    . .run/env
    python3 -m venv .venv && .venv/bin/pip install --require-hashes -r Tests/ClientTests/requirements.txt
    .venv/bin/pytest Tests/ClientTests

They use the official `openai` SDK, unmodified, against Kinora and against the sandbox itself: so the sandbox, on
which other tests rest, is checked by somebody who has never read its source.
"""

import contextlib
import os
import ssl
from dataclasses import dataclass

import httpx2
import openai
import pytest

NEEDED = ("KINORA_URL", "KINORA_CA", "KINORA_API_KEY", "SANDBOX_URL")


def pytest_configure(config):
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        raise pytest.UsageError(f"{', '.join(missing)} not set: start script/server and source its env file")


@dataclass(frozen=True)
class Service:
    """One address that speaks OpenAI's videos API, and a key for it."""

    name: str
    base_url: str
    key: str
    ca: str

    @property
    def trust(self):
        """Only the instance's own authority: a wrong certificate fails the test."""
        return ssl.create_default_context(cafile=self.ca)

    def client(self, **options):
        http = openai.DefaultHttpxClient(verify=self.trust, trust_env=False)
        return openai.OpenAI(**{"api_key": self.key, "base_url": self.base_url, "http_client": http, **options})

    def async_client(self, **options):
        http = openai.DefaultAsyncHttpxClient(verify=self.trust, trust_env=False)
        return openai.AsyncOpenAI(**{"api_key": self.key, "base_url": self.base_url, "http_client": http, **options})


KINORA = Service(
    "kinora",
    os.environ.get("KINORA_URL", "") + "/v1",
    os.environ.get("KINORA_API_KEY", ""),
    os.environ.get("KINORA_CA", ""),
)
# A key of its own: what the instance does with its sandbox account does not show up in these lists.
SANDBOX = Service(
    "sandbox", os.environ.get("SANDBOX_URL", "") + "/openai/v1", "sk-sandbox-client-tests", KINORA.ca
)


@pytest.fixture(scope="session", autouse=True)
def quick_sandbox():
    """Tasks take a second and share their films: what is tested here is the conversation, not the pictures."""
    url = os.environ["SANDBOX_URL"] + "/_sandbox/settings"
    with httpx2.Client(verify=KINORA.trust, trust_env=False, timeout=60) as http:
        before = http.get(url).raise_for_status().json()
        http.post(url, json={"task_seconds": 1, "render": "reuse"}).raise_for_status()
        yield
        http.post(url, json=before).raise_for_status()


@contextlib.contextmanager
def unhurried():
    """What the sandbox takes meanwhile lasts ten minutes: there is time to ask for it before it is done."""
    url = os.environ["SANDBOX_URL"] + "/_sandbox/settings"
    with httpx2.Client(verify=KINORA.trust, trust_env=False, timeout=60) as http:
        http.post(url, json={"task_seconds": 600}).raise_for_status()
        try:
            yield
        finally:
            http.post(url, json={"task_seconds": 1}).raise_for_status()


@pytest.fixture(params=[KINORA, SANDBOX], ids=lambda service: service.name)
def service(request):
    """Each test that asks for this runs twice: what a client may expect of the one, it may expect of the other."""
    return request.param


@pytest.fixture
def client(service):
    with service.client() as client:
        yield client


@pytest.fixture
def kinora():
    with KINORA.client() as client:
        yield client


@pytest.fixture
def sandbox():
    # Without the SDK's own retries: what the sandbox answers is what the test sees.
    with SANDBOX.client(max_retries=0) as client:
        yield client
