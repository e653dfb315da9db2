"""fal's queue by its own client (fal-client)."""

import base64
import time

import fal_client.client
import pytest
from fal_client import SyncClient
from fal_client.client import Completed, FalClientHTTPError, InProgress, Queued

from conftest import KINORA, unhurried
from media import png
from sandboxed import SANDBOX_URL, accepted, anybody, is_film  # noqa: F401

FILM = "fal-ai/kling-video/v2.5-turbo/pro/text-to-video"
PICTURE = "data:image/png;base64," + base64.b64encode(png(64, 64)).decode()


@pytest.fixture(autouse=True)
def queue_in_the_sandbox(monkeypatch):
    host = SANDBOX_URL.removeprefix("https://") + "/fal"
    monkeypatch.setattr(fal_client.client, "QUEUE_URL_FORMAT", f"https://{host}/")
    monkeypatch.setenv("SSL_CERT_FILE", KINORA.ca)
    monkeypatch.setattr(fal_client.client, "MAX_ATTEMPTS", 1)


def client(key="sandbox-sdk:secret"):
    return SyncClient(key=key)


def test_a_film_is_made_polled_and_fetched(anybody):  # noqa: F811
    before = accepted("fal")
    handle = client().submit(FILM, arguments={"prompt": "a quiet harbour", "duration": "5", "aspect_ratio": "9:16"})
    assert accepted("fal") == before + 1
    result = handle.get(interval=0.2)
    assert isinstance(handle.status(), Completed)
    assert is_film(anybody.get(result["video"]["url"]))
    assert anybody.get(result["video"]["url"], headers={"Authorization": "Key x"}).status_code == 422


def test_a_picture_becomes_a_film():
    result = client().subscribe(
        "fal-ai/kling-video/v2.5-turbo/pro/image-to-video", arguments={"prompt": "it moves", "image_url": PICTURE})
    assert result["video"]["content_type"] == "video/mp4"


def test_pictures_are_made(anybody):  # noqa: F811
    result = client().subscribe("fal-ai/nano-banana", arguments={"prompt": "a cat", "num_images": 2})
    assert [anybody.get(image["url"]).content[:4] for image in result["images"]] == [b"\x89PNG"] * 2


def test_what_waits_is_cancelled():
    with unhurried():
        handle = client().submit(FILM, arguments={"prompt": "a cat"})
    assert isinstance(handle.status(), (Queued, InProgress))
    handle.cancel()
    assert handle.status().error
    with pytest.raises(FalClientHTTPError):
        handle.cancel()


@pytest.mark.parametrize(
    ("marker", "status"),
    [("insufficient_quota", 403), ("content_refusal", 422), ("wrong_key", 401), ("server_error", 500)],
)
def test_faults_are_the_clients_own_exceptions(marker, status):
    with pytest.raises(FalClientHTTPError) as refusal:
        client().submit(FILM, arguments={"prompt": f"[sandbox:{marker}] {time.monotonic_ns()}"})
    assert refusal.value.response.status_code == status


@pytest.mark.parametrize("more", [{"duration": 5}, {"aspect_ratio": "4:3"}, {"seconds": "5"}, {"prompt": None}])
def test_what_fal_refuses_is_refused(more):
    with pytest.raises(FalClientHTTPError) as refusal:
        client().submit(FILM, arguments={"prompt": "a cat", **more})
    assert refusal.value.response.status_code == 422
