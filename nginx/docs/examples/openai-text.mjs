const { KINORA_URL, KINORA_API_KEY } = process.env;

const reply = await fetch(`${KINORA_URL}/v1/chat/completions`, {
  method: "POST",
  headers: { Authorization: `Bearer ${KINORA_API_KEY}`, "Content-Type": "application/json" },
  body: JSON.stringify({
    model: "gpt-4",
    stream: true,
    messages: [{ role: "user", content: "Say hello." }],
  }),
});
if (!reply.ok) throw new Error(await reply.text());
for await (const bytes of reply.body) process.stdout.write(bytes);
