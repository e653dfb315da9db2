import os
import pathlib

import requests

session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['KINORA_API_KEY']}"
base = os.environ["KINORA_URL"] + "/sora/v1"

written = session.post(base + "/enhance_prompt", json={"prompt": "a quiet harbour at dawn", "expansion_level": "medium"})
written.raise_for_status()
prompt = written.json()["enhanced_prompt"]
print(prompt)

video = session.post(base + "/videos", json={"prompt": prompt, "seconds": "10"}).json()
video = session.get(f"{base}/videos/{video['id']}", params={"wait": 300}).json()
pathlib.Path("harbour.mp4").write_bytes(session.get(f"{base}/videos/{video['id']}/content").content)
