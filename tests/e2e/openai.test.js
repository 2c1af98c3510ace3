// The official OpenAI client against the real server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { hasModel, isStories, needs } from "./lib/places.js";
import { Server } from "./lib/server.js";

const skip = needs(hasModel, "models");
let server, client;

before(async () => {
  if (skip) return;
  server = await Server.start(["-c", "4096", "-np", "4", "--alias", "small", "--metrics"]);
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "not-needed", maxRetries: 0 });
});
after(() => server?.stop());

const messages = [{ role: "user", content: "Tell me about a red ball." }];
const greedy = { model: "any", messages, temperature: 0, max_tokens: 12 };

test("models are listed", { skip }, async () => {
  const list = await client.models.list();
  assert.deepEqual(list.data.map((model) => model.id), ["small"]);
});

test("a chat completion", { skip }, async () => {
  const reply = await client.chat.completions.create(greedy);
  assert.equal(reply.object, "chat.completion");
  assert.equal(reply.model, "small");
  assert.match(reply.id, /^chatcmpl-[0-9A-Za-z]{32}$/);
  assert.equal(reply.choices[0].message.role, "assistant");
  assert.ok(reply.choices[0].message.content.length > 0);
  assert.equal(reply.usage.total_tokens, reply.usage.prompt_tokens + reply.usage.completion_tokens);
  assert.ok(reply.usage.completion_tokens <= 12);
});

test("a stream has the same text as the whole reply", { skip }, async () => {
  const whole = await client.chat.completions.create(greedy);
  const stream = await client.chat.completions.create({
    ...greedy,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "", usage, finish;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    finish ??= chunk.choices[0]?.finish_reason;
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(finish, whole.choices[0].finish_reason);
  assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
});

test("the streaming helper of the client", { skip }, async () => {
  const runner = client.chat.completions.stream(greedy);
  let deltas = "";
  runner.on("content", (delta) => (deltas += delta));
  assert.equal(await runner.finalContent(), deltas);
});

test("several choices add up in usage", { skip }, async () => {
  const reply = await client.chat.completions.create({
    ...greedy, temperature: 1, seed: 3, n: 3, max_tokens: 5, ignore_eos: true,
  });
  assert.deepEqual(reply.choices.map((choice) => choice.index), [0, 1, 2]);
  assert.equal(reply.usage.completion_tokens, 15);
  const one = await client.chat.completions.create({ ...greedy, max_tokens: 5 });
  assert.equal(reply.usage.prompt_tokens, one.usage.prompt_tokens);
});

test("a seed repeats a text", { skip }, async () => {
  const ask = () => client.chat.completions.create({ ...greedy, temperature: 1, seed: 7 });
  const [one, two] = [await ask(), await ask()];
  assert.equal(one.choices[0].message.content, two.choices[0].message.content);
});

test("log-probabilities", { skip }, async () => {
  const reply = await client.chat.completions.create({
    ...greedy, max_tokens: 3, logprobs: true, top_logprobs: 4,
  });
  const { content } = reply.choices[0].logprobs;
  assert.equal(content.length, reply.usage.completion_tokens);
  for (const entry of content) {
    assert.equal(entry.top_logprobs.length, 4);
    assert.ok(entry.logprob <= 0 && entry.logprob === entry.top_logprobs[0].logprob);
    assert.equal(Buffer.from(entry.bytes).toString(), entry.token);
  }
});

test("stop strings end the text and are not part of it", { skip }, async () => {
  const whole = (await client.chat.completions.create(greedy)).choices[0].message.content;
  const word = whole.slice(4, 7);
  const reply = await client.chat.completions.create({ ...greedy, stop: [word] });
  assert.equal(reply.choices[0].message.content, whole.slice(0, whole.indexOf(word)));
  assert.equal(reply.choices[0].finish_reason, "stop");
});

test("JSON mode gives an object", { skip }, async () => {
  const reply = await client.chat.completions.create({
    ...greedy, max_tokens: 300, response_format: { type: "json_object" }, temperature: 0.8, seed: 5,
  });
  const { content } = reply.choices[0].message;
  if (reply.choices[0].finish_reason === "stop") {
    const value = JSON.parse(content);
    assert.equal(typeof value, "object");
  }
  assert.match(content, /^\s*\{/);
});

test("a schema is kept", { skip }, async () => {
  const reply = await client.chat.completions.create({
    ...greedy,
    response_format: { type: "json_schema", json_schema: { name: "x", schema: { enum: ["on", "off"] } } },
  });
  assert.match(reply.choices[0].message.content, /^\s*"(on|off)"\s*$/);
});

test("text completions, whole and streamed", { skip }, async () => {
  const request = { model: "any", prompt: "Once upon a time", max_tokens: 8, temperature: 0 };
  const whole = await client.completions.create(request);
  assert.equal(whole.object, "text_completion");
  if (isStories) assert.equal(whole.choices[0].text, ", there was a little girl");
  let text = "";
  for await (const chunk of await client.completions.create({ ...request, stream: true })) {
    text += chunk.choices[0].text;
  }
  assert.equal(text, whole.choices[0].text);
});

test("several prompts in one request", { skip }, async () => {
  const reply = await client.completions.create({
    model: "any", prompt: ["The sun", "The moon"], max_tokens: 3, temperature: 0,
  });
  assert.deepEqual(reply.choices.map((choice) => choice.index), [0, 1]);
  assert.equal(reply.usage.completion_tokens, 6);
});

test("errors arrive as the client's own classes", { skip }, async () => {
  await assert.rejects(
    client.chat.completions.create({ ...greedy, temperature: "warm" }),
    (error) => error instanceof OpenAI.BadRequestError && /temperature/.test(error.message),
  );
  await assert.rejects(
    client.chat.completions.create({ ...greedy, messages: [{ role: "user", content: "word ".repeat(9000) }] }),
    (error) => error.status === 400 && error.type === "exceed_context_size_error" &&
      error.error.n_ctx > 0 && error.error.n_prompt_tokens > error.error.n_ctx,
  );
  await assert.rejects(client.embeddings.create({ model: "any", input: "x" }),
    (error) => error.status === 501);
});

test("aborting a stream frees its slot", { skip }, async () => {
  const stream = await client.chat.completions.create({
    ...greedy, stream: true, max_tokens: 3000, ignore_eos: true,
  });
  let seen = 0;
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta?.content && ++seen === 3) break; // leaves the loop and aborts
  }
  for (let i = 0; i < 100 && (await server.metrics()).requests_processing > 0; ++i) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const metrics = await server.metrics();
  assert.equal(metrics.requests_processing, 0);
  assert.equal(metrics.kv_pages_used, 0);
});
