import { writeFile } from "node:fs/promises";

const base = `${process.env.KINORA_URL}/sora/v1`;
const headers = { Authorization: `Bearer ${process.env.KINORA_API_KEY}`, "Content-Type": "application/json" };
const post = async (path, body) =>
  (await fetch(base + path, { method: "POST", headers, body: JSON.stringify(body) })).json();

const { enhanced_prompt } = await post("/enhance_prompt", {
  prompt: "a quiet harbour at dawn",
  expansion_level: "medium",
});
console.log(enhanced_prompt);

const { id } = await post("/videos", { prompt: enhanced_prompt, seconds: "10" });
await fetch(`${base}/videos/${id}?wait=300`, { headers });
const film = await fetch(`${base}/videos/${id}/content`, { headers });
await writeFile("harbour.mp4", Buffer.from(await film.arrayBuffer()));
