"""The requests that the documents of the services show whose clients Kinora serves, as those clients type them: with
curl. Only host, key, ids and file names differ.
"""

import base64
import json
import os
import subprocess
import time

import httpx2
import pytest
from conftest import KINORA
from media import png

BEARER = ["-H", f"Authorization: Bearer {KINORA.key}"]
JSON = ["-H", "Content-Type: application/json"]
URL = os.environ["KINORA_URL"]


def text(*arguments, folder=None, body=None):
    """What curl prints, as a status and text. A body goes through its standard input: pictures are too long for a
    command line.
    """
    data = ["--data-binary", "@-"] if body is not None else []
    done = subprocess.run(["curl", "-sS", "--cacert", KINORA.ca, "-w", "\n%{http_code}", *arguments, *data], text=True,
                          input=body, capture_output=True, timeout=120, check=True, cwd=folder)
    said, status = done.stdout.rsplit("\n", 1)
    return int(status), said


def curl(*arguments, folder=None, body=None):
    """The same as JSON."""
    status, said = text(*arguments, folder=folder, body=body)
    return status, json.loads(said) if said else None


def data_url(path):
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def post(path, body, *headers):
    return curl("-X", "POST", URL + path, *(headers or BEARER), *JSON, body=body)


def get(path, *headers):
    return curl("-X", "GET", URL + path, *(headers or BEARER))


@pytest.fixture(scope="module")
def finished():
    """A video that is done."""
    status, video = post("/v1/videos", '{"prompt": "A cat playing with a ball", "model": "sora-2", "seconds": "4"}')
    assert status == 200
    status, video = get(f"/v1/videos/{video['id']}?wait=60")
    assert (status, video["status"]) == (200, "completed")
    return video["id"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Files as the lines name them, and the address of one."""
    folder = tmp_path_factory.mktemp("pictures")
    status, made = post("/v1/images/generations", '{"model": "gpt-image-2", "prompt": "A reference"}')
    assert status == 200
    address = made["data"][0]["url"]
    with httpx2.Client(verify=KINORA.trust, trust_env=False, timeout=60) as http:
        data = http.get(address).raise_for_status().content
    for name in ("reference.jpg", "subject.png", "style.png"):
        (folder / name).write_bytes(data)
    return folder


# Sora2API


def test_sora2api_models():
    status, body = get("/v1/models")
    assert status == 200 and body["object"] == "list"
    assert {"id", "object", "owned_by", "description"} <= body["data"][0].keys()


def test_sora2api_video_as_json():
    status, body = post("/v1/videos", """{
        "prompt": "A cat playing with a ball",
        "model": "sora-2",
        "seconds": "10",
        "size": "1280x720"
    }""")
    assert status == 200
    assert {name: body[name] for name in ("object", "model", "status", "progress", "seconds", "size")} == {
        "object": "video", "model": "sora-2", "status": "in_progress", "progress": 0, "seconds": "10",
        "size": "1280x720"}


def test_sora2api_video_as_form(pictures):
    status, body = curl(
        "-X", "POST", URL + "/v1/videos", *BEARER, "-F", "prompt=A cat playing with a ball", "-F", "model=sora-2",
        "-F", "seconds=10", "-F", "input_reference=@reference.jpg;type=image/jpeg", folder=pictures)
    assert (status, body["status"]) == (200, "in_progress")


def test_sora2api_content(finished, tmp_path):
    film = tmp_path / "video.mp4"
    subprocess.run(["curl", "-sSf", "--cacert", KINORA.ca, "-X", "GET", f"{URL}/v1/videos/{finished}/content", *BEARER,
                    "-L", "-o", str(film)], check=True, timeout=60)
    assert film.read_bytes()[4:8] == b"ftyp"


def test_sora2api_remix(finished):
    status, body = post(f"/v1/videos/{finished}/remix", '{"prompt": "Make it more colorful and vibrant"}')
    assert status == 200
    assert body["status"] == "in_progress" and body["remixed_from_video_id"] == finished


def test_sora2api_picture():
    status, body = post("/v1/images/generations", """{
        "model": "gpt-image-2",
        "prompt": "A 16:9 cinematic cyberpunk city poster",
        "size": "16:9",
        "n": 1
    }""")
    assert status == 200 and body["created"] > 0 and body["data"][0]["url"].startswith(URL)


def test_sora2api_picture_with_references(pictures):
    for image in ("URL", ["URL", {"url": "URL"}]):
        body = json.dumps({"model": "gpt-image-2", "prompt": "Use this reference", "size": "3:2", "image": image})
        status, made = post("/v1/images/generations", body.replace("URL", data_url(pictures / "subject.png")))
        assert status == 200 and made["data"][0]["url"], made


def test_sora2api_edits(pictures):
    body = json.dumps({
        "model": "gpt-image-2",
        "prompt": "Use the first image as the subject and the second image as the color reference",
        "size": "1:1",
        "image": [data_url(pictures / name) for name in ("subject.png", "style.png")],
    })
    status, made = post("/v1/images/edits", body)
    assert status == 200 and made["data"][0]["url"], made
    status, made = curl(
        "-X", "POST", URL + "/v1/images/edits", *BEARER, "-F", "model=gpt-image-2",
        "-F", "prompt=Blend these references into one consistent poster style", "-F", "size=3:2",
        "-F", "image[]=@./subject.png", "-F", "image[]=@./style.png", folder=pictures)
    assert status == 200 and made["data"][0]["url"], made


def test_sora2api_chat():
    status, said = text("-X", "POST", URL + "/v1/chat/completions", *BEARER, *JSON, "-N", body="""{
        "model": "sora-video-landscape-10s",
        "messages": [
            {"role": "user", "content": "A beautiful sunset over the ocean"}
        ],
        "stream": true
    }""")
    assert status == 200
    events = [line.removeprefix("data: ") for line in said.splitlines() if line.startswith("data: ")]
    assert events.pop() == "[DONE]"
    choices = [json.loads(event)["choices"][0] for event in events]
    progress = [choice["delta"].get("reasoning_content") for choice in choices]
    assert any(step and {"stage", "status", "progress", "message"} <= step.keys() for step in progress)
    content = json.loads("".join(choice["delta"].get("content") or "" for choice in choices))
    assert content["type"] == "video" and content["url"].startswith(URL)
    assert choices[-1]["finish_reason"] == "stop"


def test_sora2api_chat_with_a_picture():
    image = base64.b64encode(png(1280, 720)).decode()
    body = {"model": "sora-video-landscape-10s", "messages": [{"role": "user", "content": "Make this image come alive"}],
            "image": image, "stream": False}
    status, answer = post("/v1/chat/completions", json.dumps(body))
    assert status == 200, answer
    assert json.loads(answer["choices"][0]["message"]["content"])["type"] == "video"


@pytest.fixture(scope="module")
def film(finished, tmp_path_factory):
    """A video as the lines name it."""
    folder = tmp_path_factory.mktemp("film")
    subprocess.run(["curl", "-sSf", "--cacert", KINORA.ca, f"{URL}/v1/videos/{finished}/content", *BEARER, "-o",
                    str(folder / "character_video.mp4")], check=True, timeout=60)
    return folder


def test_sora2api_character_as_form(film):
    status, body = curl(
        "-X", "POST", URL + "/v1/characters", *BEARER, "-F", "model=sora-video-10s",
        "-F", "video=@character_video.mp4;type=video/mp4", "-F", "timestamps=0,3", "-F", "username=my_character",
        "-F", "display_name=My Character", "-F", "instruction_set=Always speak politely.",
        "-F", "safety_instruction_set=Avoid unsafe content.", folder=film)
    assert status == 200 and (body["object"], body["model"]) == ("character", "sora-video-10s"), body
    assert body["id"].startswith("char_") and body["created"] > 0 and body["data"]["cameo_id"]
    assert (body["data"]["username"], body["data"]["display_name"]) == ("my_character", "My Character")
    assert body["data"]["message"] == "Character created successfully"
    status, mine = get("/v1/characters")
    assert status == 200 and body["id"] in [character["id"] for character in mine["characters"]]
    status, gone = curl("-X", "DELETE", f"{URL}/v1/characters/{body['id']}", *BEARER)
    assert status == 200 and gone["success"] is True


def test_sora2api_character_as_json(film):
    video = base64.b64encode((film / "character_video.mp4").read_bytes()).decode()
    body = {"model": "sora-video-10s", "video": video, "timestamps": "0,3", "username": "my_character",
            "display_name": "My Character", "instruction_set": "Always speak politely.",
            "safety_instruction_set": "Avoid unsafe content."}
    status, made = post("/v1/characters", json.dumps(body))
    assert status == 200 and made["data"]["username"] == "my_character", made


def test_sora2api_character_by_chat(film):
    video = base64.b64encode((film / "character_video.mp4").read_bytes()).decode()
    body = {"model": "sora-video-landscape-10s", "messages": [{"role": "user", "content": ""}], "video": video,
            "character_options": {"timestamps": "0,3", "username": "my_character"}}
    status, answer = post("/v1/chat/completions", json.dumps(body))
    assert status == 200, answer
    assert json.loads(answer["choices"][0]["message"]["content"])["username"] == "my_character"


def test_sora2api_stats(finished):
    status, body = get("/v1/stats")
    assert status == 200 and body["success"] is True
    assert {"total_tokens", "active_tokens", "today_images", "total_images", "today_videos", "total_videos",
            "today_errors", "total_errors"} == body["stats"].keys()


@pytest.fixture(scope="module")
def operator():
    """The key of somebody who runs the instance: accounts are not everybody's business."""
    made = subprocess.run(["kinora", "key", "create", "--user", "admin", "--json"], check=True, timeout=60, text=True,
                          capture_output=True)
    headers = ["-H", f"Authorization: Bearer {json.loads(made.stdout)['key']}"]
    deadline = time.monotonic() + 120
    while get("/v1/models", *headers)[0] != 200:
        assert time.monotonic() < deadline, "the key is not known"
    return headers


def test_sora2api_invite_codes(operator):
    status, body = get("/v1/invite-codes", *operator)
    assert status == 200 and body["success"] is True
    assert {"invite_code", "remaining_count", "total_count", "email"} <= body.keys()


def test_sora2api_profile():
    status, body = get("/v1/profiles/john_doe")
    assert status == 200 and body["success"] is True
    names = {"user_id", "username", "display_name", "profile_picture_url", "follower_count", "verified"}
    assert names <= body["profile"].keys() and body["profile"]["username"] == "john_doe"


def test_sora2api_user_feed():
    status, body = get("/v1/users/user-xxx/feed?limit=10")
    assert status == 200 and body["success"] is True and body["user_id"] == "user-xxx"
    assert len(body["feed"]["items"]) == 10 and body["feed"]["cursor"]


def test_sora2api_character_search():
    status, body = get("/v1/characters/search?username=john&intent=cameo&limit=5")
    assert status == 200 and body["query"] == "john" and body["count"] == len(body["results"]) > 0
    assert {"user_id", "username", "can_cameo", "token", "owner"} <= body["results"][0].keys()


def test_sora2api_feed():
    status, body = get("/v1/feed?limit=10&cut=nf2_top")
    assert status == 200 and (body["cut"], body["count"], len(body["items"])) == ("nf2_top", 10, 10)
    assert {"id", "text", "permalink", "posted_at", "attachment", "author"} <= body["items"][0].keys()


def test_sora2api_enhance_prompt():
    status, body = post("/v1/enhance_prompt", """{
        "prompt": "多镜头多角度拍摄...",
        "expansion_level": "long",
        "duration_s": 15
    }""")
    assert status == 200 and "多镜头多角度拍摄" in body["enhanced_prompt"]


def test_sora2api_tokens(operator):
    for path in ("pending-tasks", "pending-tasks-v2"):
        status, body = get(f"/v1/tokens/1/{path}", *operator)
        assert status == 200 and body["token_id"] == 1 and body["count"] == len(body["tasks"])
    task = body["tasks"][0]["id"]
    status, body = get(f"/v1/tokens/1/tasks/{task}", *operator)
    assert status == 200 and body["task"]["id"] == task and 0 <= body["task"]["progress_pct"] <= 1
    status, body = get("/v1/tokens/1/profile-feed?limit=10", *operator)
    assert status == 200 and len(body["feed"]["items"]) == 10
    assert get("/v1/tokens/1/pending-tasks")[0] == 403


# Jimeng's gateway


class TestJimeng:
    @pytest.mark.parametrize("mount", ["", "/jimeng"])
    def test_models(self, mount):
        status, body = get(mount + "/v1/models")
        mine = [model for model in body["data"] if model["id"] == "jimeng-3.0"]
        assert status == 200 and [(model["object"], model["owned_by"]) for model in mine] == [("model", "jimeng")]

    @pytest.mark.parametrize("mount", ["", "/jimeng"])
    def test_picture(self, mount):
        status, body = post(mount + "/v1/images/generations", """{
            "model": "jimeng-3.0",
            "prompt": "一只可爱的橘猫,戴着圣诞帽,在雪地里玩耍",
            "n": 1,
            "size": "1024x1024"
        }""")
        assert status == 200 and body["created"] > 0 and len(body["data"]) == 1, body
        assert body["data"][0]["url"].startswith(URL)

    def test_video(self):
        status, body = post("/v1/videos/generations", """{
            "model": "pixeldance",
            "prompt": "一只猫咪在草地上奔跑"
        }""")
        assert status == 200 and body["data"][0]["url"].startswith(URL), body

    def test_chat(self):
        status, body = post("/v1/chat/completions", """{
            "model": "jimeng-3.0",
            "messages": [
              {
                "role": "user",
                "content": "画一只可爱的小猫"
              }
            ]
        }""")
        assert status == 200 and body["object"] == "chat.completion", body
        choice = body["choices"][0]
        assert choice["finish_reason"] == "stop" and choice["message"]["content"].startswith(f"![image]({URL}")


# The video hub


def test_hub_job():
    status, body = post("/api/video/submit", '{"prompt":"一只猫在草地上奔跑","user_identifier":"u1"}')
    assert status == 200 and body["success"] is True
    status, body = get(f"/api/video/status?jobId={body['data']['jobId']}")
    assert status == 200 and body["data"]["status"] in ("queued", "processing", "succeeded")


def test_hub_relay():
    status, body = get("/api/relay/v1/models")
    assert status == 200 and body["object"] == "list"
    status, body = post("/api/relay/v1/chat/completions", '{"model":"gpt-4","messages":[{"role":"user","content":"你好"}]}')
    assert status == 200 and body["choices"][0]["message"]["content"]
    status, body = post("/api/relay/v1/images/generations", '{"model":"dall-e-3","prompt":"a cute cat","n":1}')
    assert status == 200 and body["data"][0]["url"]
    status, body = post("/api/relay/v1/embeddings", '{"model":"text-embedding-3-small","input":"你好世界"}')
    assert status == 200 and body["data"][0]["embedding"]


def test_hub_user():
    status, body = get("/api/user/quota")
    quota = body["data"]
    assert status == 200 and quota["totalQuota"] == quota["usedQuota"] + quota["remainingQuota"]
    status, body = post("/api/user/redemption", '{"code":"REDEEM-XXXX-XXXX"}')
    assert status in (404, 429) and body["success"] is False and body["message"]


def test_hub_health():
    status, body = curl(URL + "/api/health")
    assert status == 200 and body["status"] == "ok" and body["checks"]["db"] == "ok"


# OpenArt's gateway


def test_openart_task(pictures):
    key = ["-H", f"X-API-Key: {KINORA.key}"]
    status, body = curl(
        "-X", "POST", URL + "/api/generate-with-file", *key, "-F", "prompt=[@image1]是环境,[@image2]是男子",
        "-F", "duration=10", "-F", "aspect_ratio=16:9", "-F", "image_files=@subject.png",
        "-F", "image_files=@style.png", folder=pictures)
    assert status == 200 and body["status"] == "pending"
    status, task = get(f"/api/task/{body['task_id']}", *key)
    assert status == 200 and task["status"] in ("pending", "generating", "upscaling", "done")
    status, tasks = get("/api/tasks?limit=50&status=" + task["status"], *key)
    assert status == 200 and isinstance(tasks, list)
    status, stats = get("/api/stats", *key)
    assert status == 200 and stats["pool"]["total_accounts"] >= 1
