// Tokens that the models of a router use, counted against the keys of its door.
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { demoModel, needs } from "./lib/places.js";
import { folder, Router, until } from "./lib/router.js";
import { Server } from "./lib/server.js";
import { events } from "./lib/sse.js";

const skip = needs(demoModel, "the demo model");
const bearer = (key) => ({ headers: { Authorization: `Bearer ${key}` } });
const raw = { prompt: "Once upon a time", n_predict: 10, temperature: 0, ignore_eos: true };
const chat = { messages: [{ role: "user", content: "Hi" }], max_tokens: 10, temperature: 0, ignore_eos: true };

describe("tokens per minute", { skip }, () => {
  let router, place;
  const limit = (limits) => writeFileSync(join(place, "limits.json"), JSON.stringify(limits));
  const hangUp = async (limits) => {
    limit(limits);
    const seen = router.log.length;
    process.kill(router.pid, "SIGHUP");
    await until(() => router.log.slice(seen).includes("SIGHUP"), "the limits are read");
  };
  /** Requests that a new key of so many tokens may make, one after another. */
  let keys = 0;
  const allowed = async (tokens, ask) => {
    const key = `key${++keys}`;
    await hangUp({ [key]: { tokens_per_minute: tokens } });
    for (let count = 0; count < 50; ++count) {
      const { status, headers, body } = await ask(bearer(key));
      if (status === 200) continue;
      assert.equal(status, 429);
      assert.ok(Number(headers.get("retry-after")) >= 1);
      assert.match(JSON.parse(body).error.message, new RegExp(`at most ${tokens} tokens per minute`));
      return count;
    }
    return Infinity;
  };
  const asked = (path, body) => async (more) => {
    const reply = await router.fetch(path, { body, ...more });
    return { status: reply.status, headers: reply.headers, body: await reply.text() };
  };

  before(async () => {
    place = folder(["a", "b"], "");
    limit({});
    const all = Array.from({ length: 20 }, (_, i) => `key${i}`).join(",");
    router = await Router.of(place, ["--api-key", all, "--api-key-limits", join(place, "limits.json"), "--embeddings", "--pooling", "mean"]);
  });
  after(async () => assert.deepEqual(await router.end(), { code: 0, signal: null }));

  test("prompt and reply of whole answers count, over all models", async () => {
    const { body } = await router.json("/completion", { ...raw, model: "a" }, bearer("key0"));
    const one = body.tokens_evaluated + body.tokens_predicted;
    assert.equal(body.tokens_predicted, 10);
    let turn = 0;
    const inTurn = (more) => asked("/completion", { ...raw, model: ["a", "b"][++turn % 2] })(more);
    assert.equal(await allowed(2 * one + 1, inTurn), 3, "the third begins with what the others left");
    assert.equal(await allowed(2 * one + 1, asked("/completion", { ...raw, model: "a" })), 3);
  });

  test("those of streams do, too", async () => {
    const { body } = await router.json("/v1/chat/completions", { ...chat, model: "a" }, bearer("key0"));
    const one = body.usage.total_tokens;
    for (const stream of [false, true]) {
      const path = "/v1/chat/completions";
      assert.equal(await allowed(one + 1, asked(path, { ...chat, model: "a", stream })), 2, `stream: ${stream}`);
    }
    const long = { ...raw, n_predict: 300, model: "b", stream: true };
    assert.equal(await allowed(5, asked("/completion", long)), 1);
  });

  test("those of vectors do, and what uses none does not", async () => {
    const input = ["one two three", "four five six"];
    const { body } = await router.json("/v1/embeddings", { input, model: "a" }, bearer("key0"));
    const one = body.usage.prompt_tokens;
    assert.ok(one > 4);
    assert.equal(await allowed(one + 1, asked("/v1/embeddings", { input, model: "a" })), 2);
    assert.equal(await allowed(5, asked("/tokenize", { content: "one two three", model: "a" })), Infinity);
  });

  test("a stream that its client leaves counts what it had made", async () => {
    const key = `key${++keys}`;
    await hangUp({ [key]: { tokens_per_minute: 30 } });
    const controller = new AbortController();
    const reply = await router.fetch("/completion",
      { body: { ...raw, n_predict: 2000, model: "a", stream: true }, signal: controller.signal, ...bearer(key) });
    const stream = events(reply);
    for (let i = 0; i < 60; ++i) await stream.next();
    controller.abort();
    const next = () => router.json("/tokenize", { content: "x", model: "a" }, bearer(key));
    const refused = await until(async () => {
      const answer = await next();
      return answer.status === 429 && answer;
    }, "it is counted", 5000);
    assert.ok(Number(refused.headers.get("retry-after")) > 30, "more than a minute's worth was used");
  });

  test("a whole answer that its client leaves counts, too", async () => {
    const key = `key${++keys}`;
    await hangUp({ [key]: { tokens_per_minute: 1 } });
    const controller = new AbortController();
    const pending = router.fetch("/completion",
      { body: { ...raw, n_predict: 2000, model: "a" }, signal: controller.signal, ...bearer(key) });
    await until(async () => (await router.json("/slots?model=a", undefined, bearer("key0"))).body
      .some((slot) => slot.is_processing), "it runs");
    controller.abort();
    await assert.rejects(pending);
    await until(async () => (await router.json("/tokenize", { content: "x", model: "a" }, bearer(key))).status === 429,
      "its prompt is counted", 5000);
  });
});

test("a server of one model counts the same", { skip }, async () => {
  const place = folder(["a"], "");
  writeFileSync(join(place, "limits.json"), '{"k":{"tokens_per_minute":1}}');
  const limits = ["--api-key", "k", "--api-key-limits", join(place, "limits.json")];
  const shared = ["-np", "2", "-c", "2048", "--no-warmup"];
  const one = await Server.start(["-m", demoModel, ...shared, ...limits]);
  const many = await Router.of(place, limits);
  try {
    const seen = { one: [], many: [] };
    for (const [name, server] of Object.entries({ one, many })) {
      for (let i = 0; i < 3; ++i) {
        const { status, headers } = await server.json("/completion", { ...raw, model: "a" }, bearer("k"));
        seen[name].push([status, headers.has("retry-after")]);
      }
    }
    assert.deepEqual(seen.many, seen.one);
    assert.deepEqual(seen.one, [[200, false], [429, true], [429, true]]);
  } finally {
    await one.stop();
    await many.end();
    rmSync(place, { recursive: true, force: true });
  }
});
