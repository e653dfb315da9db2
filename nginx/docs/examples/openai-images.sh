key="Authorization: Bearer $KINORA_API_KEY"

url=$(curl -fsS "$KINORA_URL/v1/images/generations" -H "$key" -H 'Content-Type: application/json' \
    -d '{"model": "gpt-image-2", "prompt": "a cat in the snow", "size": "1024x1024"}' |
    sed 's/.*"url":"\([^"]*\)".*/\1/')

curl -fsS "$url" -o cat.png
