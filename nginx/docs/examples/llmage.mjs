import { writeFile } from "node:fs/promises";

const { KINORA_URL, KINORA_API_KEY } = process.env;
const base = `${KINORA_URL}/llmage/v1`;
const headers = { Authorization: `Bearer ${KINORA_API_KEY}`, "Content-Type": "application/json" };

const submitted = await fetch(`${base}/video/generations`, {
  method: "POST",
  headers,
  body: JSON.stringify({ model: "sora-2", catelogid: "t2v", prompt: "a quiet harbour at dawn", duration: 4 }),
});
const { taskid } = await submitted.json();

const task = await (await fetch(`${base}/tasks?taskid=${taskid}&wait=300`, { headers })).json();
console.log(task.taskid, task.status);
const film = await fetch(task.video);
await writeFile("harbour.mp4", Buffer.from(await film.arrayBuffer()));
