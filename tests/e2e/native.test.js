// The native endpoints over plain HTTP: shapes, limits, streams.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { events } from "./lib/sse.js";
import { hasModel, isStories, needs } from "./lib/places.js";
import { Server } from "./lib/server.js";

const skip = needs(hasModel, "models");
let server;
before(async () => {
  if (skip) return;
  server = await Server.start(["-c", "1024", "-np", "2", "--alias", "b,a", "--tags", "t", "--metrics", "--props"]);
});
after(() => server?.stop());

const greedy = { prompt: "Once upon a time", n_predict: 12, temperature: 0 };

test("health, models and props", { skip }, async () => {
  for (const path of ["/health", "/v1/health", "/livez", "/readyz"]) {
    assert.deepEqual((await server.json(path)).body, { status: "ok" });
  }
  const models = (await server.json("/v1/models")).body;
  assert.equal(models.data[0].id, "a");
  assert.deepEqual(models.data[0].aliases, ["a", "b"]);
  const props = (await server.json("/props")).body;
  assert.equal(props.total_slots, 2);
  assert.equal(props.default_generation_settings.n_ctx, 512);
  assert.ok(props.chat_template.length > 10);
  assert.deepEqual((await server.json("/props", {})).body, { success: true });
});

test("the same text whole, streamed, and cached", { skip }, async () => {
  const first = (await server.json("/completion", { ...greedy, cache_prompt: false })).body;
  const again = (await server.json("/completion", greedy)).body;
  assert.equal(first.content, again.content);
  if (isStories) assert.equal(first.content, ", there was a little girl named Lily. She lo".slice(0, first.content.length));
  const { events: data } = await server.stream("/completion", { ...greedy, stream: true });
  const parsed = data.map((text) => JSON.parse(text));
  assert.equal(parsed.map((event) => event.content).join(""), first.content);
  assert.equal(parsed.at(-1).stop, true);
  assert.equal(parsed.length, first.tokens_predicted + 1);
});

test("a stop string across tokens, whole and streamed", { skip }, async () => {
  const whole = (await server.json("/completion", greedy)).body.content;
  const stop = [whole.slice(5, 12)];
  const cut = (await server.json("/completion", { ...greedy, stop })).body;
  assert.equal(cut.content, whole.slice(0, 5));
  assert.equal(cut.stop_type, "word");
  assert.equal(cut.stopping_word, stop[0]);
  const { events: data } = await server.stream("/completion", { ...greedy, stop, stream: true });
  assert.equal(data.map((text) => JSON.parse(text).content).join(""), whole.slice(0, 5));
});

test("text withheld for a stop string comes when the limit ends the generation", { skip }, async () => {
  const one = { ...greedy, n_predict: 1 };
  const whole = (await server.json("/completion", one)).body.content;
  const stop = [`${whole}XYZ`];
  assert.equal((await server.json("/completion", { ...one, stop })).body.content, whole);
  for (const path of ["/completion", "/v1/completions"]) {
    const { events: data } = await server.stream(path, { ...one, stop, stream: true });
    const text = data.filter((event) => event !== "[DONE]").map((event) => JSON.parse(event))
      .map((event) => event.content ?? event.choices[0].text).join("");
    assert.equal(text, whole, path);
  }
});

test("several prompts times several choices, in order", { skip }, async () => {
  const { body } = await server.json("/completion", {
    prompt: ["The sun", "The moon"], n: 2, n_predict: 2, temperature: 0,
  });
  assert.deepEqual(body.map((one) => one.index), [0, 1, 2, 3]);
  assert.equal(body[0].prompt, body[1].prompt);
  assert.notEqual(body[1].prompt, body[2].prompt);
  const { events: data } = await server.stream("/completion", {
    prompt: ["The sun", "The moon"], n_predict: 2, temperature: 0, stream: true,
  });
  const parsed = data.map((text) => JSON.parse(text));
  assert.ok(parsed.every((event) => event !== null));
  for (const index of [0, 1]) {
    const text = parsed.filter((event) => event.index === index).map((event) => event.content).join("");
    assert.equal(text, body[2 * index].content);
  }
});

test("progress events come before the text", { skip }, async () => {
  const { events: data } = await server.stream("/completion", {
    ...greedy, prompt: "A cat sat on the mat. ".repeat(12), stream: true, return_progress: true, cache_prompt: false,
  });
  const parsed = data.map((text) => JSON.parse(text));
  const progress = parsed.filter((event) => event.prompt_progress).map((event) => event.prompt_progress);
  assert.ok(progress.length >= 2);
  assert.equal(progress[0].processed, progress[0].cache);
  assert.equal(progress.at(-1).processed, progress.at(-1).total);
});

test("invalid bytes become replacement characters", { skip: skip || needs(isStories, "the stories model") }, async () => {
  const request = { prompt: "x", n_predict: 4, logit_bias: [[198, 100]] }; // <0xC3> again and again
  assert.equal((await server.json("/completion", request)).body.content, "\ufffd".repeat(4));
  const { events: data } = await server.stream("/completion", { ...request, stream: true });
  assert.equal(data.map((text) => JSON.parse(text).content).join(""), "\ufffd".repeat(4));
  const chat = await server.json("/v1/chat/completions", {
    messages: [{ role: "user", content: "x" }], max_tokens: 4, logit_bias: [[198, 100]],
  });
  assert.equal(chat.body.choices[0].message.content, "\ufffd".repeat(4));
});

/** The token of one character, without the space that some vocabularies put in front. */
async function tokenOf(character) {
  return (await server.json("/tokenize", { content: character })).body.tokens.at(-1);
}

test("a JSON object and nothing but it", { skip }, async () => {
  // Without a push towards closing, a small model goes on until the limit.
  const bias = [[await tokenOf("}"), 8], [await tokenOf('"'), 6]];
  let complete = 0;
  for (let seed = 0; seed < 8; ++seed) {
    const { body } = await server.json("/v1/chat/completions", {
      messages: [{ role: "user", content: "x" }], max_tokens: 300, seed, temperature: 1.5, top_k: 0,
      top_p: 1, min_p: 0, logit_bias: bias, response_format: { type: "json_object" },
    });
    const { finish_reason: finish, message } = body.choices[0];
    if (finish !== "stop") continue;
    ++complete;
    const value = JSON.parse(message.content);
    assert.ok(value !== null && typeof value === "object" && !Array.isArray(value));
  }
  assert.ok(complete > 0, "no object was finished");
});

test("a JSON object ends even where the end is forbidden", { skip }, async () => {
  const bias = [[await tokenOf("{"), 50], [await tokenOf("}"), 100]];
  const { status, body } = await server.json("/v1/chat/completions", {
    messages: [{ role: "user", content: "x" }], max_tokens: 100, temperature: 0, ignore_eos: true,
    logit_bias: bias, response_format: { type: "json_object" },
  });
  assert.equal(status, 200);
  assert.deepEqual(JSON.parse(body.choices[0].message.content), {});
  assert.ok(body.usage.completion_tokens < 10, "it went on behind the object");
  // Nothing at all may come: no token begins an object.
  const none = await server.json("/v1/chat/completions", {
    messages: [{ role: "user", content: "x" }], max_tokens: 100, ignore_eos: true,
    logit_bias: Object.fromEntries(Array.from({ length: 2000 }, (_, id) => [id, false])),
    response_format: { type: "json_object" },
  });
  assert.equal(none.status, 200);
  assert.equal((await server.json("/health")).status, 200);
});

test("slots and metrics show what runs", { skip }, async () => {
  const controller = new AbortController();
  const reply = await server.fetch("/completion", {
    body: { ...greedy, n_predict: 100000, ignore_eos: true, stream: true }, signal: controller.signal,
  });
  const reader = events(reply);
  await reader.next();
  const slots = (await server.json("/slots")).body;
  const busy = slots.filter((slot) => slot.is_processing);
  if (busy.length > 0) {
    assert.equal(busy[0].params.n_predict, 100000);
    assert.equal(busy[0].params.stream, true);
  }
  controller.abort();
  await reader.next().catch(() => {});
  const free = await server.json("/slots?fail_on_no_slot=1");
  assert.equal(free.status, 200);
  const text = await (await server.fetch("/metrics")).text();
  assert.match(text, /llamacpp:prompt_tokens_total [1-9]/);
  assert.match(text, /llamacpp:http_requests_total\{method="GET",endpoint="\/slots",status="200"\} [1-9]/);
});

test("a client that leaves frees its slot, with or without a stream", { skip }, async () => {
  for (const stream of [true, false]) {
    const controller = new AbortController();
    const reply = server.fetch("/completion", {
      body: { prompt: "Once", n_predict: 100000, ignore_eos: true, stream, n_keep: 0 },
      signal: controller.signal,
    }).then((one) => one.text());
    await new Promise((resolve) => setTimeout(resolve, 20));
    controller.abort();
    await assert.rejects(reply, { name: "AbortError" });
    let metrics;
    for (let i = 0; i < 60; ++i) {
      metrics = await server.metrics();
      if (metrics.requests_processing === 0) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal(metrics.requests_processing, 0);
    assert.equal(metrics.kv_pages_used, 0);
  }
});

test("tokens there and back", { skip }, async () => {
  const { tokens } = (await server.json("/tokenize", { content: "The little dog ran.", add_special: false })).body;
  assert.equal((await server.json("/detokenize", { tokens })).body.content.trim(), "The little dog ran.");
  const pieces = (await server.json("/tokenize", { content: "\u00fc\u{1f600}", with_pieces: true })).body.tokens;
  assert.ok(pieces.every(({ piece }) => typeof piece === "string" || Array.isArray(piece)));
});
