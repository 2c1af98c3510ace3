// Many clients at once: nobody's text depends on the others, and nothing is left behind.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { events } from "./lib/sse.js";
import { hasModel, needs } from "./lib/places.js";
import { Server } from "./lib/server.js";

const skip = needs(hasModel, "models");
const USERS = 64;
const REQUESTS = Number(process.env.LLAMA_E2E_REQUESTS ?? 2000);
let server;

before(async () => {
  if (skip) return;
  server = await Server.start(["-c", "16384", "-np", "64", "-kvu", "--metrics", "--cache-ram", "0"]);
});
after(() => server?.stop());

const PREFIX = "Lily and Tom went to the park with a big red ball. They saw a dog and a cat. ";
const NAMES = ["Ben", "Mia", "Sam", "Anna", "Max", "Sue", "Tim", "Amy"];
const request = (i) => ({
  prompt: `${PREFIX.repeat(3)}Then ${NAMES[i % 8]} saw ${1 + Math.floor(i / 8)} birds and`,
  temperature: 0,
  n_predict: 40,
  stream: true,
});

async function streamedText(body, { leaveAfter = Infinity } = {}) {
  const controller = new AbortController();
  const reply = await server.fetch("/completion", { body, signal: controller.signal });
  assert.equal(reply.status, 200);
  let text = "", seen = 0;
  try {
    for await (const event of events(reply)) {
      text += event.content;
      if (++seen === leaveAfter) controller.abort();
    }
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
  return text;
}

async function idle() {
  for (let i = 0; i < 200; ++i) {
    const metrics = await server.metrics();
    if (metrics.requests_processing === 0 && metrics.requests_deferred === 0) return metrics;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the server does not become idle");
}

test(`${USERS} streams with a shared prefix say what each says alone`, { skip }, async () => {
  const indices = Array.from({ length: USERS }, (_, i) => i);
  const alone = [];
  for (const i of indices) alone.push(await streamedText({ ...request(i), cache_prompt: false }));
  const together = await Promise.all(indices.map((i) => streamedText(request(i))));
  assert.deepEqual(together, alone);
  assert.ok(new Set(alone).size > 1);
});

test("half of the clients leave in the middle, the others notice nothing", { skip }, async () => {
  const alone = await streamedText({ ...request(0), cache_prompt: false });
  const cancelled = (await server.metrics()).requests_cancelled_total;
  const texts = await Promise.all(
    Array.from({ length: USERS }, (_, i) =>
      i % 2 ? streamedText({ ...request(i), n_predict: 2000, ignore_eos: true }, { leaveAfter: 3 })
        : streamedText(request(0))),
  );
  texts.forEach((text, i) => i % 2 || assert.equal(text, alone));
  const metrics = await idle();
  assert.equal(metrics.kv_pages_used, 0);
  assert.ok(metrics.requests_cancelled_total > cancelled);
});

test(`${REQUESTS} requests leave no memory behind`, { skip }, async () => {
  const burst = async (count) => {
    for (let done = 0; done < count; done += 20) {
      await Promise.all(Array.from({ length: 20 }, async (_, i) => {
        const body = { prompt: `Story ${done + i} of ${NAMES[i % 8]}`, n_predict: 3, stream: i % 2 === 0 };
        const reply = await server.fetch(i % 3 ? "/completion" : "/v1/completions", { body });
        assert.equal(reply.status, 200);
        await reply.text();
      }));
    }
  };
  await burst(REQUESTS / 4); // fills caches and pools
  const before = server.residentKib();
  await burst(REQUESTS);
  const grown = server.residentKib() - before;
  if (!server.isSanitized()) assert.ok(grown < 8 * 1024, `grew by ${grown} KiB`);
  assert.equal((await idle()).kv_pages_used, 0);
});
