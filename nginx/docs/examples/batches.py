import json
import os

import requests

lines = [
    {"custom_id": f"boat-{number}", "url": "/v1/videos",
     "body": {"model": "sora-2", "prompt": f"paper boat number {number}", "seconds": 4}}
    for number in range(1, 4)
]
url, key = os.environ["KINORA_URL"], {"Authorization": "Bearer " + os.environ["KINORA_API_KEY"]}

# What would one of them cost?
estimate = requests.post(url + "/v1/estimates", headers=key, json={"url": lines[0]["url"], "body": lines[0]["body"]})
estimate.raise_for_status()
print(estimate.json()["cost_micros"] / 1e6)

reply = requests.post(
    url + "/v1/batches", headers={**key, "Content-Type": "application/jsonl"},
    data="\n".join(map(json.dumps, lines)))
reply.raise_for_status()
for line in reply.json()["lines"]:
    print(line["custom_id"], line["status"], line["body"].get("id"))
