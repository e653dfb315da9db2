import json
import os

import requests

lines = [
    {"custom_id": f"boat-{number}", "url": "/v1/videos",
     "body": {"model": "sora-2", "prompt": f"paper boat number {number}", "seconds": 4}}
    for number in range(1, 4)
]
reply = requests.post(
    os.environ["KINORA_URL"] + "/v1/batches",
    headers={"Authorization": "Bearer " + os.environ["KINORA_API_KEY"], "Content-Type": "application/jsonl"},
    data="\n".join(map(json.dumps, lines)))
reply.raise_for_status()
for line in reply.json()["lines"]:
    print(line["custom_id"], line["status"], line["body"].get("id"))
