"""Text models through libraries that stand between a program and OpenAI's SDK: LiteLLM and LangChain, unmodified."""

import asyncio
import os
import warnings

import openai
import pytest

from conftest import KINORA

# What these libraries say of their own dependencies is not Kinora's.
pytestmark = pytest.mark.filterwarnings("ignore")
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

HELLO = [{"role": "user", "content": "你好 hello"}]
BASES = [KINORA.base_url, os.environ.get("KINORA_URL", "") + "/api/relay/v1"]


@pytest.fixture(params=BASES, ids=["v1", "relay"])
def base(request):
    return request.param


@pytest.fixture
def litellm():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import litellm
    return litellm


def client(base):
    http = openai.DefaultHttpxClient(verify=KINORA.trust, trust_env=False)
    return openai.OpenAI(api_key=KINORA.key, base_url=base, http_client=http)


def test_litellm_chats(litellm, base):
    answer = litellm.completion(model="openai/gpt-4", messages=HELLO, client=client(base))
    assert answer.choices[0].message.content == "You said: 你好 hello"
    assert answer.usage.total_tokens == 6


def test_litellm_streams(litellm, base):
    chunks = litellm.completion(model="openai/gpt-4", messages=HELLO, stream=True, client=client(base))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "You said: 你好 hello"


def test_litellm_embeds(litellm, base):
    answer = litellm.embedding(model="openai/text-embedding-3-small", input=["a", "b"], client=client(base))
    assert [len(item["embedding"]) for item in answer.data] == [1536, 1536]


def test_litellm_knows_a_refusal(litellm, base):
    with pytest.raises(litellm.NotFoundError):
        litellm.completion(model="openai/no-such-model", messages=HELLO, client=client(base), max_retries=0)


def langchain(base, **options):
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(
        model="gpt-4", api_key=KINORA.key, base_url=base,
        http_client=openai.DefaultHttpxClient(verify=KINORA.trust, trust_env=False),
        http_async_client=openai.DefaultAsyncHttpxClient(verify=KINORA.trust, trust_env=False), **options,
    )


def test_langchain_chats(base):
    answer = langchain(base, temperature=0).invoke([("system", "be kind"), ("human", "你好 hello")])
    assert answer.content == "You said: 你好 hello"
    assert answer.usage_metadata["total_tokens"] == 8


def test_langchain_streams(base):
    chunks = list(langchain(base, stream_usage=True).stream("你好 hello"))
    assert "".join(chunk.content for chunk in chunks) == "You said: 你好 hello"
    assert sum((chunk.usage_metadata or {}).get("output_tokens", 0) for chunk in chunks) == 4


def test_langchain_does_many_at_once(base):
    async def all_of_them():
        model = langchain(base)
        return await asyncio.gather(*(model.ainvoke(f"number {number}") for number in range(10)))

    assert [answer.content for answer in asyncio.run(all_of_them())] == [f"You said: number {n}" for n in range(10)]


def test_langchain_embeds(base):
    from langchain_openai import OpenAIEmbeddings

    # Without its own tokenizer, which it would fetch.
    embeddings = OpenAIEmbeddings(
        model="text-embedding-3-small", api_key=KINORA.key, base_url=base, check_embedding_ctx_length=False,
        http_client=openai.DefaultHttpxClient(verify=KINORA.trust, trust_env=False),
    )
    vectors = embeddings.embed_documents(["a", "b", "a"])
    assert vectors[0] == vectors[2] != vectors[1]
