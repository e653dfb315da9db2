"""The sandbox under the SDK: an independent witness that it speaks OpenAI's format, faults and refusals included."""

import uuid

import openai
import pytest

import strictly
from conftest import SANDBOX, unhurried
from media import png
from test_videos import QUICK, finished


def marked(marker):
    """A prompt that the sandbox has not struck yet."""
    return f"[sandbox:{marker}] {uuid.uuid4()}"


def test_the_defaults_are_openais(sandbox):
    video = strictly.video(sandbox.videos.with_raw_response.create(prompt="bare"))
    assert (video.model, video.seconds, video.size, video.status) == ("sora-2", "4", "720x1280", "queued")
    assert video.id.startswith("video_")


def test_a_wrong_key_is_an_authentication_error():
    with SANDBOX.client(api_key="sk-live-somebody", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as refusal:
            client.models.list()
    assert refusal.value.code == "invalid_api_key"


def test_another_key_sees_nothing_of_ours(sandbox):
    video = sandbox.videos.create(prompt="mine", **QUICK)
    with SANDBOX.client(api_key=f"sk-sandbox-{uuid.uuid4()}") as stranger:
        assert stranger.videos.list().data == []
        with pytest.raises(openai.NotFoundError):
            stranger.videos.retrieve(video.id)


@pytest.mark.parametrize(
    ("field", "value"), [("model", "sora-99"), ("size", "640x480"), ("size", "1792x1024"), ("seconds", "5")]
)
def test_a_bad_value_names_its_field(sandbox, field, value):
    with pytest.raises(openai.BadRequestError) as refusal:
        sandbox.videos.create(prompt="no", **{**QUICK, field: value})
    assert (refusal.value.type, refusal.value.param) == ("invalid_request_error", field)
    assert refusal.value.code == "invalid_value"


def test_pro_has_more_sizes(sandbox):
    video = sandbox.videos.create(prompt="wide", model="sora-2-pro", seconds="4", size="1792x1024")
    assert (video.model, video.size) == ("sora-2-pro", "1792x1024")


def test_an_unknown_parameter_is_refused(sandbox):
    with pytest.raises(openai.BadRequestError) as refusal:
        sandbox.videos.create(prompt="no", extra_body={"duration": "4"}, **QUICK)
    assert (refusal.value.code, refusal.value.param) == ("unknown_parameter", "duration")


def test_a_picture_of_another_size_is_refused(sandbox):
    with pytest.raises(openai.BadRequestError) as refusal:
        sandbox.videos.create(prompt="no", input_reference=("a.png", png(64, 64), "image/png"), **QUICK)
    assert refusal.value.param == "input_reference"


def test_content_that_is_not_ready_is_not_found(sandbox):
    with unhurried():
        video = sandbox.videos.create(prompt="too early", **QUICK)
    with pytest.raises(openai.NotFoundError):
        sandbox.videos.download_content(video.id)


@pytest.mark.parametrize(
    ("marker", "error"),
    [
        ("rate_limit", openai.RateLimitError),
        ("concurrency", openai.RateLimitError),
        ("insufficient_quota", openai.RateLimitError),
        ("server_error", openai.InternalServerError),
        ("bad_gateway", openai.InternalServerError),
        ("unavailable", openai.InternalServerError),
        ("content_refusal", openai.BadRequestError),
        ("wrong_key", openai.AuthenticationError),
        ("lost_answer", openai.APIConnectionError),
        ("half_close", openai.APIConnectionError),
    ],
)
def test_a_fault_at_submit_is_the_sdks_own_exception(sandbox, marker, error):
    # A time limit counts as a broken connection too: nginx may leave half an answer hanging instead of cutting it.
    seconds = 3 if error is openai.APIConnectionError else 60
    with pytest.raises(error):
        sandbox.videos.create(prompt=marked(f"{marker} submit"), timeout=seconds, **QUICK)


def test_a_hanging_vendor_runs_into_the_clients_time_limit(sandbox):
    with pytest.raises(openai.APITimeoutError):
        sandbox.videos.create(prompt=marked("hang submit"), timeout=0.5, **QUICK)


def test_a_refused_prompt_says_why(sandbox):
    with pytest.raises(openai.BadRequestError) as refusal:
        sandbox.videos.create(prompt=marked("content_refusal"), **QUICK)
    assert refusal.value.code == "content_policy_violation"


@pytest.mark.parametrize("marker", ["rate_limit", "server_error", "unavailable"])
def test_the_sdks_own_retry_gets_past_a_passing_fault(marker):
    with SANDBOX.client(max_retries=2) as client:
        assert finished(client, marked(f"{marker} submit"))


def test_a_poll_may_fail_and_the_next_one_succeed(sandbox):
    video = sandbox.videos.create(prompt=marked("server_error poll"), **QUICK)
    with pytest.raises(openai.InternalServerError):
        sandbox.videos.retrieve(video.id)
    assert sandbox.videos.poll(video.id, poll_interval_ms=200).status == "completed"


def test_a_result_may_be_missing(sandbox):
    video = finished(sandbox, marked("empty_result"))
    for _ in range(2):
        with pytest.raises(openai.NotFoundError):
            sandbox.videos.download_content(video.id)


def test_answers_carry_openais_headers(sandbox):
    raw = sandbox.models.with_raw_response.list()
    assert raw.request_id.startswith("req_")
    assert int(raw.headers["openai-processing-ms"]) >= 0
