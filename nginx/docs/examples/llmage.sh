key="Authorization: Bearer $KINORA_API_KEY"

id=$(curl -fsS "$KINORA_URL/llmage/v1/video/generations" -H "$key" -H 'Content-Type: application/json' \
    -d '{"model": "sora-2", "catelogid": "t2v", "prompt": "a quiet harbour at dawn", "duration": 4}' |
    sed 's/.*"taskid":"\([^"]*\)".*/\1/')

url=$(curl -fsS "$KINORA_URL/llmage/v1/tasks?taskid=$id&wait=300" -H "$key" | sed 's/.*"video":"\([^"]*\)".*/\1/')
curl -fsS "$url" -o harbour.mp4
