"""One cheap submission to each real vendor whose key is at hand: it costs what the vendor takes for it.

`script/test live` runs this against an instance of its own. From the environment, for each vendor (NAME in capitals,
with _ for -):

    KINORA_LIVE_NAME_KEY    the credential, as `kinora account add` takes it; without it the vendor is left out
    KINORA_LIVE_NAME_URL    another base URL than the one below: another region, or a gateway
    KINORA_LIVE_NAME_MODEL  another of Kinora's models with a route to that vendor; for a gateway, its own name for
                            the model that is asked for
"""

import json
import os
import ssl
import subprocess
from dataclasses import dataclass, field

import httpx2
import pytest

PROMPT = "a paper boat in the rain"
HOME = os.environ["KINORA_HOME"]
SECONDS_MAX = 1800


@dataclass(frozen=True)
class Vendor:
    """The cheapest that a vendor makes. No URL: only its owner knows."""

    name: str
    url: str | None
    model: str
    more: dict = field(default_factory=dict)
    path: str = "/v1/videos"
    # Gateways have whatever models they have: no route leads there from the start.
    has_routes: bool = True

    def setting(self, what):
        return os.environ.get(f"{self.prefix}_{what}")

    @property
    def prefix(self):
        return f"KINORA_LIVE_{self.name.upper().replace('-', '_')}"


PICTURES = "/v1/images/generations"
VENDORS = [
    Vendor("openai", "https://api.openai.com/v1", "gpt-image-2", {"quality": "low"}, PICTURES),
    Vendor("ark", "https://ark.cn-beijing.volces.com/api/v3", "doubao-seedream-4-0-250828", {}, PICTURES),
    Vendor("byteplus", "https://ark.ap-southeast.bytepluses.com/api/v3", "dreamina-seedance-2-0-260128",
           {"seconds": "4", "resolution": "480p"}),
    Vendor("dashscope", "https://dashscope.aliyuncs.com/api/v1", "wan2.2-t2i-flash", {}, PICTURES),
    Vendor("vidu", "https://api.vidu.cn/ent/v2", "viduq3-pro", {"seconds": "1", "resolution": "540p"}),
    Vendor("zhipu", "https://open.bigmodel.cn/api/paas/v4", "cogview-3-flash", {}, PICTURES),
    Vendor("kling", "https://api-beijing.klingai.com", "kling-v3-image", {}, PICTURES),
    Vendor("jimeng", "https://visual.volcengineapi.com", "jimeng-3.0", {}, PICTURES),
    Vendor("minimax", "https://api.minimaxi.com", "image-01", {}, PICTURES),
    Vendor("runway", "https://api.dev.runwayml.com", "gen4_image", {}, PICTURES),
    Vendor("luma", "https://api.lumalabs.ai/dream-machine/v1", "ray-flash-2", {"seconds": "5", "resolution": "540p"}),
    Vendor("luma-agents", "https://agents.lumalabs.ai/v1", "ray-3.2", {"seconds": "5", "resolution": "360p"}),
    Vendor("fal", "https://queue.fal.run", "nano-banana", {}, PICTURES),
    Vendor("replicate", "https://api.replicate.com/v1", "nano-banana", {}, PICTURES),
    Vendor("openart", None, "openart-video", {"seconds": "4"}),
    Vendor("hub", None, "openart-video", {"seconds": "4"}, has_routes=False),
    Vendor("llmage", None, "viduq3-pro", {"seconds": "4"}, has_routes=False),
    Vendor("jimeng-api", None, "jimeng-4.5", {}, PICTURES, has_routes=False),
    Vendor("sora-chat", None, "sora-image", {}, PICTURES, has_routes=False),
]


def kinora(*arguments, key=None):
    done = subprocess.run([f"{HOME}/bin/kinora", *arguments], input=key, capture_output=True, text=True, cwd=HOME)
    assert done.returncode == 0, f"kinora {' '.join(arguments)}: {done.stderr}"
    return done.stdout


@pytest.fixture
def http():
    trust = ssl.create_default_context(cafile=os.environ["KINORA_CA"])
    key = {"Authorization": f"Bearer {os.environ['KINORA_API_KEY']}"}
    with httpx2.Client(base_url=os.environ["KINORA_URL"], verify=trust, trust_env=False, headers=key,
                       timeout=120) as client:
        yield client


@pytest.fixture
def account(request):
    """The vendor's only account that takes tasks: the instance's own are the sandbox's."""
    vendor = request.param
    key, url = vendor.setting("KEY"), vendor.setting("URL") or vendor.url
    model = vendor.setting("MODEL") or vendor.model
    if not key:
        pytest.skip(f"left out: {vendor.prefix}_KEY is not set")
    assert url, f"{vendor.name} needs {vendor.prefix}_URL as well"
    for other in json.loads(kinora("account", "list", "--json")):
        kinora("account", "disable", str(other["id"]))
    name = f"live-{vendor.name}"
    kinora("account", "add", "--vendor", vendor.name, "--name", name, "--base-url", url, "--slots", "1", key=key)
    if not vendor.has_routes:
        kinora("route", "add", vendor.model, vendor.name, model)
        model = vendor.model
    yield vendor, model, name
    kinora("account", "disable", name)


@pytest.mark.parametrize("account", VENDORS, ids=lambda vendor: vendor.name, indirect=True)
def test_a_prompt_becomes_media(account, http):
    vendor, model, name = account
    print(kinora("account", "test", name))
    body = {"model": model, "prompt": PROMPT, **vendor.more}
    taken = http.post(vendor.path, json=body, headers={"Prefer": "respond-async"})
    assert taken.status_code in (200, 202), taken.text
    task = taken.json()["id"]
    for _ in range(SECONDS_MAX // 60):
        state = http.get(f"/v1/tasks/{task}", params={"wait": 60}).json()
        if state["status"] not in ("queued", "running", "storing"):
            break
    assert state["status"] == "succeeded", state
    link = http.get(f"/v1/tasks/{task}/result").json()["data"][0]["url"]
    media = http.get(link, headers={"Authorization": ""})
    assert media.status_code == 200 and media.headers["content-type"].startswith(("image/", "video/"))
    assert len(media.content) > 1000
    print(f"{vendor.name}: {model} gave {len(media.content)} bytes of {media.headers['content-type']}")
