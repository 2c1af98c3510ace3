// The chat page: keeps a conversation, sends it to the server it came from, shows the stream.
import { renderMarkdown } from "./markdown.js";

const at = (id) => document.getElementById(id);
const messagesNode = at("messages");
const input = at("input");

const DEFAULTS = { system: "", temperature: "", maxTokens: "", apiKey: "", theme: "auto" };
let settings = { ...DEFAULTS, ...load("llama-settings", {}) };
let conversation = load("llama-conversation", []); // [{role, content}]
let running = null; // AbortController of the reply being streamed

function load(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function save(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Private windows may refuse; the page works without.
  }
}

function headers() {
  const list = { "Content-Type": "application/json" };
  if (settings.apiKey) list.Authorization = `Bearer ${settings.apiKey}`;
  return list;
}

// ---- Server state ----

async function watchServer() {
  for (;;) {
    const state = await serverState();
    at("state").textContent = state.text;
    if (state.ready) break;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  await takeServerSettings();
  const reply = await fetch("v1/models").catch(() => null);
  const names = reply?.ok ? (await reply.json()).data.map(({ id }) => id) : [];
  if (names.length > 1) offerModels(names);
  else if (names.length === 1) at("model").textContent = names[0].split("/").pop();
}

/** A server of many models: requests name the one that is chosen. */
function offerModels(names) {
  const choice = at("models");
  choice.replaceChildren(...names.map((name) => new Option(name, name)));
  const last = load("llama-model", "");
  if (names.includes(last)) choice.value = last;
  choice.addEventListener("change", () => save("llama-model", choice.value));
  choice.hidden = false;
  at("model").hidden = true;
}

/** --ui-config of the server: for those who have saved no settings of their own. */
async function takeServerSettings() {
  const reply = await fetch("props", { headers: headers() }).catch(() => null);
  if (!reply?.ok) return;
  const given = (await reply.json()).ui_settings;
  const names = { system: "system", systemMessage: "system", temperature: "temperature",
    maxTokens: "maxTokens", max_tokens: "maxTokens", theme: "theme" };
  for (const [name, mine] of Object.entries(names)) {
    if (["string", "number"].includes(typeof given[name])) DEFAULTS[mine] = String(given[name]);
  }
  settings = { ...DEFAULTS, ...load("llama-settings", {}) };
  applyTheme();
}

async function serverState() {
  try {
    const reply = await fetch("health", { cache: "no-store" });
    if (reply.ok) return { ready: true, text: "" };
    return { ready: false, text: reply.status === 503 ? "loading the model ..." : "not ready" };
  } catch {
    return { ready: false, text: "no connection" };
  }
}

// ---- Messages ----

function addMessage(role, content) {
  at("welcome").hidden = true;
  const node = document.createElement("article");
  node.className = `message ${role}`;
  const body = document.createElement("div");
  body.className = "body";
  node.append(body);
  messagesNode.append(node);
  showText(node, role, content);
  return node;
}

function showText(node, role, content) {
  const body = node.querySelector(".body");
  if (role === "assistant") {
    body.replaceChildren(renderMarkdown(content));
    for (const block of body.querySelectorAll("pre")) addCopyButton(block);
  } else {
    body.textContent = content;
  }
}

function addCopyButton(block) {
  const code = block.querySelector("code").textContent;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", () => navigator.clipboard?.writeText(code));
  block.append(button);
}

function addFacts(node, text) {
  const facts = document.createElement("div");
  facts.className = "facts";
  facts.textContent = text;
  node.append(facts);
}

function showError(text) {
  const node = document.createElement("p");
  node.className = "error";
  node.setAttribute("role", "alert");
  node.textContent = text;
  messagesNode.append(node);
  scrollDown(true);
}

/** Follows the text unless the reader has scrolled up. */
function scrollDown(always = false) {
  const below = messagesNode.scrollHeight - messagesNode.scrollTop - messagesNode.clientHeight;
  if (always || below < 120) messagesNode.scrollTop = messagesNode.scrollHeight;
}

function showConversation() {
  for (const node of [...messagesNode.children]) if (node.id !== "welcome") node.remove();
  at("welcome").hidden = conversation.length > 0;
  for (const { role, content } of conversation) addMessage(role, content);
  scrollDown(true);
}

// ---- One exchange ----

function requestBody() {
  const system = settings.system.trim();
  const body = {
    messages: system ? [{ role: "system", content: system }, ...conversation] : conversation,
    stream: true,
    timings_per_token: true,
  };
  if (!at("models").hidden) body.model = at("models").value;
  if (settings.temperature !== "") body.temperature = Number(settings.temperature);
  if (settings.maxTokens !== "") body.max_tokens = Number(settings.maxTokens);
  return JSON.stringify(body);
}

function send(text) {
  conversation.push({ role: "user", content: text });
  addMessage("user", text);
  save("llama-conversation", conversation);
  const id = `page-${Array.from({ length: 4 }, () => Math.random().toString(36).slice(2)).join("")}`;
  save("llama-stream", id);
  return show(id, () => ask(id));
}

/** Shows the reply of that stream, whose beginning `open` fetches. */
async function show(id, open) {
  const node = addMessage("assistant", "");
  const mine = conversation; // "New chat" may replace it meanwhile
  node.classList.add("busy");
  scrollDown(true);
  setRunning(new AbortController());
  const reply = { text: "", timings: null, finish: null };
  try {
    await stream(id, open, reply, node);
  } catch (error) {
    if (error.name !== "AbortError" && conversation === mine) showError(error.message);
  }
  node.classList.remove("busy");
  if (conversation === mine) finish(reply, node);
  // The server would go on without us.
  if (running.signal.aborted) fetch(streamPath(id), { method: "DELETE", headers: headers() }).catch(() => {});
  if (load("llama-stream", "") === id) save("llama-stream", "");
  setRunning(null);
}

const streamPath = (id) => `v1/stream?conv_id=${encodeURIComponent(id)}`;
const ask = (id) => fetch("v1/chat/completions", {
  method: "POST",
  headers: { ...headers(), "X-Conversation-Id": id },
  body: requestBody(),
  signal: running.signal,
});
const resume = (id) => fetch(streamPath(id), { headers: headers(), signal: running.signal });

/** Behind a reload: the reply that was being shown. */
async function showUnfinished() {
  const id = load("llama-stream", "");
  if (running || !id || conversation.at(-1)?.role !== "user") return;
  await show(id, () => resume(id));
}

function finish(reply, node) {
  showText(node, "assistant", reply.text);
  if (reply.text === "" && reply.timings === null) {
    node.remove();
  } else {
    conversation.push({ role: "assistant", content: reply.text });
  }
  const facts = [];
  if (reply.timings) {
    const { predicted_n: count, predicted_per_second: rate } = reply.timings;
    facts.push(`${count} tokens`);
    if (rate) facts.push(`${rate.toFixed(1)} tokens/s`);
  }
  if (reply.finish === "length") facts.push("cut by the length limit");
  if (running?.signal.aborted) facts.push("stopped");
  if (facts.length > 0) addFacts(node, facts.join(" \u00b7 "));
  save("llama-conversation", conversation);
  scrollDown();
}

const MOST_TRIES = 5;

async function stream(id, open, reply, node) {
  let response = await open();
  for (let tries = 1; ; ++tries) {
    if (!response.ok) throw new Error(await errorText(response));
    try {
      return await follow(response, reply, node);
    } catch (error) {
      // A broken connection is a TypeError; the server has kept the stream, from its beginning.
      if (!(error instanceof TypeError) || tries === MOST_TRIES) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
    Object.assign(reply, { text: "", timings: null, finish: null });
    response = await resume(id);
  }
}

async function follow(response, reply, node) {
  let drawing = false;
  for await (const event of events(response.body)) {
    if (event.error) throw new Error(event.error.message);
    const choice = event.choices?.[0];
    if (choice?.delta?.content) reply.text += choice.delta.content;
    if (choice?.finish_reason) reply.finish = choice.finish_reason;
    if (event.timings) reply.timings = event.timings;
    if (!drawing) {
      drawing = true;
      requestAnimationFrame(() => {
        drawing = false;
        if (!node.classList.contains("busy")) return;
        showText(node, "assistant", reply.text);
        const rate = reply.timings?.predicted_per_second;
        at("state").textContent = rate ? `${rate.toFixed(1)} tokens/s` : "";
        scrollDown();
      });
    }
  }
}

/** The JSON of each `data:` event of a stream. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer += value;
    const parts = buffer.split("\n\n");
    buffer = parts.pop();
    for (const part of parts) {
      const data = part.startsWith("data: ") ? part.slice(6) : "";
      if (data && data !== "[DONE]") yield JSON.parse(data);
    }
  }
}

async function errorText(response) {
  const body = await response.json().catch(() => null);
  const message = body?.error?.message ?? response.statusText;
  return response.status === 401 ? `${message}. Enter the key in the settings.` : message;
}

function setRunning(controller) {
  running = controller;
  at("send").hidden = controller !== null;
  at("stop").hidden = controller === null;
  if (controller === null) {
    at("state").textContent = "";
    input.focus();
  }
}

// ---- Controls ----

function resizeInput() {
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight + 2}px`;
}

at("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = input.value.trim();
  if (text === "" || running) return;
  input.value = "";
  resizeInput();
  send(text);
});

input.addEventListener("input", resizeInput);
input.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  at("composer").requestSubmit();
});

at("stop").addEventListener("click", () => running?.abort());

at("new-chat").addEventListener("click", () => {
  running?.abort();
  conversation = [];
  save("llama-conversation", conversation);
  showConversation();
  input.focus();
});

const dialog = at("settings");
const fields = dialog.querySelector("form").elements;

at("open-settings").addEventListener("click", () => {
  for (const name of Object.keys(DEFAULTS)) fields[name].value = settings[name];
  dialog.showModal();
});

dialog.addEventListener("close", () => {
  if (dialog.returnValue !== "save") return;
  for (const name of Object.keys(DEFAULTS)) settings[name] = fields[name].value;
  save("llama-settings", settings);
  applyTheme();
});

function applyTheme() {
  if (settings.theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = settings.theme;
}

applyTheme();
showConversation();
watchServer().then(showUnfinished);
