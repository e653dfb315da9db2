import os
import pathlib

import requests

reply = requests.post(
    os.environ["KINORA_URL"] + "/v1/videos/generations",
    headers={"Authorization": "Bearer " + os.environ["KINORA_API_KEY"]},
    json={"model": "sora-2", "prompt": "a paper boat in the rain", "duration": 4})
reply.raise_for_status()
pathlib.Path("boat.mp4").write_bytes(requests.get(reply.json()["data"][0]["url"]).content)
