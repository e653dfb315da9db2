"""Chats and embeddings as the SDK's own documentation shows them: the same for Kinora, below its relay, and for a vendor."""

import asyncio
import os
import shutil
import subprocess
import textwrap
from dataclasses import replace

import httpx2
import openai
import pytest

from conftest import KINORA, SANDBOX

RELAY = replace(KINORA, name="relay", base_url=os.environ.get("KINORA_URL", "") + "/api/relay/v1")
HELLO = {"model": "gpt-4", "messages": [{"role": "user", "content": "你好 hello"}]}


@pytest.fixture(params=[KINORA, RELAY, SANDBOX], ids=lambda service: service.name)
def service(request):
    return request.param


def test_a_chat_is_answered(client):
    answer = client.chat.completions.create(**HELLO, temperature=0.7)
    assert (answer.object, answer.model) == ("chat.completion", "gpt-4")
    assert answer.choices[0].message.content == "You said: 你好 hello"
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (2, 4)


def test_a_stream_has_the_same_words(client):
    chunks = list(client.chat.completions.create(**HELLO, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "You said: 你好 hello"
    assert [chunk.choices[0].finish_reason for chunk in chunks][-1] == "stop"
    assert all(chunk.usage is None for chunk in chunks)


def test_a_stream_says_what_it_used_to_whom_asks(client):
    chunks = list(client.chat.completions.create(**HELLO, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 6


def test_many_streams_at_once_are_not_mixed_up(service):
    async def one(client, number):
        text = ""
        request = client.chat.completions.create(
            model="gpt-4", stream=True, messages=[{"role": "user", "content": f"number {number}"}]
        )
        async for chunk in await request:
            text += chunk.choices[0].delta.content or ""
        return text

    async def all_of_them():
        async with service.async_client() as client:
            return await asyncio.gather(*(one(client, number) for number in range(30)))

    assert asyncio.run(all_of_them()) == [f"You said: number {number}" for number in range(30)]


def test_who_stops_reading_may_go_on_with_something_else(client):
    with client.chat.completions.create(
        model="gpt-4", stream=True, messages=[{"role": "user", "content": "count to 10000"}]
    ) as stream:
        assert next(iter(stream)).choices
    assert client.chat.completions.create(**HELLO).choices


@pytest.mark.parametrize("encoding", [{}, {"encoding_format": "float"}, {"encoding_format": "base64"}])
def test_texts_become_vectors(client, encoding):
    answer = client.embeddings.create(model="text-embedding-3-small", input=["你好世界", "b", "你好世界"], **encoding)
    vectors = [item.embedding for item in answer.data]
    assert [item.index for item in answer.data] == [0, 1, 2]
    assert vectors[0] == vectors[2] != vectors[1]
    assert answer.usage.prompt_tokens == 3


def test_models_are_listed(client):
    ids = [model.id for model in client.models.list()]
    assert {"gpt-4", "text-embedding-3-small"} <= set(ids)
    assert client.models.retrieve("gpt-4").id == "gpt-4"


@pytest.mark.parametrize(
    ("change", "error", "param"),
    [
        ({"model": "no-such-model"}, openai.NotFoundError, None),
        ({"messages": []}, openai.BadRequestError, "messages"),
        ({"messages": [{"role": "king", "content": "x"}]}, openai.BadRequestError, "messages[0].role"),
        ({"max_tokens": 0}, openai.BadRequestError, "max_tokens"),
    ],
)
def test_a_refusal_is_the_sdks_own_error(service, change, error, param):
    with service.client(max_retries=0) as client, pytest.raises(error) as refusal:
        client.chat.completions.create(**{**HELLO, **change})
    assert param is None or refusal.value.param == param


def test_a_stream_that_breaks_off_is_an_error():
    url = os.environ["SANDBOX_URL"] + "/_sandbox"
    anybody = httpx2.Client(verify=KINORA.trust, trust_env=False, timeout=60)
    with anybody as http, KINORA.client(max_retries=0) as client:
        http.post(url + "/faults", json={"fault": "error_inside", "operation": "talk"}).raise_for_status()
        words = [{"role": "user", "content": "count to 50"}]
        with pytest.raises(openai.APIError):
            for _ in client.chat.completions.create(model="gpt-4", stream=True, messages=words):
                pass
        # The account rests for a moment.
        client.with_options(max_retries=10).chat.completions.create(**HELLO)


# The video hub's document shows this page's code; of a browser only fetch is needed, which Node has.
FETCH = textwrap.dedent("""
    const response = await fetch(process.env.KINORA_URL + '/api/relay/v1/chat/completions', {
      method: 'POST',
      headers: { Authorization: 'Bearer ' + process.env.KINORA_API_KEY, 'Content-Type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4', messages: [{ role: 'user', content: '你好' }], stream: true }),
    });
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    read: while (true) {
      const { done, value } = await reader.read();
      if (done) break;
      const chunk = decoder.decode(value, { stream: true });
      for (const line of chunk.split('\\n').filter(l => l.startsWith('data: '))) {
        const data = line.slice(6);
        if (data === '[DONE]') break read;
        process.stdout.write(JSON.parse(data).choices?.[0]?.delta?.content ?? '');
      }
    }
""")


def test_fetch_reads_a_stream_as_the_hubs_document_shows():
    node = shutil.which("node")
    assert node, "node is not installed"
    done = subprocess.run(
        [node, "--input-type=module", "-"], input=FETCH, text=True, capture_output=True, timeout=60, check=False,
        env={**os.environ, "NODE_EXTRA_CA_CERTS": KINORA.ca},
    )
    assert (done.stdout, done.returncode) == ("You said: 你好", 0), done.stderr
