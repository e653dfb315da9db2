"""Pictures as the SDK's own documentation shows them: the same for Kinora, by both of its addresses, and for a
vendor."""

import base64
import struct
import uuid

import httpx2
import openai
import pytest

from conftest import KINORA, SANDBOX, Service
from media import png

RELAY = Service("relay", KINORA.base_url.replace("/v1", "/api/relay/v1"), KINORA.key, KINORA.ca)
SMALL = {"model": "gpt-image-2", "size": "64x80"}


@pytest.fixture(params=[KINORA, RELAY, SANDBOX], ids=lambda service: service.name)
def painter(request):
    # Without the SDK's own retries: each request is paid for.
    with request.param.client(max_retries=0) as client:
        yield client


@pytest.fixture(params=[KINORA, RELAY], ids=lambda service: service.name)
def gateway(request):
    with request.param.client(max_retries=0) as client:
        yield client


def size(picture):
    """Width and height of a PNG, by its header."""
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    return "{}x{}".format(*struct.unpack(">II", picture[16:24]))


def fetched(url):
    with httpx2.Client(verify=KINORA.trust, trust_env=False, timeout=60) as http:
        return http.get(url).raise_for_status().content


def test_a_prompt_becomes_as_many_pictures_as_are_asked_for(gateway):
    response = gateway.images.generate(prompt="a paper boat in the rain", n=3, **SMALL)
    assert response.created > 1_700_000_000
    assert [size(fetched(image.url)) for image in response.data] == ["64x80"] * 3
    assert all(image.b64_json is None for image in response.data)


def test_pictures_come_as_base64(gateway):
    response = gateway.images.generate(prompt="a boat", n=2, response_format="b64_json", **SMALL)
    assert [size(base64.b64decode(image.b64_json)) for image in response.data] == ["64x80"] * 2


def test_the_vendor_gives_pictures_as_base64(sandbox):
    response = sandbox.images.generate(prompt="a boat", n=2, **SMALL)
    assert [size(base64.b64decode(image.b64_json)) for image in response.data] == ["64x80"] * 2
    assert response.usage.total_tokens == 110


def test_an_older_model_says_what_it_made_of_the_prompt(painter):
    image = painter.images.generate(prompt="a boat", model="dall-e-3", size="1792x1024").data[0]
    assert "a boat" in image.revised_prompt
    assert size(fetched(image.url)) == "1792x1024"


def test_a_picture_is_edited(painter):
    source = ("source.png", png(32, 32), "image/png")
    response = painter.images.edit(image=source, prompt="the same at night", **SMALL)
    assert len(response.data) == 1


def test_several_pictures_are_put_together(painter):
    sources = [(f"{index}.png", png(32, 16 * index), "image/png") for index in (1, 2, 3)]
    response = painter.images.edit(image=sources, prompt="all in one", n=2, **SMALL)
    assert len(response.data) == 2


def test_a_ratio_becomes_a_size(gateway):
    response = gateway.images.generate(
        prompt="wide", model="gpt-image-2", size="16:9", response_format="b64_json"
    )
    assert size(base64.b64decode(response.data[0].b64_json)) == "1536x864"


@pytest.mark.parametrize(
    ("field", "value"), [("n", 0), ("n", 11), ("size", "17x17"), ("quality", "best"), ("prompt", "")]
)
def test_a_bad_value_names_its_field(painter, field, value):
    with pytest.raises(openai.BadRequestError) as refusal:
        painter.images.generate(**{"prompt": "no", **SMALL, field: value})
    assert (refusal.value.type, refusal.value.param) == ("invalid_request_error", field)


def test_an_unknown_model_is_not_found(painter):
    with pytest.raises(openai.NotFoundError) as refusal:
        painter.images.generate(prompt="no", model="gpt-image-99")
    assert (refusal.value.code, refusal.value.param) == ("model_not_found", "model")


def test_what_is_no_picture_is_not_edited(painter):
    with pytest.raises(openai.BadRequestError) as refusal:
        painter.images.edit(image=("a.png", b"not a picture", "image/png"), prompt="no", **SMALL)
    assert refusal.value.param == "image"


def test_a_wrong_key_is_an_authentication_error():
    for service in (KINORA, RELAY):
        with service.client(api_key="kn_wrong", max_retries=0) as client:
            with pytest.raises(openai.AuthenticationError) as refusal:
                client.images.generate(prompt="no", **SMALL)
            assert refusal.value.code == "invalid_api_key"


def test_a_refused_content_is_not_sent_again():
    """The SDK sends what failed again by itself; a task must not be made, and paid, three times."""
    prompt = f"[sandbox:content_refusal] {uuid.uuid4()}"
    for service in (KINORA, RELAY):
        with service.client(max_retries=2) as client:
            with pytest.raises(openai.BadRequestError) as refusal:
                client.images.generate(prompt=prompt, **SMALL)
            assert refusal.value.code == "content_policy_violation"


def test_a_wait_that_is_over_is_not_begun_again(kinora):
    prompt = f"[sandbox:slow_body] {uuid.uuid4()}"
    with KINORA.client(max_retries=2) as client:
        with pytest.raises(openai.APIStatusError) as timeout:
            client.images.generate(prompt=prompt, extra_headers={"Prefer": "wait=1"}, **SMALL)
    assert timeout.value.status_code == 408 and timeout.value.code == "task_timeout"
    task = timeout.value.body["task_id"]
    result = kinora.get(f"/tasks/{task}/result?wait=60", cast_to=httpx2.Response).json()
    assert len(result["data"]) == 1
