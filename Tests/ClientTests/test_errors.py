"""What Kinora refuses arrives as the SDK's own exceptions, with the code and the field a program can act on."""

import uuid

import openai
import pytest

from conftest import KINORA
from test_videos import QUICK

WRONG_KEYS = {
    "other": "sk-not-a-key-of-this-instance",
    "changed": KINORA.key[:-1] + ("0" if KINORA.key[-1:] != "0" else "1"),
    "well-formed": "kn_" + "a" * 12 + "_" + "b" * 49,
}


@pytest.mark.parametrize("key", WRONG_KEYS.values(), ids=WRONG_KEYS.keys())
def test_a_wrong_key_is_an_authentication_error(key):
    with KINORA.client(api_key=key) as client:
        for call in (client.models.list, lambda: client.videos.create(prompt="no", **QUICK)):
            with pytest.raises(openai.AuthenticationError) as refusal:
                call()
            assert refusal.value.code == "invalid_api_key"
            assert refusal.value.response.headers["www-authenticate"] == "Bearer"
            assert key not in refusal.value.response.text


def test_an_unknown_model_is_not_found(kinora):
    with pytest.raises(openai.NotFoundError) as refusal:
        kinora.videos.create(prompt="no", **{**QUICK, "model": "sora-99"})
    assert (refusal.value.code, refusal.value.param) == ("model_not_found", "model")


@pytest.mark.parametrize(
    ("field", "value"), [("size", "640x480"), ("size", "huge"), ("seconds", "5"), ("seconds", "four"), ("seconds", "-4")]
)
def test_a_bad_value_names_its_field(kinora, field, value):
    with pytest.raises(openai.BadRequestError) as refusal:
        kinora.videos.create(prompt="no", **{**QUICK, field: value})
    assert refusal.value.param == field
    assert refusal.value.body["param"] == field and field in refusal.value.body["message"]


@pytest.mark.parametrize("prompt", ["", "   ", "x" * 32_001], ids=["empty", "blank", "too-long"])
def test_a_prompt_must_say_something(kinora, prompt):
    with pytest.raises(openai.BadRequestError) as refusal:
        kinora.videos.create(prompt=prompt, **QUICK)
    assert refusal.value.param == "prompt"


def test_unfinished_content_says_that_it_is_not_ready(kinora):
    video = kinora.videos.create(prompt="too early", **QUICK)
    with pytest.raises(openai.BadRequestError) as refusal:
        kinora.videos.download_content(video.id)
    assert refusal.value.code == "task_not_completed"
    assert kinora.videos.poll(video.id, poll_interval_ms=200).status == "completed"
    assert kinora.videos.download_content(video.id).read()[4:8] == b"ftyp"


def test_content_of_a_failed_task_says_why(kinora):
    video = kinora.videos.create_and_poll(prompt="[sandbox:fail]", poll_interval_ms=200, **QUICK)
    with pytest.raises(openai.BadRequestError) as refusal:
        kinora.videos.download_content(video.id)
    assert refusal.value.code == "generation_failed"


@pytest.mark.parametrize("id", ["sora-2-0123456789ab", "video_does-not-exist", "x"])
def test_an_unknown_video_is_not_found(kinora, id):
    for call in (
        kinora.videos.retrieve,
        kinora.videos.delete,
        kinora.videos.download_content,
        lambda id: kinora.videos.remix(id, prompt="again"),
    ):
        with pytest.raises(openai.NotFoundError) as refusal:
            call(id)
        assert refusal.value.code == "task_not_found"


def test_a_running_task_cannot_be_deleted(kinora):
    video = kinora.videos.create(prompt="still running", **QUICK)
    with pytest.raises(openai.ConflictError):
        kinora.with_options(max_retries=0).videos.delete(video.id)


def test_a_remix_of_an_unfinished_task_is_refused(kinora):
    video = kinora.videos.create(prompt="still running", **QUICK)
    with pytest.raises(openai.BadRequestError) as refusal:
        kinora.videos.remix(video.id, prompt="again")
    assert refusal.value.code == "task_not_completed"


def test_a_refused_prompt_ends_the_task_with_its_reason(kinora):
    video = kinora.videos.create_and_poll(prompt="[sandbox:content_refusal]", poll_interval_ms=200, **QUICK)
    assert (video.status, video.error.code) == ("failed", "content_policy_violation")


def test_a_vendors_passing_faults_do_not_reach_the_client(kinora):
    # All at once: after a 500 at submit Kinora waits until it is sure that the vendor has no such task.
    faults = ["rate_limit", "server_error submit", "bad_gateway poll", "lost_answer", "unknown_status", "unavailable"]
    # The prompts are new at each run, since the sandbox remembers which ones it has struck already.
    run = uuid.uuid4()
    videos = {fault: kinora.videos.create(prompt=f"[sandbox:{fault}] {run}", **QUICK) for fault in faults}
    ends = {fault: kinora.videos.poll(video.id, poll_interval_ms=500) for fault, video in videos.items()}
    assert {fault: (end.status, end.error) for fault, end in ends.items()} == {
        fault: ("completed", None) for fault in faults
    }


def test_every_answer_can_be_found_in_the_log(kinora):
    raw = kinora.models.with_raw_response.list(extra_headers={"X-Request-ID": "client-tests.1"})
    assert raw.request_id == "client-tests.1"
    with pytest.raises(openai.NotFoundError) as refusal:
        kinora.videos.retrieve("sora-2-0123456789ab")
    assert refusal.value.request_id
