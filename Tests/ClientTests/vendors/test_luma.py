"""Luma's Dream Machine by its own SDK (lumaai)."""

import time

import httpx
import lumaai
import pytest
from lumaai import LumaAI

from conftest import KINORA
from sandboxed import SANDBOX_URL, accepted, anybody, is_film  # noqa: F401

PICTURE = {"type": "image", "url": "https://media.example/1.png"}


def client(key="luma-sandbox-sdk"):
    return LumaAI(
        auth_token=key,
        base_url=SANDBOX_URL + "/luma/dream-machine/v1",
        http_client=httpx.Client(verify=KINORA.trust, trust_env=False),
        max_retries=0,
    )


@pytest.fixture
def luma():
    return client()


def finished(luma, made):
    assert made.state in ("queued", "dreaming")
    deadline = time.monotonic() + 120
    while True:
        task = luma.generations.get(id=made.id)
        if task.state not in ("queued", "dreaming"):
            return task
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.parametrize(
    "more", [{}, {"keyframes": {"frame0": PICTURE}}, {"keyframes": {"frame0": PICTURE, "frame1": PICTURE}}])
def test_a_film_is_made_polled_and_fetched(luma, anybody, more):  # noqa: F811
    before = accepted("luma")
    made = luma.generations.video.create(
        model="ray-2", prompt="a quiet harbour", aspect_ratio="9:16", resolution="540p", duration="5s", **more)
    assert accepted("luma") == before + 1
    task = finished(luma, made)
    assert task.state == "completed" and task.request.model == "ray-2"
    assert is_film(anybody.get(task.assets.video))
    assert anybody.get(task.assets.video, headers={"Authorization": "Bearer x"}).status_code == 400


def test_a_generation_is_ended_and_then_known_no_more(luma):
    made = luma.generations.create(model="ray-flash-2", prompt="a cat")
    luma.generations.delete(id=made.id)
    with pytest.raises(lumaai.NotFoundError):
        luma.generations.get(id=made.id)


def test_credits_are_told(luma):
    assert luma.credits.get().credit_balance > 0


@pytest.mark.parametrize(
    ("marker", "error"),
    [
        ("rate_limit", lumaai.RateLimitError), ("content_refusal", lumaai.BadRequestError),
        ("wrong_key", lumaai.AuthenticationError), ("server_error", lumaai.InternalServerError),
    ],
)
def test_faults_are_the_sdks_own_exceptions(luma, marker, error):
    with pytest.raises(error):
        luma.generations.video.create(model="ray-2", prompt=f"[sandbox:{marker}] {time.monotonic_ns()}")


@pytest.mark.parametrize("wanted", [{"duration": "7s"}, {"resolution": "480p"}, {"aspect_ratio": "2:1"}])
def test_what_luma_refuses_is_refused(luma, wanted):
    with pytest.raises(lumaai.UnprocessableEntityError):
        luma.generations.video.create(model="ray-2", prompt="a cat", **wanted)
