key="Authorization: Bearer $KINORA_API_KEY"

id=$(curl -fsS "$KINORA_URL/api/video/submit" -H "$key" -H 'Content-Type: application/json' \
    -d '{"prompt": "a quiet harbour at dawn", "duration": 4, "user_identifier": "user-42"}' |
    sed 's/.*"jobId":"\([^"]*\)".*/\1/')

url=$(curl -fsS "$KINORA_URL/api/video/status?jobId=$id&wait=300" -H "$key" |
    sed 's/.*"resultUrl":"\([^"]*\)".*/\1/')
curl -fsS "$url" -o harbour.mp4
