curl -fsSN "$KINORA_URL/v1/chat/completions" -H "Authorization: Bearer $KINORA_API_KEY" \
    -H 'Content-Type: application/json' \
    -d '{"model": "gpt-4", "stream": true, "messages": [{"role": "user", "content": "Say hello."}]}'
