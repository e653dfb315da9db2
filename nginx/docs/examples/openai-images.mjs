import { writeFile } from "node:fs/promises";

const { KINORA_URL, KINORA_API_KEY } = process.env;

const reply = await fetch(`${KINORA_URL}/v1/images/generations`, {
  method: "POST",
  headers: { Authorization: `Bearer ${KINORA_API_KEY}`, "Content-Type": "application/json" },
  body: JSON.stringify({ model: "gpt-image-2", prompt: "a cat in the snow", size: "1024x1024" }),
});
if (!reply.ok) throw new Error(await reply.text());
const { data } = await reply.json();

const picture = await fetch(data[0].url);
await writeFile("cat.png", Buffer.from(await picture.arrayBuffer()));
console.log("cat.png");
