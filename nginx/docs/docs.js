// Shows /openapi.json to people. Texts are put in as text, never as markup.
"use strict";

const chinese = "zh-Hans";
const tools = [["curl", "sh"], ["Python", "py"], ["JavaScript", "mjs"]];

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// Both languages stand in the page; the style sheet shows one.
function words(english, translated) {
  if (!translated || translated === english) return [document.createTextNode(english ?? "")];
  return [element("span", { lang: "en", textContent: english }), element("span", { lang: chinese, textContent: translated })];
}

function table(title, heads, rows) {
  if (!rows.length) return [];
  const head = element("tr", {}, ...heads.map(head => element("th", { scope: "col" }, ...words(...head))));
  const body = rows.map(cells => element("tr", {}, ...cells.map(cell => element("td", {}, ...cell))));
  const whole = element("table", {}, element("caption", {}, ...words(...title)),
    element("thead", {}, head), element("tbody", {}, ...body));
  return [element("div", { className: "wide", tabIndex: 0 }, whole)];
}

const code = text => element("code", { textContent: text });

// What a value may be, in a few words: 4, 8, 12 · default 4
function values(schema = {}) {
  const parts = [];
  const allowed = (schema.enum ?? []).filter(value => value !== null);
  if (allowed.length) parts.push(allowed.join(", "));
  else if (schema.minimum !== undefined && schema.maximum !== undefined) parts.push(`${schema.minimum}–${schema.maximum}`);
  else if (schema.minimum !== undefined) parts.push(`≥ ${schema.minimum}`);
  else if (schema.examples?.length) parts.push(schema.examples.join(", "));
  else parts.push([schema.type ?? []].flat().filter(type => type !== "null").join(", "));
  if (schema.maxLength) parts.push(`≤ ${schema.maxLength}`);
  if (schema.default !== undefined) parts.push(`= ${schema.default}`);
  return parts.filter(Boolean).join(" · ");
}

const fieldHeads = [["Name", "名称"], ["Meaning", "含义"], ["Values", "取值"]];

function fieldRow(name, schema, isRequired, description, translated) {
  const label = [code(name)];
  if (isRequired) label.push(element("span", { className: "quiet" }, " ", ...words("required", "必填")));
  return [label, words(description, translated), [document.createTextNode(values(schema))]];
}

// What several endpoints have in common stands in the description once.
let shared = {};
const resolved = part => part?.$ref ? part.$ref.split("/").slice(2).reduce((at, name) => at[name], shared) : part;

// A body's own fields stand before the models that it may name.
function bodyRows(body) {
  const kinds = Object.values(body?.content ?? {}).map(({ schema }) => resolved(schema.allOf?.[0] ?? schema));
  const fields = Object.assign({}, ...kinds.map(schema => schema.properties));
  const required = kinds[0]?.required ?? [];
  return Object.entries(fields).map(([name, schema]) =>
    fieldRow(name, schema, required.includes(name), schema.description, schema["x-description-zh"]));
}

function operation(path, method, operation) {
  const parameters = (operation.parameters ?? []).map(parameter =>
    fieldRow(parameter.name, parameter.schema, parameter.required, parameter.description, parameter["x-description-zh"]));
  const replies = Object.entries(operation.responses).map(([status, given]) => {
    const reply = resolved(given);
    return [[code(status)], words(reply.description, reply["x-description-zh"])];
  });
  const example = Object.values(operation.requestBody?.content ?? {})[0]?.example;
  return element("details", { className: "operation", id: operation.operationId },
    element("summary", {},
      element("span", { className: "method", textContent: method.toUpperCase() }), code(path),
      element("span", { className: "quiet" }, ...words(operation.summary, operation["x-summary-zh"]))),
    ...table(["Parameters", "参数"], fieldHeads, parameters),
    ...table(["Body, as JSON or a form", "请求体（JSON 或表单）"], fieldHeads, bodyRows(operation.requestBody)),
    ...(example ? [element("pre", { tabIndex: 0 }, code(JSON.stringify(example, null, 2)))] : []),
    ...table(["Answers", "应答"], [["Status", "状态码"], ["Meaning", "含义"]], replies));
}

// One example in three languages; a tab loads its file when it is chosen.
function examples(name) {
  const text = code("");
  const panel = element("pre", { tabIndex: 0, role: "tabpanel" }, text);
  const tabs = tools.map(([title, ending]) => {
    const tab = element("button", { type: "button", role: "tab", textContent: title });
    tab.addEventListener("click", async () => {
      for (const other of tabs) other.setAttribute("aria-selected", other === tab);
      const reply = await fetch(`examples/${name}.${ending}`);
      text.textContent = reply.ok ? await reply.text() : "";
    });
    return tab;
  });
  tabs[0].click();
  return [element("div", { className: "tabs", role: "tablist" }, ...tabs), panel];
}

function chapter(tag, paths) {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, entry]) => entry.tags.includes(tag.name) && !entry["x-mount"])
      .map(([method, entry]) => operation(path, method, entry)));
  const mounts = new Set(Object.values(paths).flatMap(methods => Object.values(methods))
    .filter(entry => entry.tags.includes(tag.name)).map(entry => entry["x-mount"]).filter(Boolean));
  const also = [...mounts].map(mount => `/${mount}`).join(", ");
  return element("section", { id: tag.name },
    element("h2", {}, ...words(tag["x-title"], tag["x-title-zh"])),
    element("p", {}, ...words(tag.description, tag["x-description-zh"])),
    ...(also ? [element("p", { className: "quiet" }, ...words(`Also below ${also}, for the models of that family.`,
      `同样的接口也在 ${also} 下提供，仅限该系列的模型。`))] : []),
    ...examples(tag.name), ...operations);
}

// How many, of which types, and how large each: "1–2 · png, jpeg · 4.7 MiB".
function mediaValues({ minimum, maximum, types, bytes_max: bytesMax }) {
  const names = types.map(type => type.split("/")[1]).join(", ");
  return `${minimum}–${maximum} · ${names} · ${Math.round(bytesMax / 2 ** 20 * 10) / 10} MiB`;
}

function model(entry) {
  const rows = entry.categories.flatMap(({ category, parameters, media }) => [
    ...media.filter(({ maximum }) => maximum > 0).map(rule =>
      [[code(category)], [code(rule.media)], [document.createTextNode(mediaValues(rule))]]),
    ...Object.entries(parameters).map(([name, schema]) =>
      [[code(category)], [code(name)], [document.createTextNode(values(schema))]]),
  ]);
  return element("details", { className: "operation" },
    element("summary", {}, code(entry.id), element("span", { className: "quiet", textContent: `${entry.kind} · ${entry.title}` })),
    ...table(["What it takes", "参数"], [["Used as", "用途"], ["Name", "名称"], ["Values", "取值"]], rows));
}

async function show() {
  document.getElementById("environment").textContent =
    `export KINORA_URL=${location.origin}\nexport KINORA_API_KEY=kn_…`;
  let description;
  try {
    const reply = await fetch("/openapi.json");
    if (!reply.ok) throw new Error(reply.status);
    description = await reply.json();
    shared = description.components;
  } catch {
    document.getElementById("silence").hidden = false;
    return;
  }
  const links = description.tags.map(tag =>
    element("li", {}, element("a", { href: `#${tag.name}` }, ...words(tag["x-title"], tag["x-title-zh"]))));
  document.getElementById("contents").append(element("ul", {}, ...links));
  document.getElementById("chapters").append(...description.tags.map(tag => chapter(tag, description.paths)));
  document.getElementById("catalogue").append(...description["x-models"].map(model));
  document.getElementById("models").hidden = false;
  document.body.dataset.shown = "all";
  if (location.hash) document.querySelector(location.hash)?.scrollIntoView();
}

show();
