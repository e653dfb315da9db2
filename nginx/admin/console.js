// The language is set before the page is painted, so that it does not flash in the other one.
const root = document.documentElement;
const languages = ["en", "zh-Hans"];
const storageKey = "kinora.language";

function rememberedLanguage() {
  try { return localStorage.getItem(storageKey); } catch { return null; }   // storage may be forbidden
}

function speak(language) {
  root.lang = languages.includes(language) ? language : navigator.language.startsWith("zh") ? "zh-Hans" : "en";
}

speak(rememberedLanguage());

document.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("language");
  button.hidden = false;
  button.addEventListener("click", () => {
    speak(languages.find(language => language !== root.lang));
    try { localStorage.setItem(storageKey, root.lang); } catch { /* then only for this visit */ }
    showTime();
  });
  ask();
});

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
