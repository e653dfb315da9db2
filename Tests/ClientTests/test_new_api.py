"""new-api in front of Kinora, in three generations: see new_api.py for what each insists on."""

import base64
import os
import time

import pytest

from conftest import KINORA
from media import png, probe
from new_api import Channel, FetchFailed, Task

REQUEST = {"model": "sora-2", "prompt": "a kite over the sea", "seconds": "4", "size": "720x1280"}


def opened(generation):
    # The address an operator types may end in a slash; new-api puts the path behind it all the same.
    return Channel(os.environ["KINORA_URL"] + "/", KINORA.key, KINORA.trust, generation)


@pytest.fixture(params=[1, 2, 3], ids=lambda generation: f"generation {generation}")
def channel(request):
    channel = opened(request.param)
    yield channel
    channel.close()


@pytest.fixture
def third():
    channel = opened(3)
    yield channel
    channel.close()


def ended(channel, *tasks):
    deadline = time.monotonic() + 60
    while not all(task.is_final for task in tasks):
        assert time.monotonic() < deadline, [task.state for task in tasks]
        channel.poll(tasks)
        time.sleep(0.2)  # its own pace is one pass every 15 s
    return tasks[0]


def test_a_task_runs_from_submit_to_content(channel, tmp_path):
    task, created = channel.submit(REQUEST)
    assert created["status"] in ("queued", "in_progress")
    assert (created["seconds"], created["size"]) == ("4", "720x1280")
    assert ended(channel, task).state == "SUCCESS"
    content = channel.content(task)
    assert content.headers["content-type"] == "video/mp4"
    (tmp_path / "film.mp4").write_bytes(content.content)
    assert probe(tmp_path / "film.mp4")["size"] == "720x1280"


def test_what_is_rendered_is_said_even_when_it_was_not_asked_for(channel):
    # new-api charges 4 s and 720x1280 for a bare request: only the echo lets it find out that it got more.
    task, created = channel.submit({"model": "sora-2", "prompt": "bare"})
    assert (created["seconds"], created["size"]) == ("15", "1280x720")
    assert task.billed_seconds == 4


def test_a_picture_is_taken_as_a_file(channel):
    task, _ = channel.submit(REQUEST, picture=png(720, 1280))
    assert ended(channel, task).state == "SUCCESS"


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"], ids=["base64", "data-url"])
def test_a_picture_is_taken_as_text(channel, prefix):
    text = prefix + base64.b64encode(png(720, 1280)).decode()
    task, _ = channel.submit({**REQUEST, "input_reference": text})
    assert ended(channel, task).state == "SUCCESS"


def test_a_remix_names_its_source(channel):
    source, _ = channel.submit(REQUEST)
    ended(channel, source)
    remix, created = channel.remix(source, "the same in snow")
    assert created["remixed_from_video_id"] == source.id
    assert ended(channel, remix).state == "SUCCESS"


def test_a_failed_task_is_refunded_with_its_reason(channel):
    task, _ = channel.submit({**REQUEST, "prompt": "[sandbox:fail]"})
    assert ended(channel, task).state == "FAILURE"
    assert task.reason == "Video generation failed"


def test_every_state_on_the_way_is_one_it_knows(channel):
    tasks = [channel.submit({**REQUEST, "prompt": f"one of many {n}"})[0] for n in range(10)]
    ended(channel, *tasks)
    assert {(task.state, task.reason) for task in tasks} == {("SUCCESS", "")}


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [({"model": "sora-99"}, 404, "sora-99"), ({"seconds": "5"}, 400, "seconds"), ({"prompt": " "}, 400, "prompt")],
    ids=["model", "seconds", "prompt"],
)
def test_a_refusal_reaches_its_user_with_our_words(channel, change, status, word):
    with pytest.raises(FetchFailed) as failure:
        channel.submit({**REQUEST, **change})
    assert failure.value.status == status
    assert word in failure.value.answer["message"]


def test_unfinished_content_is_no_content(channel):
    task, _ = channel.submit(REQUEST)
    with pytest.raises(FetchFailed):
        channel.content(task)


def test_the_third_asks_for_parts_and_for_heads(third):
    task, _ = third.submit(REQUEST)
    ended(third, task)
    whole = third.content(task)
    head = third.content(task, "HEAD")
    assert head.headers["content-length"] == whole.headers["content-length"] and not head.content
    part = third.content(task, Range="bytes=0-99")
    assert part.status_code == 206 and part.content == whole.content[:100]
    assert third.content(task, **{"If-None-Match": whole.headers["etag"]}).status_code == 304
    assert third.content(task, Range="bytes=99999999999-").status_code == 416


def test_what_never_was_is_given_up_and_nothing_else_is(channel):
    lost = Task("sora-2-000000000000", 4, "720x1280")
    channel.poll([lost])
    # The second takes our words for those of a failed task, the others the status.
    assert (lost.state, lost.faults) == ("FAILURE", 0)
    task, _ = channel.submit(REQUEST)
    assert ended(channel, task).faults == 0


@pytest.fixture
def painter():
    channel = opened(2)
    yield channel
    channel.close()


PICTURE = {"model": "gpt-image-2", "prompt": "a kite over the sea", "size": "1024x1024"}


@pytest.mark.parametrize("more", [{}, {"n": 2, "quality": "hd", "user": "u-1"}, {"references": ["gone"]}])
def test_pictures_are_drawn(painter, more):
    pictures = painter.draw({**PICTURE, **more})
    assert len(pictures) == more.get("n", 1)
    assert all(picture.get("url") or picture.get("b64_json") for picture in pictures)


@pytest.mark.parametrize("count", [1, 2])
def test_pictures_are_edited_from_files(painter, count):
    assert len(painter.edit(PICTURE, [png(64, 64)] * count)) == 1


@pytest.mark.parametrize("name", ["image", "images"])
def test_pictures_are_edited_from_text(painter, name):
    text = "data:image/png;base64," + base64.b64encode(png(64, 64)).decode()
    assert len(painter.edit({**PICTURE, name: text if name == "image" else [text]})) == 1


def test_a_refused_picture_reaches_its_user_with_our_words(painter):
    with pytest.raises(FetchFailed) as failure:
        painter.draw({**PICTURE, "n": 50})
    assert failure.value.status == 400 and '"n"' in failure.value.answer["message"]


def test_fields_it_passes_on_and_we_do_not_know_do_no_harm(channel):
    task, _ = channel.submit({**REQUEST, "metadata": {"a": 1}, "user": "u-1", "n": 1})
    assert ended(channel, task).state == "SUCCESS"


def test_a_wrong_key_is_refused_before_anything_is_accepted(channel):
    stranger = Channel(os.environ["KINORA_URL"], "sk-somebody-else", KINORA.trust)
    try:
        with pytest.raises(FetchFailed) as failure:
            stranger.submit(REQUEST)
        assert failure.value.status == 401
    finally:
        stranger.close()
