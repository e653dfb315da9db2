key="Authorization: Bearer $KINORA_API_KEY"

# What would it cost?
curl -fsS "$KINORA_URL/v1/estimates" -H "$key" --json '{"url": "/v1/images/generations", "body": {"prompt": "a cat"}}'

curl -fsS "$KINORA_URL/v1/batches" -H "$key" -H 'Content-Type: application/jsonl' --data-binary @- <<'LINES'
{"custom_id": "boat", "url": "/v1/videos", "body": {"model": "sora-2", "prompt": "a paper boat", "seconds": 4}}
{"custom_id": "cat", "url": "/v1/images/generations", "body": {"prompt": "a cat in the snow"}}
LINES
