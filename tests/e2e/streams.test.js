// Streams that are recorded: X-Conversation-Id, /v1/stream, /v1/streams/lookup.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { hasModel, model, needs } from "./lib/places.js";
import { Server } from "./lib/server.js";

const skip = needs(hasModel, "models");
const key = (name) => ({ Authorization: `Bearer ${name}` });
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const chat = (more = {}) => ({
  messages: [{ role: "user", content: "Hi" }], stream: true, max_tokens: 8, ignore_eos: true, ...more,
});

function ask(server, id, { body = chat(), headers = {}, ...more } = {}) {
  return server.fetch("/v1/chat/completions", { body, headers: { "X-Conversation-Id": id, ...headers }, ...more });
}

async function lookup(server, ids, headers = {}) {
  const { status, body } = await server.json("/v1/streams/lookup", { conversation_ids: ids }, { headers });
  assert.equal(status, 200);
  return body;
}

/** Begins a reply, reads its first bytes and goes away. Returns these. */
async function leave(server, id, more = {}) {
  const client = new AbortController();
  const reply = await ask(server, id, { ...more, signal: client.signal });
  assert.equal(reply.status, 200);
  const { value } = await reply.body.getReader().read();
  client.abort();
  return Buffer.from(value);
}

async function until(isTrue, what) {
  for (const end = Date.now() + 120_000; !(await isTrue()); await pause(20)) assert.ok(Date.now() < end, what);
}

const isDone = (server, id, headers) => async () => (await lookup(server, [id], headers))[0]?.is_done === true;

/** Bytes of a recorded stream from an offset to its end. */
async function replay(server, id, from = 0, headers = {}) {
  const reply = await server.fetch(`/v1/stream?conv_id=${encodeURIComponent(id)}&from=${from}`, { headers });
  assert.equal(reply.status, 200);
  return Buffer.from(await reply.arrayBuffer());
}

describe("recorded streams", { skip }, () => {
  let server;
  before(async () => {
    server = await Server.start(["-c", "2048", "-np", "2", "--temp", "0", "--context-shift", "--slots",
      "--api-key", "one,two"]);
  });
  after(() => server?.stop());
  const one = key("one"), two = key("two");

  test("a reply goes on without its client and is read to its end", async () => {
    const first = await leave(server, "left", { headers: one, body: chat({ max_tokens: 400 }) });
    const all = await replay(server, "left", 0, one);  // follows what still runs
    assert.ok(all.toString().endsWith("data: [DONE]\n\n"));
    assert.deepEqual(all.subarray(0, first.length), first);
    const [state] = await lookup(server, ["left"], one);
    assert.equal(state.is_done, true);
    assert.equal(state.total_bytes, all.length);
    assert.ok(state.completed_at >= state.started_at);
    assert.deepEqual(await replay(server, "left", first.length, one), all.subarray(first.length));
    assert.equal((await replay(server, "left", all.length + 99, one)).length, 0);
    const texts = all.toString().split("\n\n").filter((event) => event.includes('"content":"'));
    assert.ok(texts.length > 100, `${texts.length} pieces of text`);
  });

  test("the client that stays gets the same bytes", async () => {
    const text = await (await ask(server, "stayed", { headers: one })).text();
    assert.equal((await replay(server, "stayed", 0, one)).toString(), text);
  });

  test("another key finds nothing and ends nothing", async () => {
    await (await ask(server, "mine", { headers: one })).text();
    assert.equal((await server.fetch("/v1/stream?conv_id=mine", { headers: two })).status, 404);
    assert.equal((await server.fetch("/v1/stream?conv_id=mine")).status, 401);
    assert.deepEqual(await lookup(server, ["mine"], two), []);
    assert.equal((await server.fetch("/v1/stream?conv_id=mine", { method: "DELETE", headers: two })).status, 204);
    await (await ask(server, "mine", { headers: two, body: chat({ max_tokens: 1 }) })).text();
    assert.equal((await lookup(server, ["mine"], one))[0].is_done, true);
    const lengths = [await replay(server, "mine", 0, one), await replay(server, "mine", 0, two)].map((bytes) => bytes.length);
    assert.ok(lengths[0] > lengths[1], `${lengths}`);
  });

  const endless = { headers: one, body: chat({ max_tokens: -1 }) };
  const isIdle = async () => (await (await server.fetch("/slots", { headers: one })).json()).every((slot) => !slot.is_processing);

  test("a new request of the same conversation ends the old one", async () => {
    await leave(server, "again", endless);
    await (await ask(server, "again", { headers: one })).text();
    await until(isIdle, "the first one still runs");
    assert.equal((await lookup(server, ["again"], one)).length, 1);
    assert.ok((await replay(server, "again", 0, one)).toString().endsWith("data: [DONE]\n\n"));
  });

  test("DELETE ends and forgets it", async () => {
    await leave(server, "deleted", endless);
    const reader = replay(server, "deleted", 0, one);
    await pause(50);
    assert.equal((await server.fetch("/v1/stream?conv_id=deleted", { method: "DELETE", headers: one })).status, 204);
    assert.ok((await reader).length > 0);  // who followed it gets its end
    await until(isIdle, "it still runs");
    assert.equal((await server.fetch("/v1/stream?conv_id=deleted", { headers: one })).status, 404);
  });

  test("an endless reply that nobody reads ends, and says so; its beginning is gone", async () => {
    await leave(server, "endless", endless);
    await until(isDone(server, "endless", one), "it still runs");
    assert.ok(await isIdle());
    const gone = await server.json("/v1/stream?conv_id=endless", undefined, { headers: one });
    assert.equal(gone.status, 410);
    const [, kept] = /first kept byte of this stream is (\d+)/.exec(gone.body.error.message);
    assert.match((await replay(server, "endless", Number(kept), one)).toString(), /this reply was ended before it was complete/);
  });
});

test("a stop does not wait for replies that nobody reads", { skip }, async () => {
  const server = await Server.start(["-c", "1024", "--context-shift"]);
  await leave(server, "c", { body: chat({ max_tokens: -1 }) });
  const begin = Date.now();
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  assert.ok(Date.now() - begin < 5000, `${Date.now() - begin} ms`);
});

test("a model may sleep while its last replies are read", { skip }, async () => {
  const server = await Server.start(["-c", "1024", "--sleep-idle-seconds", "1"]);
  try {
    await leave(server, "c");
    await server.waitFor(/model leaves memory/);
    assert.ok((await replay(server, "c")).toString().endsWith("data: [DONE]\n\n"));
    assert.equal((await lookup(server, ["c"]))[0].is_done, true);
    assert.doesNotMatch(server.log, /waking up/);
  } finally {
    await server.stop();
  }
});

test("a router passes on to the model that holds the conversation, for the key that began it", { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "llama-streams-"));
  for (const name of ["a", "b"]) symlinkSync(model, join(folder, `${name}.gguf`));
  const router = await Server.start(["--models-dir", folder, "-c", "1024", "--temp", "0", "--api-key", "one,two"]);
  try {
    const [one, two] = [key("one"), key("two")];
    const spoof = { ...two, "X-Llama-Client": "x" };
    await leave(router, "c", { headers: one, body: chat({ model: "a" }) });
    await (await ask(router, "c", { headers: two, body: chat({ model: "b", max_tokens: 1 }) })).text();
    await until(isDone(router, "c", one), "it still runs");
    const [mine, theirs] = [await replay(router, "c", 0, one), await replay(router, "c", 0, spoof)];
    assert.ok(mine.toString().endsWith("data: [DONE]\n\n"));
    assert.ok(mine.length > theirs.length);
    await leave(router, "only", { headers: one, body: chat({ model: "a" }) });
    assert.equal((await router.fetch("/v1/stream?conv_id=only", { headers: two })).status, 404);
    assert.equal((await router.fetch("/v1/stream?conv_id=only", { method: "DELETE", headers: one })).status, 204);
    assert.equal((await router.fetch("/v1/stream?conv_id=only", { headers: one })).status, 404);
  } finally {
    await router.stop();
    rmSync(folder, { recursive: true });
  }
});
