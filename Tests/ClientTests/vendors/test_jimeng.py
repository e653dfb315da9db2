"""Jimeng by Volcengine's own SDK (volcengine), which signs by itself."""

import base64
import json
import time

import pytest
from volcengine.visual.VisualService import VisualService

from conftest import KINORA
from media import png
from sandboxed import SANDBOX_URL, accepted, anybody, is_film  # noqa: F401

PICTURE = base64.b64encode(png(400, 400)).decode()


@pytest.fixture
def jimeng():
    """There is but one of it in a process."""
    service = VisualService()
    service.session.verify = KINORA.ca
    service.session.trust_env = False
    service.set_scheme("https")
    service.set_host(SANDBOX_URL.removeprefix("https://"))
    for action in ("CVSync2AsyncSubmitTask", "CVSync2AsyncGetResult"):
        service.api_info[action].path = "/jimeng/"
    service.set_ak("AKSANDBOXsdk1")
    service.set_sk("SKSANDBOXsdk1")
    return service


def finished(jimeng, made):
    assert made["code"] == 10000, made
    question = {
        "req_key": made["req_key"], "task_id": made["data"]["task_id"], "req_json": json.dumps({"return_url": True})
    }
    deadline = time.monotonic() + 120
    while True:
        answer = jimeng.cv_sync2async_get_result(question)
        assert answer["code"] == 10000, answer
        if answer["data"]["status"] not in ("in_queue", "generating"):
            return answer["data"]
        assert time.monotonic() < deadline
        time.sleep(0.2)


def submitted(jimeng, wanted):
    return {**jimeng.cv_sync2async_submit_task(wanted), "req_key": wanted["req_key"]}


FILMS = {
    "text": {"req_key": "jimeng_t2v_v30", "prompt": "a red kite", "frames": 121, "aspect_ratio": "9:16", "seed": -1},
    "picture": {"req_key": "jimeng_i2v_first_v30", "prompt": "it moves", "binary_data_base64": [PICTURE]},
    "frames": {"req_key": "jimeng_i2v_first_tail_v30_1080", "prompt": "it moves", "binary_data_base64": [PICTURE] * 2},
    "both": {"req_key": "jimeng_ti2v_v30_pro", "prompt": "猫", "frames": 241},
}


@pytest.mark.parametrize("wanted", FILMS.values(), ids=FILMS.keys())
def test_a_film_is_made_polled_and_fetched(jimeng, anybody, wanted):  # noqa: F811
    before = accepted("jimeng")
    ended = finished(jimeng, submitted(jimeng, wanted))
    assert accepted("jimeng") == before + 1
    assert ended["status"] == "done"
    assert is_film(anybody.get(ended["video_url"]))
    assert anybody.get(ended["video_url"], headers={"Authorization": "x"}).status_code == 400


@pytest.mark.parametrize(
    "wanted",
    [
        {"req_key": "jimeng_t2i_v30", "prompt": "a cat", "width": 1328, "height": 1328, "use_pre_llm": True},
        {"req_key": "jimeng_i2i_v30", "prompt": "a dog", "binary_data_base64": [PICTURE]},
        {"req_key": "jimeng_t2i_v40", "prompt": "a cat", "width": 2048, "height": 1152, "force_single": True},
    ],
)
def test_a_picture_is_made(jimeng, anybody, wanted):  # noqa: F811
    ended = finished(jimeng, submitted(jimeng, wanted))
    assert [anybody.get(url).content[:3] for url in ended["image_urls"]] == [b"\xff\xd8\xff"]


@pytest.mark.parametrize(
    ("marker", "code"),
    [
        ("rate_limit", "50429"), ("concurrency", "50430"), ("content_refusal", "50412"), ("server_error", "50500"),
        ("insufficient_quota", "AccessDenied"), ("wrong_key", "InvalidAccessKey"),
    ],
)
def test_faults_have_the_vendors_codes(jimeng, marker, code):
    with pytest.raises(Exception) as refusal:
        jimeng.cv_sync2async_submit_task(
            {"req_key": "jimeng_t2v_v30", "prompt": f"[sandbox:{marker}] {time.monotonic_ns()}"})
    assert code in str(refusal.value)


def test_a_wrong_secret_is_refused(jimeng):
    jimeng.set_sk("SKSANDBOXanother")
    with pytest.raises(Exception) as refusal:
        jimeng.cv_sync2async_submit_task({"req_key": "jimeng_t2v_v30", "prompt": "a red kite"})
    assert "SignatureDoesNotMatch" in str(refusal.value)


def test_a_task_is_known_to_its_service_only(jimeng):
    made = submitted(jimeng, FILMS["text"])
    made["req_key"] = "jimeng_ti2v_v30_pro"
    assert finished(jimeng, made)["status"] == "not_found"
