key="X-API-Key: $KINORA_API_KEY"

id=$(curl -fsS "$KINORA_URL/api/generate" -H "$key" -H 'Content-Type: application/json' \
    -d '{"prompt": "a quiet harbour at dawn", "duration": 5, "aspect_ratio": "16:9"}' |
    sed 's/.*"task_id":"\([^"]*\)".*/\1/')

url=$(curl -fsS "$KINORA_URL/api/task/$id?wait=300" -H "$key" | sed 's/.*"url_720p":"\([^"]*\)".*/\1/')
curl -fsS "$url" -o harbour.mp4
