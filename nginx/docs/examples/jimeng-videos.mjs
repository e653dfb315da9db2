import { writeFile } from "node:fs/promises";

const { KINORA_URL, KINORA_API_KEY } = process.env;

const reply = await fetch(`${KINORA_URL}/v1/videos/generations`, {
  method: "POST",
  headers: { Authorization: `Bearer ${KINORA_API_KEY}`, "Content-Type": "application/json" },
  body: JSON.stringify({ model: "sora-2", prompt: "a paper boat in the rain", duration: 4 }),
});
if (!reply.ok) throw new Error(await reply.text());
const { data } = await reply.json();

const film = await fetch(data[0].url);
await writeFile("boat.mp4", Buffer.from(await film.arrayBuffer()));
