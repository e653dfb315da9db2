"""Volcengine Ark by its own SDK (volcengine-ark-runtime)."""

import base64
import time

import httpx
import pytest
import volcenginesdkarkruntime._exceptions as errors
from volcenginesdkarkruntime import Ark

from conftest import KINORA
from media import png
from sandboxed import SANDBOX_URL, accepted, anybody, is_film  # noqa: F401

VIDEO = "doubao-seedance-1-5-pro-251215"
REFERENCES = "doubao-seedance-2-0-260128"
TEXT = [{"type": "text", "text": "a quiet harbour"}]


def client(key="ark-sandbox-sdk", vendor="ark"):
    return Ark(
        base_url=f"{SANDBOX_URL}/{vendor}/api/v3",
        api_key=key,
        max_retries=0,
        http_client=httpx.Client(verify=KINORA.trust, trust_env=False),
    )


@pytest.fixture
def ark():
    return client()


def data_url(picture):
    return "data:image/png;base64," + base64.b64encode(picture).decode()


def frame(role):
    return {"type": "image_url", "image_url": {"url": data_url(png(64, 64))}, "role": role}


def finished(ark, task_id):
    deadline = time.monotonic() + 120
    while True:
        task = ark.content_generation.tasks.get(task_id=task_id)
        if task.status not in ("queued", "running"):
            return task
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_film_is_made_polled_and_fetched(ark, anybody):
    before = accepted("ark")
    made = ark.content_generation.tasks.create(
        model=VIDEO, content=TEXT, resolution="480p", ratio="9:16", duration=4, seed=7, generate_audio=False
    )
    assert made.id.startswith("cgt-")
    assert accepted("ark") == before + 1
    task = finished(ark, made.id)
    assert (task.status, task.model, task.resolution, task.ratio) == ("succeeded", VIDEO, "480p", "9:16")
    assert (task.duration, task.seed, task.generate_audio, task.error) == (4, 7, False, None)
    assert task.usage.completion_tokens > 0
    assert is_film(anybody.get(task.content.video_url))
    with_key = anybody.get(task.content.video_url, headers={"Authorization": "Bearer ark-sandbox-sdk"})
    assert with_key.status_code == 400
    assert anybody.get(task.content.video_url.split("?")[0] + "?expires=1").status_code == 403


@pytest.mark.parametrize("roles", [["first_frame"], ["first_frame", "last_frame"]])
def test_frames_are_sent_as_data(ark, roles):
    content = TEXT + [frame(role) for role in roles]
    made = ark.content_generation.tasks.create(model=VIDEO, content=content, duration=4)
    assert finished(ark, made.id).status == "succeeded"


def test_references_of_every_kind(ark):
    content = TEXT + [
        frame("reference_image"),
        {"type": "video_url", "video_url": {"url": "https://media.example/1.mp4"}, "role": "reference_video"},
        {"type": "audio_url", "audio_url": {"url": "https://media.example/1.mp3"}, "role": "reference_audio"},
    ]
    made = ark.content_generation.tasks.create(model=REFERENCES, content=content, duration=4)
    assert finished(ark, made.id).status == "succeeded"


@pytest.mark.parametrize(
    ("model", "content", "more"),
    [
        (VIDEO, TEXT, {"duration": 3}),
        (VIDEO, TEXT, {"resolution": "2k"}),
        (VIDEO, TEXT, {"frames": 29}),
        (VIDEO, TEXT + [frame("reference_image")], {}),
        (VIDEO, TEXT + [frame("last_frame")], {}),
        (REFERENCES, TEXT + [frame("first_frame"), frame("reference_image")], {}),
        (REFERENCES, TEXT, {"service_tier": "flex"}),
        (REFERENCES, TEXT, {"callback_url": "http://inside/"}),
        (REFERENCES, [], {}),
    ],
)
def test_what_ark_refuses_is_refused(ark, model, content, more):
    with pytest.raises(errors.ArkBadRequestError):
        ark.content_generation.tasks.create(model=model, content=content, **more)


def test_the_names_of_models_are_a_sites_own():
    with pytest.raises(errors.ArkNotFoundError) as refusal:
        client().content_generation.tasks.create(model="dreamina-seedance-2-0-260128", content=TEXT)
    assert refusal.value.code == "InvalidEndpointOrModel.NotFound"
    abroad = client("byteplus-sandbox-sdk", "byteplus")
    made = abroad.content_generation.tasks.create(model="dreamina-seedance-2-0-260128", content=TEXT)
    assert finished(abroad, made.id).status == "succeeded"


@pytest.mark.parametrize(
    ("marker", "error", "code"),
    [
        ("rate_limit", errors.ArkRateLimitError, "ModelAccountRpmRateLimitExceeded"),
        ("concurrency", errors.ArkRateLimitError, "QuotaExceeded"),
        ("insufficient_quota", errors.ArkPermissionDeniedError, "AccountOverdueError"),
        ("content_refusal", errors.ArkBadRequestError, "InputTextSensitiveContentDetected"),
        ("wrong_key", errors.ArkAuthenticationError, "AuthenticationError"),
        ("server_error", errors.ArkInternalServerError, "InternalServiceError"),
    ],
)
def test_faults_are_the_sdks_own_exceptions(ark, marker, error, code):
    content = [{"type": "text", "text": f"[sandbox:{marker}] {time.monotonic_ns()}"}]
    with pytest.raises(error) as refusal:
        ark.content_generation.tasks.create(model=VIDEO, content=content)
    assert refusal.value.code == code


def test_a_wrong_key_is_refused():
    with pytest.raises(errors.ArkAuthenticationError):
        client("somebody-else").content_generation.tasks.list()


def test_tasks_are_listed_and_forgotten(ark):
    ids = [ark.content_generation.tasks.create(model=VIDEO, content=TEXT).id for _ in range(3)]
    for task_id in ids:
        finished(ark, task_id)
    listed = ark.content_generation.tasks.list(page_num=1, page_size=2, task_ids=ids, status="succeeded")
    assert listed.total == 3 and [task.id for task in listed.items] == ids[:0:-1]
    rest = ark.content_generation.tasks.list(page_num=2, page_size=2, task_ids=ids)
    assert [task.id for task in rest.items] == ids[:1]
    ark.content_generation.tasks.delete(ids[0])
    with pytest.raises(errors.ArkNotFoundError):
        ark.content_generation.tasks.get(task_id=ids[0])


@pytest.mark.parametrize("form", ["url", "b64_json"])
def test_pictures_come_at_once(ark, anybody, form):
    made = ark.images.generate(
        model="doubao-seedream-4-0-250828", prompt="a quiet harbour", size="1280x720", response_format=form,
        image=[data_url(png(64, 64))], watermark=False, sequential_image_generation="disabled",
    )
    assert made.usage.generated_images == 1
    picture = made.data[0]
    jpeg = base64.b64decode(picture.b64_json) if form == "b64_json" else anybody.get(picture.url).content
    assert jpeg[:3] == b"\xff\xd8\xff" and picture.size == "1280x720"
