// Which of the two languages a page shows. Set before it is painted, so that it does not flash in the other one.
"use strict";

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
    document.dispatchEvent(new Event("languagechange"));
  });
});
