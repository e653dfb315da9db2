"""Zhipu by its own SDK (zai-sdk)."""

import base64
import time

import httpx
import pytest
import zai
from zai.core import APIRequestFailedError, APIAuthenticationError, APIReachLimitError, APIInternalError

from conftest import KINORA
from media import png
from sandboxed import SANDBOX_URL, accepted, anybody, is_film  # noqa: F401

PICTURE = "data:image/png;base64," + base64.b64encode(png(64, 64)).decode()


def client(key="sandbox-sdk.secret", **more):
    return zai.ZhipuAiClient(
        api_key=key,
        base_url=f"{SANDBOX_URL}/zhipu/api/paas/v4",
        http_client=httpx.Client(verify=KINORA.trust, trust_env=False),
        max_retries=0,
        **more,
    )


@pytest.fixture
def zhipu():
    return client()


def finished(zhipu, made):
    assert made.task_status == "PROCESSING"
    deadline = time.monotonic() + 120
    while True:
        task = zhipu.videos.retrieve_videos_result(id=made.id)
        if task.task_status != "PROCESSING":
            return task
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.parametrize("more", [{}, {"image_url": PICTURE}, {"image_url": [PICTURE, PICTURE]}])
def test_a_film_is_made_polled_and_fetched(zhipu, anybody, more):  # noqa: F811
    before = accepted("zhipu")
    made = zhipu.videos.generations(
        model="cogvideox-3", prompt="a quiet harbour", size="1280x720", duration=5, with_audio=False, **more
    )
    assert accepted("zhipu") == before + 1
    ended = finished(zhipu, made)
    assert ended.task_status == "SUCCESS" and ended.model == "cogvideox-3"
    url = ended.video_result[0].url
    assert is_film(anybody.get(url))
    assert anybody.get(url, headers={"Authorization": "Bearer x"}).status_code == 400


def test_a_picture_comes_at_once(zhipu, anybody):  # noqa: F811
    made = zhipu.images.generations(model="cogview-3-flash", prompt="a cat", size="1024x1024")
    assert anybody.get(made.data[0].url).content[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("marker", "error", "code"),
    [
        ("rate_limit", APIReachLimitError, "1303"),
        ("concurrency", APIReachLimitError, "1302"),
        ("insufficient_quota", APIReachLimitError, "1113"),
        ("content_refusal", APIRequestFailedError, "1301"),
        ("wrong_key", APIAuthenticationError, "1002"),
        ("server_error", APIInternalError, "1234"),
    ],
)
def test_faults_are_the_sdks_own_exceptions(zhipu, marker, error, code):
    with pytest.raises(error) as refusal:
        zhipu.videos.generations(model="cogvideox-3", prompt=f"[sandbox:{marker}] {time.monotonic_ns()}")
    assert refusal.value.response.json()["error"]["code"] == code


def test_a_wrong_key_is_refused():
    with pytest.raises(APIAuthenticationError):
        client("somebody.else").videos.retrieve_videos_result(id="1")


@pytest.mark.parametrize(
    "wanted",
    [
        {"model": "cogvideox-3", "duration": 7},
        {"model": "no-such-model"},
        {"model": "cogvideox-3", "size": "640x480"},
        {"model": "cogvideox-3", "image_url": [PICTURE]},
    ],
)
def test_what_zhipu_refuses_is_refused(zhipu, wanted):
    with pytest.raises(APIRequestFailedError):
        zhipu.videos.generations(prompt="a cat", **wanted)
