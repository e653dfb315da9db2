import os
import pathlib

import requests

session = requests.Session()
session.headers["X-API-Key"] = os.environ["KINORA_API_KEY"]
base = os.environ["KINORA_URL"]

submitted = session.post(base + "/api/generate", json={"prompt": "a quiet harbour at dawn", "duration": 5})
submitted.raise_for_status()
task = session.get(f"{base}/api/task/{submitted.json()['task_id']}", params={"wait": 300}).json()
print(task["id"], task["status"])
pathlib.Path("harbour.mp4").write_bytes(requests.get(task["url_720p"]).content)
