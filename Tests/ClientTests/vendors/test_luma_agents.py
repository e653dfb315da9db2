"""Luma's Agents API by its own SDK (luma-agents)."""

import base64
import time

import httpx
import luma_agents
import pytest
from luma_agents import Luma

from conftest import KINORA
from sandboxed import SANDBOX_URL, accepted, anybody, is_film  # noqa: F401

PICTURE = {"url": "https://media.example/1.png"}
BYTES = {"data": base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0").decode(), "media_type": "image/png"}


def client(key="luma-api-sandbox-sdk"):
    return Luma(
        auth_token=key,
        base_url=SANDBOX_URL + "/luma-agents/v1",
        http_client=httpx.Client(verify=KINORA.trust, trust_env=False),
        max_retries=0,
    )


@pytest.fixture
def luma():
    return client()


def make(luma, prompt="a quiet harbour", **more):
    return luma.generations.create(model="ray-3.2", type="video", prompt=prompt, **more)


def finished(luma, made):
    assert made.state in ("queued", "processing")
    deadline = time.monotonic() + 120
    while True:
        task = luma.generations.get(made.id)
        if task.state not in ("queued", "processing"):
            return task
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.parametrize("frames", [{}, {"start_frame": PICTURE}, {"start_frame": BYTES, "end_frame": PICTURE}])
def test_a_film_is_made_polled_and_fetched(luma, anybody, frames):  # noqa: F811
    before = accepted("luma-agents")
    made = make(luma, aspect_ratio="9:16", video={"resolution": "360p", "duration": "5s", **frames})
    assert accepted("luma-agents") == before + 1
    task = finished(luma, made)
    assert (task.state, task.model, task.type) == ("completed", "ray-3.2", "video")
    assert [output.type for output in task.output] == ["video"]
    assert is_film(anybody.get(task.output[0].url))
    assert anybody.get(task.output[0].url, headers={"Authorization": "Bearer x"}).status_code == 400


def test_a_failure_has_a_code_of_the_sdks(luma):
    task = finished(luma, make(luma, f"[sandbox:fail] {time.monotonic_ns()}"))
    assert (task.state, task.failure_code, task.output) == ("failed", "generation_failed", [])
    assert task.failure_reason


def test_a_request_keeps_its_id(luma):
    answer = luma.generations.with_raw_response.create(
        model="ray-3.2", type="video", prompt="a cat", extra_headers={"X-Request-Id": "task-1"})
    assert answer.headers["X-Request-Id"] == "task-1"


@pytest.mark.parametrize(
    ("marker", "error", "status"),
    [
        ("rate_limit", luma_agents.RateLimitError, 429), ("concurrency", luma_agents.RateLimitError, 429),
        ("insufficient_quota", luma_agents.APIStatusError, 402), ("wrong_key", luma_agents.AuthenticationError, 401),
        ("server_error", luma_agents.InternalServerError, 502),
    ],
)
def test_faults_are_the_sdks_own_exceptions(luma, marker, error, status):
    with pytest.raises(error) as raised:
        make(luma, f"[sandbox:{marker}] {time.monotonic_ns()}")
    assert raised.value.status_code == status


def test_what_nobody_made_is_not_found(luma):
    with pytest.raises(luma_agents.NotFoundError):
        luma.generations.get("00000000-0000-0000-0000-000000000000")


@pytest.mark.parametrize(
    "video", [{"duration": "9s"}, {"resolution": "4k"}, {"start_frame": PICTURE, "duration": "10s"}])
def test_what_luma_refuses_is_refused(luma, video):
    with pytest.raises(luma_agents.UnprocessableEntityError):
        make(luma, video=video)
