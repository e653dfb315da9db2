key="Authorization: Bearer $KINORA_API_KEY"

url=$(curl -fsS "$KINORA_URL/v1/videos/generations" -H "$key" -H 'Content-Type: application/json' \
    -d '{"model": "sora-2", "prompt": "a paper boat in the rain", "duration": 4}' |
    sed 's/.*"url":"\([^"]*\)".*/\1/')

curl -fsS "$url" -o boat.mp4
