"""Chats whose answer is a picture or a video, as Sora2API's and Jimeng's clients have them, by the SDK as it is."""

import json

import openai
import pytest

from conftest import KINORA
from test_images import fetched

FILM = {"model": "sora-video-landscape-10s", "messages": [{"role": "user", "content": "a paper boat in the rain"}]}


@pytest.fixture
def chats():
    # Without the SDK's own retries: each request is paid for.
    with KINORA.client(max_retries=0) as client:
        yield client.chat.completions


def test_a_video_is_named_in_the_answer(chats):
    answer = chats.create(**FILM)
    assert (answer.object, answer.model) == ("chat.completion", FILM["model"])
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is None
    told = json.loads(answer.choices[0].message.content)
    assert told["type"] == "video"
    assert fetched(told["url"])[4:8] == b"ftyp"


def test_a_stream_tells_how_far_it_is_and_then_what_was_made(chats):
    chunks = list(chats.create(**FILM, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    progress = [
        chunk.choices[0].delta.reasoning_content
        for chunk in chunks
        if chunk.choices and "reasoning_content" in chunk.choices[0].delta.model_extra
    ]
    percents = [step["progress"] for step in progress]
    assert percents and percents == sorted(percents)
    assert {"stage", "status", "progress", "message"} == set(progress[0])
    contents = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert len(contents) == 1 and fetched(json.loads(contents[0])["url"])[4:8] == b"ftyp"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens == 0


def test_a_picture_is_drawn_by_a_chat(chats):
    words = [{"role": "user", "content": [{"type": "text", "text": "a boat"}]}]
    answer = chats.create(model="gpt-image-2", messages=words, extra_body={"size": "64x80"})
    assert fetched(json.loads(answer.choices[0].message.content)["url"])[:4] == b"\x89PNG"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("change", "error", "param"),
    [
        ({"messages": []}, openai.BadRequestError, "messages"),
        ({"n": 5}, openai.BadRequestError, "n"),
        ({"extra_body": {"seconds": 15}}, openai.BadRequestError, "seconds"),
        ({"extra_body": {"character_options": {"timestamps": "0,3"}}}, openai.BadRequestError, "video"),
        ({"extra_body": {"remix_target_id": "sora-2-000000000000"}}, openai.NotFoundError, None),
    ],
)
def test_a_refusal_is_the_sdks_own_error(chats, stream, change, error, param):
    with pytest.raises(error) as refusal:
        chats.create(**{**FILM, **change}, stream=stream)
    assert param is None or refusal.value.param == param


def test_a_stream_that_fails_is_an_error(chats):
    words = [{"role": "user", "content": "[sandbox:content_refusal] no"}]
    with pytest.raises(openai.APIError) as failure:
        for _ in chats.create(model=FILM["model"], messages=words, stream=True):
            pass
    assert failure.value.code == "content_policy_violation"
