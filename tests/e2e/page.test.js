// The chat page in a real browser.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { hasModel, model, needs, slowModel } from "./lib/places.js";
import { Server } from "./lib/server.js";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const skip = needs(hasModel, "models") || needs(existsSync(executablePath), "Chromium");
let server, browser, page;
const failures = [];

before(async () => {
  if (skip) return;
  server = await Server.start(["-c", "4096", "-np", "2", "--temp", "0"]);
  browser = await chromium.launch({
    executablePath,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  page = await browser.newPage({ viewport: { width: 390, height: 800 } });
  page.setDefaultTimeout(20_000);
  page.on("pageerror", (error) => failures.push(String(error)));
  page.on("console", (message) => message.type() === "error" && failures.push(message.text()));
  await page.goto(server.url);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const ready = () => page.waitForSelector("#send:not([hidden])");
const texts = (selector) => page.$$eval(selector, (nodes) => nodes.map((node) => node.textContent));

/** Playwright's own waitForFunction evaluates text in the page, which the page's policy forbids. */
async function until(isTrue) {
  for (const end = Date.now() + 20_000; !(await isTrue()); ) {
    assert.ok(Date.now() < end, "waited too long");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function send(text) {
  await page.fill("#input", text);
  await page.press("#input", "Enter");
}

async function set(fields) {
  await page.click("#open-settings");
  for (const [name, value] of Object.entries(fields)) {
    const field = page.locator(`#settings [name=${name}]`);
    if (name === "theme") await field.selectOption(value);
    else await field.fill(value);
  }
  await page.click("#settings button[value=save]");
  await page.waitForSelector("#settings:not([open])", { state: "attached" });
  // The page learns of it by an event that comes after the closing itself.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
}

test("a message is answered as a stream, with its speed", { skip }, async () => {
  await set({ maxTokens: "12" });
  await send("Tell me about a red ball.");
  await ready();
  const [answer] = await texts(".message.assistant .body");
  const { body } = await server.json("/v1/chat/completions", {
    messages: [{ role: "user", content: "Tell me about a red ball." }], max_tokens: 12,
  });
  assert.equal(answer.replace(/\s+/g, ""), body.choices[0].message.content.replace(/\s+/g, ""));
  assert.match((await texts(".facts"))[0], /12 tokens . [\d.]+ tokens\/s/);
});

test("stop ends a long answer", { skip: skip || needs(slowModel(), "llama-random-model") }, async () => {
  const slow = await Server.start(["-m", slowModel(), "-c", "4096", "-np", "1", "--ignore-eos"]);
  const other = await browser.newPage();
  try {
    await other.goto(slow.url);
    await other.fill("#input", "Tell me a very long story.");
    await other.press("#input", "Enter");
    const body = other.locator(".message.assistant .body");
    await until(async () => (await body.textContent()).length > 2);
    await other.$eval("#stop", (button) => button.click());  // a busy page moves under a pointer
    await other.waitForSelector("#send:not([hidden])");
    assert.match(await other.textContent(".facts"), /stopped/);
    // The server has noticed, too: its only slot is free again.
    await until(async () => !(await slow.json("/slots")).body[0].is_processing);
  } finally {
    await other.close();
    await slow.stop();
  }
});

test("text of user and model never becomes markup", { skip }, async () => {
  await page.click("#new-chat");
  await set({ maxTokens: "1" });
  await send("<img src=x onerror=\"document.title='owned'\"> **no**");
  await ready();
  assert.equal(await page.$(".message img"), null);
  assert.deepEqual(await texts(".message.user .body"), ["<img src=x onerror=\"document.title='owned'\"> **no**"]);
  const html = await page.evaluate(async () => {
    const { renderMarkdown } = await import("./markdown.js");
    const node = document.createElement("div");
    node.append(renderMarkdown([
      "# Title", "a **b** *c* `<i>` [x](https://example.org) [y](javascript:alert(1))",
      "- one", "- two", "", "```js", "<script>", "```", "<b onclick=x>", "> quote",
    ].join("\n")));
    return node.innerHTML;
  });
  assert.match(html, /<h1>Title<\/h1>/);
  assert.match(html, /<strong>b<\/strong> <em>c<\/em> <code>&lt;i&gt;<\/code>/);
  assert.match(html, /<a href="https:\/\/example\.org"[^>]*>x<\/a>/);
  assert.match(html, /\[y\]\(javascript:alert\(1\)\)/);
  assert.match(html, /<ul><li>one<\/li><li>two<\/li><\/ul><pre><code>&lt;script&gt;<\/code><\/pre>/);
  assert.match(html, /&lt;b onclick=x&gt;/);
  assert.match(html, /<blockquote><p>quote<\/p><\/blockquote>/);
});

test("a conversation survives a reload and ends with a new chat", { skip }, async () => {
  const before = await texts(".message .body");
  await page.reload();
  await ready();
  assert.deepEqual(await texts(".message .body"), before);
  await page.click("#new-chat");
  assert.deepEqual(await texts(".message .body"), []);
});

test("a reload during an answer goes on showing it", { skip }, async () => {
  await page.click("#new-chat");
  // What the page leaves behind when it is closed in the middle of an answer, here of a long one.
  const id = "page-closed-in-the-middle";
  const messages = [{ role: "user", content: "Tell me a story." }];
  const reply = await server.fetch("/v1/chat/completions", { headers: { "X-Conversation-Id": id },
    body: { messages, stream: true, max_tokens: 400, temperature: 0, ignore_eos: true } });
  await page.evaluate(([conversation, stream]) => {
    localStorage.setItem("llama-conversation", JSON.stringify(conversation));
    localStorage.setItem("llama-stream", JSON.stringify(stream));
  }, [messages, id]);
  await page.reload();
  await ready();
  const stream = await reply.text();
  assert.match(stream, /data: \[DONE\]\n\n$/);
  const pieces = [...stream.matchAll(/"content":("(?:[^"\\]|\\.)*")/g)].map(([, piece]) => JSON.parse(piece));
  const plain = (all) => all.replace(/\s+/g, "");
  await until(async () => plain((await texts(".message.assistant .body"))[0] ?? "") === plain(pieces.join("")));
  await page.click("#new-chat");
});

test("the system prompt and the colours are settings", { skip }, async () => {
  await set({ system: "You are a pirate.", theme: "dark", maxTokens: "1" });
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  const [request] = await Promise.all([
    page.waitForRequest((one) => one.url().endsWith("/v1/chat/completions")),
    send("Hi"),
  ]);
  assert.deepEqual(request.postDataJSON().messages[0], { role: "system", content: "You are a pirate." });
  await ready();
});

test("--ui-config is for those who have no settings of their own", { skip }, async () => {
  const config = { systemMessage: "You are a poet.", max_tokens: 2, theme: "light", unknown: [1] };
  const other = await Server.start(["-c", "512", "--ui-config", JSON.stringify(config)]);
  const fresh = await browser.newPage();
  try {
    assert.deepEqual((await other.json("/props")).body.ui_settings, config);
    await fresh.goto(other.url);
    await until(() => fresh.evaluate(() => document.documentElement.dataset.theme === "light"));
    const [request] = await Promise.all([
      fresh.waitForRequest((one) => one.url().endsWith("/v1/chat/completions")),
      fresh.fill("#input", "Hi").then(() => fresh.press("#input", "Enter")),
    ]);
    const { messages, max_tokens } = request.postDataJSON();
    assert.deepEqual(messages[0], { role: "system", content: "You are a poet." });
    assert.equal(max_tokens, 2);
  } finally {
    await fresh.close();
    await other.stop();
  }
});

test("a page that is known already is not sent again", { skip }, async () => {
  const reply = await server.fetch("/");
  assert.equal(reply.headers.get("cache-control"), "no-cache");
  const again = await server.fetch("/", { headers: { "If-None-Match": reply.headers.get("etag") } });
  assert.equal(again.status, 304);
});

test("the description of the API is a page, too", { skip }, async () => {
  const docs = await browser.newPage();
  try {
    await docs.goto(`${server.url}/docs`);
    await docs.waitForSelector("details");
    const { body } = await server.json("/openapi.json");
    const count = Object.values(body.paths).flatMap((methods) => Object.keys(methods)).length;
    assert.equal(await docs.locator("details").count(), count);
    await docs.fill("#filter", "top_n_sigma");
    assert.ok(await docs.locator("details:not([hidden])").count() < count);
    await docs.locator("details:not([hidden]) summary").first().click();
    assert.match(await docs.locator("details[open] table").first().textContent(), /top_n_sigma/);
  } finally {
    await docs.close();
  }
});

test("errors of the server are shown", { skip }, async () => {
  await send("word ".repeat(9000));
  const alert = await page.waitForSelector("[role=alert]");
  assert.match(await alert.textContent(), /exceeds the available context size/);
  await ready();
});

test("of many models the page offers each and asks for the one that is chosen", { skip }, async () => {
  const place = mkdtempSync(join(tmpdir(), "llama-page-"));
  for (const name of ["one", "two"]) symlinkSync(model, join(place, `${name}.gguf`));
  const router = await Server.start(["--models-dir", place, "-c", "512", "-np", "1"]);
  try {
    await page.goto(router.url);
    await page.waitForSelector("#models:not([hidden])");
    assert.deepEqual(await texts("#models option"), ["one", "two"]);
    await page.selectOption("#models", "two");
    await set({ system: "", maxTokens: "2" });
    await send("Hi");
    await ready();
    const { body } = await router.json("/models");
    assert.deepEqual(body.data.map(({ status }) => status.value), ["unloaded", "loaded"]);
  } finally {
    await page.goto("about:blank");
    await router.stop();
    rmSync(place, { recursive: true });
    await page.goto(server.url);
  }
});

test("the layout fits a phone and nothing failed meanwhile", { skip }, async () => {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  assert.equal(wide, false);
  assert.deepEqual(failures.filter((text) => !text.includes("400")), []);
});
