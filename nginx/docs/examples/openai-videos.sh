key="Authorization: Bearer $KINORA_API_KEY"

id=$(curl -fsS "$KINORA_URL/v1/videos" -H "$key" -H 'Content-Type: application/json' \
    -d '{"model": "sora-2", "prompt": "a paper boat in the rain", "seconds": 4}' |
    sed 's/.*"id":"\([^"]*\)".*/\1/')

curl -fsS "$KINORA_URL/v1/videos/$id?wait=300" -H "$key"
curl -fsSL "$KINORA_URL/v1/videos/$id/content" -H "$key" -o boat.mp4
