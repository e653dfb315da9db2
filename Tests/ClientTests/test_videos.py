"""The videos API as the SDK's own documentation shows it: the same for Kinora and for a vendor."""

import asyncio

import httpx2
import openai
import pytest

import strictly
from media import png, probe

QUICK = {"model": "sora-2", "seconds": "4", "size": "720x1280"}


def finished(client, prompt="a paper boat in the rain", **fields):
    video = client.videos.create_and_poll(prompt=prompt, poll_interval_ms=200, **{**QUICK, **fields})
    assert video.status == "completed", video.error
    return video


def test_a_prompt_alone_becomes_a_video(client):
    video = finished(client)
    assert (video.object, video.model, video.progress) == ("video", "sora-2", 100)
    assert (video.seconds, video.size, video.prompt) == ("4", "720x1280", "a paper boat in the rain")
    assert video.created_at <= video.completed_at
    assert video.error is None and video.remixed_from_video_id is None


@pytest.mark.parametrize("size", ["720x1280", "1280x720"])
def test_a_reference_image_of_the_right_size_is_taken(client, size):
    picture = ("first-frame.png", png(*map(int, size.split("x"))), "image/png")
    assert finished(client, "it comes alive", size=size, input_reference=picture).size == size


def test_a_reference_that_is_no_picture_is_refused(client):
    with pytest.raises(openai.BadRequestError) as refusal:
        client.videos.create(prompt="no", input_reference=("a.png", b"not a picture", "image/png"), **QUICK)
    assert refusal.value.param == "input_reference"


def test_a_remix_names_its_source(client):
    source = finished(client)
    remix = client.videos.remix(source.id, prompt="the same at night")
    assert remix.id != source.id
    assert remix.remixed_from_video_id == source.id
    remix = client.videos.poll(remix.id, poll_interval_ms=200)
    assert (remix.status, remix.prompt) == ("completed", "the same at night")
    assert (remix.seconds, remix.size) == (source.seconds, source.size)
    assert remix.remixed_from_video_id == source.id


def test_every_answer_has_exactly_the_declared_types(client):
    created = strictly.video(client.videos.with_raw_response.create(prompt="strict", **QUICK))
    assert created.status in ("queued", "in_progress") and created.progress < 100
    client.videos.poll(created.id, poll_interval_ms=200)
    ended = strictly.video(client.videos.with_raw_response.retrieve(created.id))
    assert (ended.id, ended.status) == (created.id, "completed")


def test_progress_never_falls(client):
    video = client.videos.create(prompt="watch me", **QUICK)
    seen = [video.progress]
    while video.status in ("queued", "in_progress"):
        # Kinora holds the request until something changes; the sandbox answers at once, which is as good.
        video = client.videos.retrieve(video.id, extra_query={"wait": "1"})
        seen.append(video.progress)
    assert seen == sorted(seen) and seen[-1] == 100


def test_a_list_goes_over_several_pages(client):
    made = [client.videos.create(prompt=f"page {n}", **QUICK).id for n in range(5)]
    newest_first = [video.id for video in take(client.videos.list(limit=2), until=made[0])]
    assert [id for id in newest_first if id in made] == made[::-1]
    assert len(set(newest_first)) == len(newest_first)
    oldest_first = [video.id for video in client.videos.list(limit=2, order="asc", after=made[0])]
    assert oldest_first[:4] == made[1:]


def take(videos, until):
    for video in videos:
        yield video
        if video.id == until:
            return
    raise AssertionError(f"{until} is not in the list")


def test_a_page_says_whether_there_are_more(client):
    made = [client.videos.create(prompt=f"more {n}", **QUICK).id for n in range(3)]
    page = client.videos.list(limit=2)
    assert [video.id for video in page.data] == made[:0:-1]
    assert page.has_more and page.last_id == made[1]
    rest = client.videos.list(limit=100, order="asc", after=made[1])
    assert made[2] in [video.id for video in rest.data] and not rest.has_more


def test_a_deleted_video_is_gone(client):
    video = finished(client)
    answer = client.videos.delete(video.id)
    assert (answer.id, answer.object, answer.deleted) == (video.id, "video.deleted", True)
    for call in (client.videos.retrieve, client.videos.download_content, client.videos.delete):
        with pytest.raises(openai.NotFoundError):
            call(video.id)


@pytest.mark.parametrize(("size", "seconds"), [("720x1280", "4"), ("1280x720", "8")])
def test_the_content_is_the_film_that_was_ordered(client, tmp_path, size, seconds):
    video = finished(client, size=size, seconds=seconds)
    content = client.videos.download_content(video.id)
    assert content.response.headers["content-type"] == "video/mp4"
    content.write_to_file(tmp_path / "film.mp4")
    film = probe(tmp_path / "film.mp4")
    assert (film["codec"], film["size"]) == ("h264", size)
    assert film["seconds"] == pytest.approx(int(seconds), abs=0.25)


def test_content_can_be_streamed(client):
    video = finished(client)
    whole = client.videos.download_content(video.id).read()
    with client.videos.with_streaming_response.download_content(video.id) as response:
        pieces = list(response.iter_bytes(4096))
    assert len(pieces) > 1 and b"".join(pieces) == whole


def test_a_part_of_the_content_can_be_fetched(client):
    video = finished(client)
    whole = client.videos.download_content(video.id).read()
    part = client.videos.download_content(video.id, extra_headers={"Range": "bytes=100-199"})
    assert part.response.status_code == 206
    assert part.read() == whole[100:200]


@pytest.mark.parametrize(
    "prompt",
    [
        "一只纸船在雨中漂流，镜头缓缓推近。",
        "كلب يركض على الشاطئ عند الغروب",
        "👩🏽‍🚀 plants a 🏳️‍🌈 on the moon",
        "naïve cafe\u0301 — Ωmega ǅ ﷺ \u202eback\u202c",
        'quotes " and \' and \\ and\nnew\r\nlines\tand tabs',
        "100 % {json} <tag> &amp; ${shell} $(x) '; DROP TABLE task; --",
    ],
    ids=["chinese", "arabic", "emoji", "marks", "escapes", "hostile"],
)
def test_a_prompt_comes_back_as_it_was_sent(client, prompt):
    video = client.videos.create(prompt=prompt, **QUICK)
    assert video.prompt == prompt
    assert client.videos.retrieve(video.id).prompt == prompt


def test_a_failed_task_says_so(client):
    video = client.videos.create_and_poll(prompt="[sandbox:fail] a storm", poll_interval_ms=200, **QUICK)
    assert (video.status, video.error.code) == ("failed", "generation_failed")
    assert video.error.message and video.completed_at is None


def test_models_can_be_listed_and_looked_up(client):
    models = {model.id: model for model in client.models.list()}
    assert {"sora-2", "sora-2-pro"} <= models.keys()
    assert client.models.retrieve("sora-2") == models["sora-2"]
    assert (models["sora-2"].object, type(models["sora-2"].created)) == ("model", int)
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("sora-99")


def test_the_async_client_works_on_many_at_once(service):
    async def scenario():
        async with service.async_client() as client:
            videos = await asyncio.gather(
                *(client.videos.create_and_poll(prompt=f"async {n}", poll_interval_ms=200, **QUICK) for n in range(8))
            )
            assert {video.status for video in videos} == {"completed"}
            assert len({video.id for video in videos}) == 8
            contents = await asyncio.gather(*(client.videos.download_content(video.id) for video in videos))
            assert {(await content.aread())[4:8] for content in contents} == {b"ftyp"}

    asyncio.run(scenario())


def test_an_authority_that_is_not_trusted_ends_the_call(service):
    stranger = httpx2.Client(trust_env=False, timeout=60)
    with service.client(http_client=stranger, max_retries=0) as client:
        with pytest.raises(openai.APIConnectionError) as failure:
            client.models.list()
    assert "certificate" in str(failure.value.__cause__).lower()
