import base64
import os
import pathlib

from openai import OpenAI

client = OpenAI(base_url=os.environ["KINORA_URL"] + "/v1", api_key=os.environ["KINORA_API_KEY"])
made = client.images.generate(
    model="gpt-image-2", prompt="a cat in the snow", size="1024x1024", response_format="b64_json")
pathlib.Path("cat.png").write_bytes(base64.b64decode(made.data[0].b64_json))
print("cat.png")
