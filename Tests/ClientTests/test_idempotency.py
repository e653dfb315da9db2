"""Idempotency-Key: a client that got no answer may ask again without paying twice."""

import concurrent.futures
import uuid

import openai
import pytest

from conftest import KINORA
from media import png
from test_videos import QUICK


def once(client, key, prompt="only once", **fields):
    return client.videos.create(prompt=prompt, extra_headers={"Idempotency-Key": key}, **{**QUICK, **fields})


def test_the_same_request_gives_the_same_video(kinora):
    key = str(uuid.uuid4())
    first, second = once(kinora, key), once(kinora, key)
    assert second == first


def test_a_picture_counts_by_its_content(kinora):
    key, picture = str(uuid.uuid4()), png(720, 1280)
    first = once(kinora, key, input_reference=("a.png", picture, "image/png"))
    assert once(kinora, key, input_reference=("a.png", picture, "image/png")).id == first.id
    with pytest.raises(openai.UnprocessableEntityError):
        once(kinora, key, input_reference=("a.png", png(720, 1278), "image/png"))


def test_another_request_with_the_same_key_is_refused(kinora):
    key = str(uuid.uuid4())
    once(kinora, key)
    for change in ({"prompt": "something else"}, {"seconds": "8"}):
        with pytest.raises(openai.UnprocessableEntityError) as refusal:
            once(kinora, key, **change)
        assert refusal.value.code == "idempotency_mismatch"


def test_without_a_key_each_request_is_a_video_of_its_own(kinora):
    assert kinora.videos.create(prompt="twice", **QUICK).id != kinora.videos.create(prompt="twice", **QUICK).id


def test_racing_requests_make_one_video():
    key = str(uuid.uuid4())

    def submit(_):
        with KINORA.client() as client:
            return once(client, key).id

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(submit, range(16)))) == 1
