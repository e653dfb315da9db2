"""Runway by its own SDK (runwayml)."""

import base64
import time

import httpx
import pytest
import runwayml
from runwayml import RunwayML

from conftest import KINORA
from media import png
from sandboxed import SANDBOX_URL, accepted, anybody, is_film  # noqa: F401

PICTURE = "data:image/png;base64," + base64.b64encode(png(64, 64)).decode()


def client(key="key_sandbox_sdk", **more):
    return RunwayML(
        api_key=key,
        base_url=SANDBOX_URL + "/runway",
        http_client=httpx.Client(verify=KINORA.trust, trust_env=False),
        max_retries=0,
        **more,
    )


@pytest.fixture
def runway():
    return client()


def finished(runway, made):
    deadline = time.monotonic() + 120
    while True:
        task = runway.tasks.retrieve(made.id)
        if task.status not in ("PENDING", "THROTTLED", "RUNNING"):
            return task
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_prompt_becomes_a_film(runway, anybody):  # noqa: F811
    before = accepted("runway")
    made = runway.text_to_video.create(
        model="gen4.5", prompt_text="a quiet harbour", ratio="720:1280", duration=2, seed=7)
    assert accepted("runway") == before + 1
    task = finished(runway, made)
    assert task.status == "SUCCEEDED" and task.cost.credits > 0
    assert is_film(anybody.get(task.output[0]))
    assert anybody.get(task.output[0], headers={"Authorization": "Bearer x"}).status_code == 400


def test_a_picture_becomes_a_film(runway):
    made = runway.image_to_video.create(
        model="gen4_turbo", prompt_image=PICTURE, prompt_text="it moves", ratio="1280:720", duration=5)
    assert finished(runway, made).status == "SUCCEEDED"


def test_a_picture_is_made(runway, anybody):  # noqa: F811
    made = runway.text_to_image.create(
        model="gen4_image", prompt_text="a cat", ratio="1024:1024", reference_images=[{"uri": PICTURE, "tag": "me1"}])
    assert anybody.get(finished(runway, made).output[0]).content[:4] == b"\x89PNG"


def test_a_task_is_ended_and_then_known_no_more(runway):
    made = runway.text_to_video.create(model="gen4.5", prompt_text="a cat", ratio="1280:720", duration=2)
    runway.tasks.delete(made.id)
    with pytest.raises(runwayml.NotFoundError):
        runway.tasks.retrieve(made.id)


def test_credits_fall_with_every_task(runway):
    assert runway.organization.retrieve().credit_balance > 0


@pytest.mark.parametrize(
    ("marker", "error"),
    [
        ("rate_limit", runwayml.RateLimitError), ("insufficient_quota", runwayml.BadRequestError),
        ("wrong_key", runwayml.AuthenticationError), ("server_error", runwayml.InternalServerError),
    ],
)
def test_faults_are_the_sdks_own_exceptions(runway, marker, error):
    with pytest.raises(error):
        runway.text_to_video.create(
            model="gen4.5", prompt_text=f"[sandbox:{marker}] {time.monotonic_ns()}", ratio="1280:720", duration=2)


@pytest.mark.parametrize(
    "wanted",
    [
        {"model": "gen4.5", "ratio": "1280:720", "duration": 11},
        {"model": "gen4.5", "ratio": "16:9", "duration": 5},
        {"model": "gen4_turbo", "ratio": "1280:720", "duration": 5},
        {"model": "gen4.5", "ratio": "1280:720"},
    ],
)
def test_what_runway_refuses_is_refused(runway, wanted):
    with pytest.raises(runwayml.BadRequestError):
        runway.text_to_video.create(prompt_text="a cat", **wanted)


def test_another_version_is_refused():
    with pytest.raises(runwayml.BadRequestError):
        client(runway_version="2023-01-01").organization.retrieve()


def test_a_wrong_key_is_refused():
    with pytest.raises(runwayml.AuthenticationError):
        client("somebody-else").organization.retrieve()
