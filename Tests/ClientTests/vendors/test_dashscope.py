"""Alibaba's DashScope by its own SDK (dashscope)."""

import base64
import os
import time

import dashscope
import httpx2
import pytest
from dashscope import ImageSynthesis, VideoSynthesis
from dashscope.aigc.image_generation import ImageGeneration
from dashscope.api_entities.dashscope_response import Message

from conftest import KINORA, unhurried
from media import png
from sandboxed import SANDBOX_URL, accepted, anybody, is_film  # noqa: F401

KEY = {"api_key": "sk-sandbox-dashscope"}
PICTURE = "data:image/png;base64," + base64.b64encode(png(64, 64)).decode()


@pytest.fixture(autouse=True)
def sandbox_for_dashscope(monkeypatch):
    monkeypatch.setattr(dashscope, "base_http_api_url", f"{SANDBOX_URL}/dashscope/api/v1")
    monkeypatch.setitem(os.environ, "REQUESTS_CA_BUNDLE", KINORA.ca)


def finished(kind, made):
    assert made.status_code == 200, made
    assert made.output.task_status == "PENDING"
    return kind.wait(made, wait_timeout=60, **KEY)


FILMS = {
    "text, older": dict(model="wan2.6-t2v", prompt="a cat", size="720*1280", duration=5, negative_prompt="dogs"),
    "picture, older": dict(model="wan2.2-i2v-flash", prompt="it moves", img_url=PICTURE, resolution="720P"),
    "frames, older": dict(
        model="wan2.2-kf2v-flash", prompt="between", first_frame_url=PICTURE, last_frame_url=PICTURE,
        resolution="480P",
    ),
    "references, older": dict(
        model="wan2.6-r2v", prompt="character1 and character2", reference_urls=[PICTURE, "https://m.example/1.mp4"]
    ),
    "text, newer": dict(
        model="happyhorse-1.0-t2v", prompt="a cat", resolution="720P", ratio="9:16", duration=4, watermark=False
    ),
    "picture, newer": dict(
        model="happyhorse-1.0-i2v", prompt="it moves", media=[{"type": "first_frame", "url": PICTURE}]
    ),
    "frames, newer": dict(
        model="wan2.7-i2v", prompt="between", resolution="720P",
        media=[{"type": "first_frame", "url": PICTURE}, {"type": "last_frame", "url": PICTURE}],
    ),
    "references, newer": dict(
        model="happyhorse-1.0-r2v", prompt="both", media=[{"type": "reference_image", "url": PICTURE}] * 2
    ),
}


@pytest.mark.parametrize("wanted", FILMS.values(), ids=FILMS.keys())
def test_a_film_is_made_polled_and_fetched(wanted, anybody):  # noqa: F811
    before = accepted("dashscope")
    ended = finished(VideoSynthesis, VideoSynthesis.async_call(**wanted, **KEY))
    assert accepted("dashscope") == before + 1
    assert ended.output.task_status == "SUCCEEDED"
    assert ended.usage["video_count"] == 1
    assert is_film(anybody.get(ended.output.video_url))
    assert anybody.get(ended.output.video_url, headers={"Authorization": "Bearer sk-sandbox-x"}).status_code == 400


def test_pictures_of_the_older_models(anybody):  # noqa: F811
    made = ImageSynthesis.async_call(model="wan2.2-t2i-flash", prompt="a cat", n=2, size="512*512", **KEY)
    ended = finished(ImageSynthesis, made)
    assert ended.output.task_metrics["SUCCEEDED"] == 2
    urls = [result.url for result in ended.output.results]
    assert len(set(urls)) == 2
    assert all(anybody.get(url).content[:4] == b"\x89PNG" for url in urls)


def test_pictures_of_the_newer_models(anybody):  # noqa: F811
    message = Message(role="user", content=[{"text": "a cat"}, {"image": PICTURE}])
    made = ImageGeneration.async_call(model="wan2.6-image", messages=[message], n=1, size="1280*1280", **KEY)
    ended = finished(ImageGeneration, made)
    picture = ended.output.choices[0].message.content[0]["image"]
    assert anybody.get(picture).content[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (dict(model="wan9.9-t2v", prompt="a cat"), "ModelNotFound"),
        (dict(model="wan2.6-t2v", prompt="a cat", size="1280x720"), "InvalidParameter"),
        (dict(model="wan2.6-t2v", prompt="a cat", duration=7), "InvalidParameter"),
        (dict(model="happyhorse-1.0-i2v", prompt="a cat"), "InvalidParameter"),
        (
            dict(
                model="happyhorse-1.0-i2v", prompt="a cat", ratio="16:9",
                media=[{"type": "first_frame", "url": PICTURE}],
            ),
            "InvalidParameter",
        ),
        (
            dict(model="happyhorse-1.0-i2v", prompt="a cat", media=[{"type": "first_frame", "url": PICTURE}] * 2),
            "InvalidParameter",
        ),
    ],
)
def test_what_dashscope_refuses_is_refused(wanted, code):
    refused = VideoSynthesis.async_call(**wanted, **KEY)
    assert (refused.code, refused.status_code) == (code, 404 if code == "ModelNotFound" else 400)


@pytest.mark.parametrize(
    ("marker", "status", "code"),
    [
        ("rate_limit", 429, "Throttling.RateQuota"),
        ("insufficient_quota", 400, "Arrearage"),
        ("content_refusal", 400, "DataInspectionFailed"),
        ("wrong_key", 401, "InvalidApiKey"),
        ("server_error", 500, "InternalError"),
    ],
)
def test_faults_have_the_vendors_codes(marker, status, code):
    refused = VideoSynthesis.async_call(model="wan2.6-t2v", prompt=f"[sandbox:{marker}] {time.monotonic_ns()}", **KEY)
    assert (refused.status_code, refused.code) == (status, code)


def test_without_the_header_of_tasks_nothing_is_made():
    with httpx2.Client(verify=KINORA.trust, trust_env=False, timeout=60) as http:
        refused = http.post(
            f"{SANDBOX_URL}/dashscope/api/v1/services/aigc/video-generation/video-synthesis",
            headers={"Authorization": "Bearer sk-sandbox-x"},
            json={"model": "wan2.6-t2v", "input": {"prompt": "a cat"}},
        )
    assert refused.status_code == 403 and "synchronous" in refused.json()["message"]


def test_what_is_pending_is_cancelled_and_listed():
    with unhurried():
        made = VideoSynthesis.async_call(model="wan2.5-t2v-preview", prompt="a cat", **KEY)
    assert VideoSynthesis.cancel(made, **KEY).status_code == 200
    assert VideoSynthesis.fetch(made, **KEY).output.task_status == "CANCELED"
    again = VideoSynthesis.cancel(made, **KEY)
    assert (again.status_code, again.code) == (400, "UnsupportedOperation")
    listed = VideoSynthesis.list(model_name="wan2.5-t2v-preview", status="CANCELED", **KEY).output
    assert made.output.task_id in [task["task_id"] for task in listed["data"]]
    unknown = VideoSynthesis.fetch("no-such-task", **KEY)
    assert unknown.output.task_status == "UNKNOWN"
