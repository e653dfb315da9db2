const { KINORA_URL, KINORA_API_KEY } = process.env;

const lines = [1, 2, 3].map(number => ({
  custom_id: `boat-${number}`,
  url: "/v1/videos",
  body: { model: "sora-2", prompt: `paper boat number ${number}`, seconds: 4 },
}));
const key = { Authorization: `Bearer ${KINORA_API_KEY}` };

// What would one of them cost?
const estimate = await fetch(`${KINORA_URL}/v1/estimates`, {
  method: "POST",
  headers: { ...key, "Content-Type": "application/json" },
  body: JSON.stringify({ url: lines[0].url, body: lines[0].body }),
});
if (!estimate.ok) throw new Error(await estimate.text());
console.log((await estimate.json()).cost_micros / 1e6);

const reply = await fetch(`${KINORA_URL}/v1/batches`, {
  method: "POST",
  headers: { ...key, "Content-Type": "application/jsonl" },
  body: lines.map(line => JSON.stringify(line)).join("\n"),
});
if (!reply.ok) throw new Error(await reply.text());
for (const { custom_id, status, body } of (await reply.json()).lines) console.log(custom_id, status, body.id);
