document.addEventListener("DOMContentLoaded", ask);
document.addEventListener("languagechange", showTime);

// Health: asked every ten seconds while the page is in view.
const secondsBetween = 10;
let asked = null;
let timer = 0;

async function ask() {
  clearTimeout(timer);
  let health = null;
  try {
    const reply = await fetch("/api/health", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    health = await reply.json();
  } catch { /* no answer, or not one of the application's: shown as silence */ }
  asked = new Date();
  show(health);
  if (!document.hidden) timer = setTimeout(ask, secondsBetween * 1000);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });

function show(health) {
  const isHealth = typeof health?.status === "string";      // nginx's own errors are JSON too, but no health
  const state = !isHealth ? "silent" : health.status === "ok" ? "ok" : "error";
  const card = document.getElementById("health");
  if (card.dataset.state !== state) card.dataset.state = state;
  document.getElementById("version").textContent = (isHealth && health.version) || "–";
  document.getElementById("checks").replaceChildren(...Object.entries((isHealth && health.checks) || {}).map(chip));
  showTime();
}

function chip([name, value]) {
  const item = document.createElement("li");
  item.textContent = `${name}: ${value}`;
  item.dataset.value = value;
  return item;
}

function showTime() {
  if (!asked) return;
  const time = document.getElementById("asked");
  time.dateTime = asked.toISOString();
  time.textContent = asked.toLocaleTimeString(root.lang);
}
