import os

from openai import OpenAI

client = OpenAI(base_url=os.environ["KINORA_URL"] + "/v1", api_key=os.environ["KINORA_API_KEY"])
video = client.videos.create_and_poll(model="sora-2", prompt="a paper boat in the rain", seconds="4")
print(video.id, video.status)
client.videos.download_content(video.id).write_to_file("boat.mp4")
