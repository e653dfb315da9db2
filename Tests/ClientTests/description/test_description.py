"""The description of the API, read by tools that know nothing of Kinora, and the examples of the API page, run as they
stand there.
"""

import os
import pathlib
import subprocess
import sys

import openapi_spec_validator
import pytest
import requests

ROOT = pathlib.Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "nginx" / "docs" / "examples").iterdir())
URL, CA, KEY = (os.environ[name] for name in ("KINORA_URL", "KINORA_CA", "KINORA_API_KEY"))
RUN = {".sh": ["bash", "-euo", "pipefail"], ".py": [sys.executable], ".mjs": ["node"]}
# How each tool is told which authority to trust.
TRUST = ("CURL_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")


@pytest.fixture(scope="session")
def document():
    reply = requests.get(URL + "/openapi.json", verify=CA, timeout=60)
    assert reply.status_code == 200 and reply.headers["Content-Type"] == "application/json"
    return reply.json()


def test_it_is_openapi_3_1(document):
    openapi_spec_validator.validate(document)


def test_every_api_has_its_examples(document):
    names = {tag["name"] for tag in document["tags"]}
    assert {path.name for path in EXAMPLES} == {name + ending for name in names for ending in RUN}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_does_what_it_says(path, tmp_path):
    environment = {**os.environ, **dict.fromkeys(TRUST, CA), "KINORA_URL": URL, "KINORA_API_KEY": KEY}
    done = subprocess.run([*RUN[path.suffix], str(path)], env=environment, cwd=tmp_path, text=True, timeout=120,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    made = list(tmp_path.iterdir())
    if path.stem == "openai-text":
        assert "hello" in done.stdout.lower() or '"content"' in done.stdout, done.stdout
    elif path.stem == "batches":
        assert "boat" in done.stdout and "200" in done.stdout, done.stdout
    else:
        assert len(made) == 1, done.stdout + done.stderr
        start = made[0].read_bytes()[:12]
        assert start[4:8] == b"ftyp" if made[0].suffix == ".mp4" else start[:4] == b"\x89PNG"


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_browser_shows_every_endpoint(document, language, tmp_path):
    """The page is built by a script, under a policy that allows nothing but its own files."""
    done = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors", "--dump-dom",
         f"--user-data-dir={tmp_path}", f"--lang={language}", f"--accept-lang={language}",
         "--virtual-time-budget=10000", URL + "/docs/"],
        text=True, timeout=120, capture_output=True, check=False)
    page = done.stdout
    assert 'data-shown="all"' in page, page[:2000] + done.stderr
    assert f'<html lang="{"en" if language == "en" else "zh-Hans"}"' in page
    operations = [entry for methods in document["paths"].values() for entry in methods.values()]
    missing = [entry["operationId"] for entry in operations
               if "x-mount" not in entry and f'id="{entry["operationId"]}"' not in page]
    assert not missing
    assert "The request is wrong" in page and "A video to make anew." in page, "what is shared is shown as well"
    assert "KINORA_API_KEY" in page and "curl -fsS" in page
