// Embeddings and reranking through the official OpenAI client, and beside generation.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import OpenAI from "openai";
import { needs, shared, smallModel } from "./lib/places.js";
import { Server } from "./lib/server.js";

const small = smallModel();
const skip = needs(small, "llama-random-model");
const words = "a red ball rolls down the long green hill and nobody sees where it stops".split(" ");
const text = (i, length = 12) => Array.from({ length }, (_, k) => words[(i * 7 + k * k) % words.length]).join(" ");
const length = (vector) => Math.hypot(...vector);
const distance = (a, b) => Math.hypot(...a.map((x, i) => x - b[i]));

describe("a decoder as an embedding model", { skip }, () => {
  let server, client;
  before(async () => {
    server = await Server.start(["-m", small, "-c", "2048", "-np", "4", "-ub", "64", "--embeddings",
      "--pooling", "mean", "--alias", "vectors", "--metrics"]);
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "not-needed", maxRetries: 0 });
  });
  after(() => server?.stop());

  test("the client reads vectors of length 1", async () => {
    const reply = await client.embeddings.create({ model: "any", input: text(1) });  // as base64
    assert.equal(reply.object, "list");
    assert.equal(reply.model, "any");
    assert.equal(reply.data[0].object, "embedding");
    assert.equal(reply.data[0].embedding.length, 256);
    assert.ok(Math.abs(length(reply.data[0].embedding) - 1) < 1e-5);
    assert.ok(reply.usage.prompt_tokens > 0);
    assert.equal(reply.usage.total_tokens, reply.usage.prompt_tokens);
    const numbers = await client.embeddings.create({ model: "any", input: text(1), encoding_format: "float" });
    assert.ok(distance(numbers.data[0].embedding, reply.data[0].embedding) < 1e-6);
  });

  test("many inputs at once are what they are alone, in their order", async () => {
    const input = Array.from({ length: 60 }, (_, i) => text(i, 1 + (i * 5) % 40));
    const together = await client.embeddings.create({ model: "m", input, encoding_format: "float" });
    assert.deepEqual(together.data.map((one) => one.index), input.map((_, i) => i));
    for (const i of [0, 17, 59]) {
      const alone = await client.embeddings.create({ model: "m", input: input[i], encoding_format: "float" });
      assert.deepEqual(alone.data[0].embedding, together.data[i].embedding);
    }
  });

  test("tokens give what their text gives", async () => {
    const { body } = await server.json("/tokenize", { content: text(3), add_special: true });
    const [a, b] = (await client.embeddings.create({ model: "m", input: [body.tokens], encoding_format: "float" })).data
      .concat((await client.embeddings.create({ model: "m", input: text(3), encoding_format: "float" })).data);
    assert.deepEqual(a.embedding, b.embedding);
  });

  test("an input longer than a batch comes in pieces", async () => {
    const { status, body } = await server.json("/v1/embeddings", { input: text(5, 100) });
    assert.equal(status, 200);
    assert.ok(body.usage.prompt_tokens > 64);
  });

  test("an input longer than the context is refused with both numbers, or truncated", async () => {
    const input = text(5, 6000);
    const { status, body } = await server.json("/v1/embeddings", { input });
    assert.equal(status, 400);
    assert.equal(body.error.type, "exceed_context_size_error");
    assert.ok(body.error.n_prompt_tokens > body.error.n_ctx);
    const cut = await server.json("/v1/embeddings", { input, truncate_prompt_tokens: -1 });
    assert.equal(cut.status, 200);
    assert.equal(cut.body.usage.prompt_tokens, body.error.n_ctx);
    const short = await server.json("/v1/embeddings", { input, truncate_prompt_tokens: 10 });
    assert.equal(short.body.usage.prompt_tokens, 10);
  });

  test("dimensions", async () => {
    const reply = await client.embeddings.create({ model: "m", input: text(1), dimensions: 16 });
    assert.equal(reply.data[0].embedding.length, 16);
    assert.ok(Math.abs(length(reply.data[0].embedding) - 1) < 1e-5);
    await assert.rejects(client.embeddings.create({ model: "m", input: "a", dimensions: 257 }), { status: 400 });
  });

  test("a stream beside many embeddings has the text that it has alone", async () => {
    const ask = { prompt: text(2), n_predict: 60, temperature: 0, ignore_eos: true };
    const alone = await server.json("/completion", ask);
    const [beside, ...vectors] = await Promise.all([
      server.json("/completion", ask),
      ...Array.from({ length: 20 }, (_, i) => server.json("/v1/embeddings", { input: [text(i, 60), text(i)] })),
    ]);
    assert.equal(beside.body.content, alone.body.content);
    assert.ok(vectors.every(({ status, body }) => status === 200 && body.data.length === 2));
  });

  test("clients that leave are forgotten, the server goes on", async () => {
    const input = Array.from({ length: 300 }, (_, i) => text(i, 60));
    const leaving = new AbortController();
    const gone = server.fetch("/v1/embeddings", { body: { input }, signal: leaving.signal });
    setTimeout(() => leaving.abort(), 150);
    await assert.rejects(gone, { name: "AbortError" });
    const begin = Date.now();
    assert.equal((await server.json("/health")).status, 200);
    assert.ok(Date.now() - begin < 1000, "health does not wait for a step");
    assert.equal((await server.json("/v1/embeddings", { input: "still there" })).status, 200);
    assert.ok((await server.metrics()).requests_cancelled_total >= 1);
  });

  test("no reranking without a classifier", async () => {
    const { status, body } = await server.json("/rerank", { query: "a", documents: ["b"] });
    assert.equal(status, 501);
    assert.equal(body.error.type, "not_supported_error");
  });
});

const encoder = shared && join(shared, "models/tiny-bert-embed.gguf");
const ranker = shared && join(shared, "models/tiny-bert-rerank.gguf");

describe("an encoder", { skip: needs(encoder && existsSync(encoder), "the shared models") }, () => {
  let server;
  before(async () => {
    server = await Server.start(["-m", encoder, "--embeddings", "-np", "2"]);
  });
  after(() => server?.stop());

  test("makes the same vectors alone and in a crowd", async () => {
    const input = Array.from({ length: 200 }, (_, i) => text(i, 1 + i % 30));
    const { body } = await server.json("/embeddings", { input });
    const alone = await server.json("/embeddings", { input: input[77] });
    assert.deepEqual(alone.body[0].embedding, body[77].embedding);
  });

  test("generates nothing and says so", async () => {
    const { status, body } = await server.json("/completion", { prompt: "the dog" });
    assert.equal(status, 501);
    assert.match(body.error.message, /embeddings/);
    assert.deepEqual((await server.json("/v1/models")).body.models[0].capabilities, ["embedding"]);
  });
});

describe("a reranker", { skip: needs(ranker && existsSync(ranker), "the shared models") }, () => {
  let server;
  before(async () => {
    server = await Server.start(["-m", ranker, "--reranking"]);
  });
  after(() => server?.stop());

  test("orders hundreds of documents as it orders them alone", async () => {
    const documents = Array.from({ length: 300 }, (_, i) => text(i, 1 + i % 20));
    const { status, body } = await server.json("/v1/rerank", { query: "the hill", documents, top_n: 5 });
    assert.equal(status, 200);
    const scores = body.results.map((one) => one.relevance_score);
    assert.deepEqual(scores, [...scores].sort((a, b) => b - a));
    const best = body.results[0];
    const alone = await server.json("/v1/rerank", { query: "the hill", documents: [documents[best.index]] });
    assert.equal(alone.body.results[0].relevance_score, best.relevance_score);
  });
});
