"""The requests that the documents of the services show whose clients Kinora serves, as those clients type them: with
curl. Only host, key, ids and file names differ.
"""

import base64
import json
import os
import subprocess

import httpx2
import pytest
from conftest import KINORA

BEARER = ["-H", f"Authorization: Bearer {KINORA.key}"]
JSON = ["-H", "Content-Type: application/json"]
URL = os.environ["KINORA_URL"]


def curl(*arguments, folder=None):
    """What curl prints, as a status and JSON."""
    done = subprocess.run(["curl", "-sS", "--cacert", KINORA.ca, "-w", "\n%{http_code}", *arguments], text=True,
                          capture_output=True, timeout=120, check=True, cwd=folder)
    body, status = done.stdout.rsplit("\n", 1)
    return int(status), json.loads(body) if body else None


def data_url(path):
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def post(path, body, *headers):
    return curl("-X", "POST", URL + path, *(headers or BEARER), *JSON, "-d", body)


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
    with httpx2.Client(verify=KINORA.trust, trust_env=False) as http:
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
