import os

from openai import OpenAI

client = OpenAI(base_url=os.environ["KINORA_URL"] + "/v1", api_key=os.environ["KINORA_API_KEY"])
stream = client.chat.completions.create(
    model="gpt-4", messages=[{"role": "user", "content": "Say hello."}], stream=True)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
print()
