// Thoughts: their own field, budgets, and ending them from outside. A template that opens a block
// of thoughts makes any model one that thinks.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { hasModel, needs } from "./lib/places.js";
import { Server } from "./lib/server.js";
import { events } from "./lib/sse.js";

const skip = needs(hasModel, "models");
const TEMPLATE = `{%- for m in messages %}
{{- '<|im_start|>' + m.role + '\\n' }}
{%- if m.role == 'assistant' and m.reasoning_content %}{{- '<think>\\n' + m.reasoning_content + '\\n</think>\\n\\n' }}{%- endif %}
{{- m.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- else %}{{- '<think>\\n' }}{%- endif %}
{%- endif %}`;
const messages = [{ role: "user", content: "How big is the ball?" }];
const request = { messages, temperature: 0, max_tokens: 40, ignore_eos: true };
let place, server;

const start = (...args) => Server.start(["-c", "2048", "-np", "2", "--chat-template-file", join(place, "think.jinja"), ...args]);
const ask = async (more = {}, on = server) =>
  (await on.json("/v1/chat/completions", { ...request, ...more })).body.choices[0].message;

before(async () => {
  if (skip) return;
  place = mkdtempSync(join(tmpdir(), "llama-reasoning-"));
  writeFileSync(join(place, "think.jinja"), TEMPLATE);
  server = await start();
});
after(async () => {
  await server?.stop();
  if (place) rmSync(place, { recursive: true });
});

test("thoughts have their own field", { skip }, async () => {
  const message = await ask();
  assert.ok(message.reasoning_content.length > 0);
  assert.equal(message.content, "");
});

test("a budget ends thoughts, with a message if one is given", { skip }, async () => {
  const message = await ask({ reasoning_budget_tokens: 5, reasoning_budget_message: " Enough." });
  assert.match(message.reasoning_content, /Enough\.$/);
  assert.ok(message.content.length > 0);
  const none = await ask({ reasoning_budget_tokens: 0 });
  assert.equal(none.reasoning_content, undefined);
  assert.ok(none.content.length > 0);
  const alias = await ask({ thinking_budget_tokens: 3 });
  assert.ok(alias.reasoning_content.length < message.reasoning_content.length);
});

test("a stream tells thoughts from text as the whole reply does", { skip }, async () => {
  const more = { reasoning_budget_tokens: 6 };
  const whole = await ask(more);
  const deltas = { reasoning_content: "", content: "" };
  const reply = await server.fetch("/v1/chat/completions", { body: { ...request, ...more, stream: true } });
  for await (const event of events(reply)) {
    for (const key of Object.keys(deltas)) deltas[key] += event.choices[0]?.delta[key] ?? "";
  }
  assert.equal(deltas.content, whole.content);
  assert.equal(deltas.reasoning_content, whole.reasoning_content);
});

test("reasoning_format none keeps the tags in the content", { skip }, async () => {
  const message = await ask({ reasoning_format: "none", reasoning_budget_tokens: 4 });
  assert.equal(message.reasoning_content, undefined);
  assert.match(message.content, /^<think>[^]+<\/think>/);
});

test("thinking is switched off by the request", { skip }, async () => {
  for (const more of [{ chat_template_kwargs: { enable_thinking: false } }, { reasoning_effort: "none" }]) {
    const message = await ask(more);
    assert.equal(message.reasoning_content, undefined);
    assert.ok(message.content.length > 0);
  }
});

test("the flags give the defaults", { skip }, async () => {
  const other = await start("--reasoning-budget", "4", "--reasoning-budget-message", " Done.", "--reasoning-format", "none");
  const off = await start("--reasoning", "off");
  const plain = await start("--skip-chat-parsing");
  try {
    assert.match((await ask({}, other)).content, /^<think>[^]*Done\.[^]*<\/think>/);
    assert.equal((await ask({}, off)).reasoning_content, undefined);
    const raw = await ask({ reasoning_budget_tokens: 3 }, plain);
    assert.equal(raw.reasoning_content, undefined);
    assert.match(raw.content, /<\/think>/);
  } finally {
    for (const one of [other, off, plain]) await one.stop();
  }
});

test("thoughts are ended from outside", { skip }, async () => {
  const end = (id) => server.json("/v1/chat/completions/control", { id, action: "reasoning_end" });
  for (const armed of [true, false]) {
    const reply = await server.fetch("/v1/chat/completions", {
      body: { ...request, max_tokens: 1200, stream: true, reasoning_control: armed },
    });
    let answer, thoughts = 0, text = "";
    for await (const event of events(reply)) {
      const delta = event.choices[0]?.delta ?? {};
      if (delta.reasoning_content) ++thoughts;
      text += delta.content ?? "";
      if (thoughts === 3 && !answer) answer = (await end(event.id)).body;
    }
    if (armed) {
      assert.deepEqual(answer, { success: true });
      assert.ok(text.length > 0);
    } else {
      assert.deepEqual(answer, { success: false, message: "reasoning control not enabled for this completion" });
      assert.equal(text, "");
    }
  }
  assert.equal((await end("chatcmpl-none")).body.message, "no active completion for this id");
});

test("Anthropic's blocks and the Responses API's items", { skip }, async () => {
  const body = { ...request, max_tokens: 40, thinking: { type: "enabled", budget_tokens: 5 } };
  const { content } = (await server.json("/v1/messages", body)).body;
  assert.deepEqual(content.map((block) => block.type), ["thinking", "text"]);
  assert.equal(content[0].signature, "");
  const response = (await server.json("/v1/responses", {
    input: messages, temperature: 0, max_output_tokens: 40, reasoning_budget_tokens: 5, ignore_eos: true,
  })).body;
  assert.deepEqual(response.output.map((item) => item.type), ["reasoning", "message"]);
  assert.equal(response.output[0].content[0].type, "reasoning_text");
  assert.ok(response.usage.output_tokens_details.reasoning_tokens >= 3);
});
