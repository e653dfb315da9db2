import { writeFile } from "node:fs/promises";

const { KINORA_URL, KINORA_API_KEY } = process.env;
const headers = { Authorization: `Bearer ${KINORA_API_KEY}`, "Content-Type": "application/json" };

const submitted = await fetch(`${KINORA_URL}/api/video/submit`, {
  method: "POST",
  headers,
  body: JSON.stringify({ prompt: "a quiet harbour at dawn", duration: 4 }),
});
const job = (await submitted.json()).data.jobId;

const status = (await (await fetch(`${KINORA_URL}/api/video/status?jobId=${job}&wait=300`, { headers })).json()).data;
console.log(job, status.status);
const film = await fetch(status.resultUrl);
await writeFile("harbour.mp4", Buffer.from(await film.arrayBuffer()));
