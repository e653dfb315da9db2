"""The vendors' own SDKs, unmodified, against the sandbox: who wrote them has never seen it, nor Kinora's adapters."""

import os

import httpx2
import pytest

from conftest import KINORA

SANDBOX_URL = os.environ.get("SANDBOX_URL", "")


@pytest.fixture(scope="session")
def anybody():
    """Fetches results as anybody does: without a key."""
    with httpx2.Client(verify=KINORA.trust, trust_env=False, timeout=60) as http:
        yield http


def accepted(vendor):
    with httpx2.Client(verify=KINORA.trust, trust_env=False, timeout=60) as http:
        return http.get(SANDBOX_URL + "/_sandbox/stats").json()["by_vendor"].get(vendor, 0)


def is_film(reply):
    return reply.status_code == 200 and reply.content[4:8] == b"ftyp"
