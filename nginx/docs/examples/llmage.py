import os
import pathlib

import requests

session = requests.Session()
session.headers["Authorization"] = "Bearer " + os.environ["KINORA_API_KEY"]
base = os.environ["KINORA_URL"] + "/llmage/v1"

submitted = session.post(base + "/video/generations", json={
    "model": "sora-2", "catelogid": "t2v", "prompt": "a quiet harbour at dawn", "duration": 4})
submitted.raise_for_status()
task = session.get(base + "/tasks", params={"taskid": submitted.json()["taskid"], "wait": 300}).json()
print(task["taskid"], task["status"], task.get("usage"))
pathlib.Path("harbour.mp4").write_bytes(requests.get(task["video"]).content)
