"""Replicate by its own client (replicate)."""

import time

import httpx
import pytest
from replicate.client import Client
from replicate.exceptions import ReplicateError

from conftest import KINORA, unhurried
from sandboxed import SANDBOX_URL, accepted, anybody, is_film  # noqa: F401

FILM = "kwaivgi/kling-v2.5-turbo-pro"


def client(key="r8_sandbox_sdk"):
    return Client(
        api_token=key,
        base_url=SANDBOX_URL + "/replicate",
        transport=httpx.HTTPTransport(verify=KINORA.trust),
    )


@pytest.fixture
def replicate():
    return client()


def finished(prediction):
    deadline = time.monotonic() + 120
    while prediction.status in ("starting", "processing"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
        prediction.reload()
    return prediction


def test_a_film_is_made_polled_and_fetched(replicate, anybody):  # noqa: F811
    before = accepted("replicate")
    made = replicate.predictions.create(
        model=FILM, input={"prompt": "a quiet harbour", "duration": 5, "aspect_ratio": "9:16"},
        webhook="https://kinora.example/callback/x", webhook_events_filter=["completed"])
    assert accepted("replicate") == before + 1
    assert made.status == "starting" and made.input["duration"] == 5
    ended = finished(made)
    assert ended.status == "succeeded" and ended.error is None
    assert is_film(anybody.get(ended.output))
    assert anybody.get(ended.output, headers={"Authorization": "Bearer x"}).status_code == 422


def test_a_picture_is_made(replicate, anybody):  # noqa: F811
    made = replicate.models.predictions.create("google/nano-banana", input={"prompt": "a cat"})
    assert anybody.get(finished(made).output).content[:4] == b"\x89PNG"


def test_predictions_are_listed_and_cancelled(replicate):
    with unhurried():
        made = replicate.predictions.create(model=FILM, input={"prompt": "a cat"})
    assert made.id in [row.id for row in replicate.predictions.list().results]
    made.cancel()
    made.reload()
    assert made.status == "canceled"


@pytest.mark.parametrize(
    ("marker", "status"),
    [("insufficient_quota", 402), ("content_refusal", 422), ("wrong_key", 401), ("server_error", 500)],
)
def test_faults_are_the_clients_own_exceptions(replicate, marker, status):
    with pytest.raises(ReplicateError) as refusal:
        replicate.predictions.create(model=FILM, input={"prompt": f"[sandbox:{marker}] {time.monotonic_ns()}"})
    assert refusal.value.status == status


@pytest.mark.parametrize("more", [{"duration": "5"}, {"duration": 7}, {"seconds": 5}, {"prompt": None}])
def test_what_replicate_refuses_is_refused(replicate, more):
    with pytest.raises(ReplicateError) as refusal:
        replicate.predictions.create(model=FILM, input={"prompt": "a cat", **more})
    assert refusal.value.status == 422


def test_a_model_that_there_is_not(replicate):
    with pytest.raises(ReplicateError) as refusal:
        replicate.predictions.create(model="nobody/nothing", input={"prompt": "a cat"})
    assert refusal.value.status == 404
