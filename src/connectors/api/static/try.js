"use strict";
// Renders the OpenAPI document as forms. Text reaches the page through textContent only.

const place = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function resolve(schema, root) {
  if (!schema || !schema.$ref) return schema || {};
  return resolve(schema.$ref.slice(2).split("/").reduce((node, part) => node[part], root), root);
}

function example(schema, root, depth = 0) {
  const found = resolve(schema, root);
  if (found.examples) return found.examples[0];
  if (found.const !== undefined) return found.const;
  if (found.enum) return found.enum[0];
  if (found.anyOf) return example(found.anyOf.find((each) => each.type !== "null"), root, depth);
  if (found.default !== undefined && found.default !== null) return found.default;
  if (found.properties && depth < 6) {
    const wanted = found.required || Object.keys(found.properties).slice(0, 1);
    return Object.fromEntries(wanted.map((name) => [name, example(found.properties[name], root, depth + 1)]));
  }
  if (found.type === "array") return [example(found.items, root, depth + 1)];
  return { string: "", integer: 0, number: 0, boolean: false }[found.type] ?? null;
}

const SAMPLE = {
  payload: ["4012 8888 8888 1881 is my card"], // connectors:allow credit_card
  policy: { detectionRules: [{ logicalOp: "ANY", detectors: [{ detectorType: "NIGHTFALL_DETECTOR", nightfallDetector: "CREDIT_CARD_NUMBER", minConfidence: "POSSIBLE" }] }] },
};

function bodyOf(operation, path, root) {
  const content = (operation.requestBody || {}).content || {};
  if (!content["application/json"]) return null;
  return JSON.stringify(path === "/v3/scan" ? SAMPLE : example(content["application/json"].schema, root), null, 2);
}

async function send(form, method, path) {
  const query = new URLSearchParams();
  const headers = { Authorization: `Bearer ${place("key").value.trim()}` };
  let target = path;
  for (const input of form.querySelectorAll("input")) {
    if (!input.value) continue;
    if (input.dataset.in === "path") target = target.replace(`{${input.name}}`, encodeURIComponent(input.value));
    if (input.dataset.in === "query") query.set(input.name, input.value);
    if (input.dataset.in === "header") headers[input.name] = input.value;
  }
  const body = form.querySelector("textarea");
  if (body) headers["Content-Type"] = "application/json";
  const url = query.size ? `${target}?${query}` : target;
  const started = performance.now();
  const answer = await fetch(url, { method, headers, body: body ? body.value : undefined });
  const text = await answer.text();
  let shown = text;
  try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: shown as it is */ }
  return `${answer.status} ${answer.statusText} (${Math.round(performance.now() - started)} ms)\n\n${shown}`;
}

function show(method, path, operation, root) {
  const form = make("form");
  form.append(make("h2", {}, make("span", { className: "method", textContent: method.toUpperCase() }), ` ${path}`));
  form.append(make("p", { textContent: operation.summary || "" }));
  for (const parameter of operation.parameters || []) {
    const input = make("input", { name: parameter.name, required: Boolean(parameter.required), autocomplete: "off" });
    input.dataset.in = parameter.in;
    form.append(make("label", {}, `${parameter.name} (${parameter.in})`, input));
  }
  const body = bodyOf(operation, path, root);
  if (body !== null) form.append(make("label", {}, "Body", make("textarea", { value: body, spellcheck: false })));
  form.append(make("button", { className: "send", textContent: "Send" }));
  const answer = make("pre", { textContent: "", hidden: true, tabIndex: 0 });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    answer.hidden = false;
    answer.textContent = "…";
    try { answer.textContent = await send(form, method.toUpperCase(), path); } catch (error) { answer.textContent = String(error); }
  });
  place("endpoint").replaceChildren(form, answer);
}

async function start() {
  const root = await (await fetch("/openapi.json")).json();
  const groups = new Map();
  for (const [path, operations] of Object.entries(root.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const group = (operation.tags || ["other"])[0];
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push({ path, method, operation });
    }
  }
  const list = place("endpoints");
  for (const [group, entries] of groups) {
    list.append(make("h2", { textContent: group }));
    for (const entry of entries.sort((a, b) => a.path.localeCompare(b.path))) {
      const button = make("button", { type: "button" }, make("span", { className: "method", textContent: entry.method.toUpperCase() }), ` ${entry.path}`);
      button.addEventListener("click", () => {
        list.querySelectorAll("button").forEach((each) => each.setAttribute("aria-current", String(each === button)));
        show(entry.method, entry.path, entry.operation, root);
      });
      list.append(button);
    }
  }
  const first = [...list.querySelectorAll("button")].find((each) => each.textContent.includes("/v3/scan"));
  (first || list.querySelector("button")).click();
}

start();
