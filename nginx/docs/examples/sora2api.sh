key="Authorization: Bearer $KINORA_API_KEY"
json='Content-Type: application/json'

# The prompt goes on as it came: as JSON text.
prompt=$(curl -fsS "$KINORA_URL/v1/enhance_prompt" -H "$key" -H "$json" \
    -d '{"prompt": "a quiet harbour at dawn", "expansion_level": "medium"}' |
    sed 's/.*"enhanced_prompt":\(".*"\)}$/\1/')

id=$(curl -fsS "$KINORA_URL/sora/v1/videos" -H "$key" -H "$json" -d "{\"prompt\": $prompt, \"seconds\": \"10\"}" |
    sed 's/.*"id":"\([^"]*\)".*/\1/')
curl -fsS "$KINORA_URL/sora/v1/videos/$id?wait=300" -H "$key" >/dev/null
curl -fsS "$KINORA_URL/sora/v1/videos/$id/content" -H "$key" -o harbour.mp4
