import { writeFile } from "node:fs/promises";

const { KINORA_URL, KINORA_API_KEY } = process.env;
const headers = { Authorization: `Bearer ${KINORA_API_KEY}`, "Content-Type": "application/json" };

const submitted = await fetch(`${KINORA_URL}/v1/videos`, {
  method: "POST",
  headers,
  body: JSON.stringify({ model: "sora-2", prompt: "a paper boat in the rain", seconds: 4 }),
});
const { id } = await submitted.json();

const video = await (await fetch(`${KINORA_URL}/v1/videos/${id}?wait=300`, { headers })).json();
console.log(video.id, video.status);

const content = await fetch(`${KINORA_URL}/v1/videos/${id}/content`, { headers });
if (!content.ok) throw new Error(await content.text());
await writeFile("boat.mp4", Buffer.from(await content.arrayBuffer()));
