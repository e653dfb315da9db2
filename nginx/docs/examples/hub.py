import os
import pathlib

import requests

session = requests.Session()
session.headers["Authorization"] = "Bearer " + os.environ["KINORA_API_KEY"]
base = os.environ["KINORA_URL"]

submitted = session.post(base + "/api/video/submit", json={"prompt": "a quiet harbour at dawn", "duration": 4})
submitted.raise_for_status()
job = submitted.json()["data"]["jobId"]
status = session.get(base + "/api/video/status", params={"jobId": job, "wait": 300}).json()["data"]
print(job, status["status"])
pathlib.Path("harbour.mp4").write_bytes(requests.get(status["resultUrl"]).content)
