import { writeFile } from "node:fs/promises";

const { KINORA_URL, KINORA_API_KEY } = process.env;
const headers = { "X-API-Key": KINORA_API_KEY, "Content-Type": "application/json" };

const submitted = await fetch(`${KINORA_URL}/api/generate`, {
  method: "POST",
  headers,
  body: JSON.stringify({ prompt: "a quiet harbour at dawn", duration: 5 }),
});
const { task_id } = await submitted.json();

const task = await (await fetch(`${KINORA_URL}/api/task/${task_id}?wait=300`, { headers })).json();
console.log(task.id, task.status);
const film = await fetch(task.url_720p);
await writeFile("harbour.mp4", Buffer.from(await film.arrayBuffer()));
