// Anthropic's own client against the real server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { demoModel, needs } from "./lib/places.js";
import { Server } from "./lib/server.js";
import { RESULTS, anthropicTools, checkArguments } from "./lib/tools.js";

const skip = needs(demoModel, "the demo model");
let server, client;

before(async () => {
  if (skip) return;
  server = await Server.start(["-m", demoModel, "-c", "8192", "-np", "4", "--metrics"]);
  client = new Anthropic({ baseURL: server.url, apiKey: "not-needed", maxRetries: 0 });
});
after(() => server?.stop());

const request = {
  model: "demo", max_tokens: 60, temperature: 0,
  messages: [{ role: "user", content: "What is the capital of France?" }],
};

test("a message", { skip }, async () => {
  const message = await client.messages.create({ ...request, system: "You are kind." });
  assert.equal(message.type, "message");
  assert.equal(message.role, "assistant");
  assert.match(message.id, /^msg_/);
  assert.equal(message.content[0].type, "text");
  assert.equal(message.stop_reason, "end_turn");
  assert.ok(message.usage.output_tokens > 0);
});

test("a stream has the events of the API, in order, and the text of the whole", { skip }, async () => {
  const whole = await client.messages.create(request);
  const events = [];
  for await (const event of await client.messages.create({ ...request, stream: true })) events.push(event);
  const types = events.map((event) => event.type).filter((type) => type !== "content_block_delta");
  assert.deepEqual(types.filter((type) => type !== "ping"),
    ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"]);
  const text = events.filter((event) => event.type === "content_block_delta").map((event) => event.delta.text).join("");
  assert.equal(text, whole.content[0].text);
  const final = await client.messages.stream(request).finalMessage();
  assert.deepEqual(final.content, whole.content);
  assert.equal(final.stop_reason, "end_turn");
  const raw = await server.fetch("/v1/messages", { body: { ...request, stream: true } });
  assert.match(await raw.text(), /event: ping\ndata: \{"type":"ping"\}\n\n/);
});

test("limits and stop sequences are told apart", { skip }, async () => {
  const cut = await client.messages.create({ ...request, max_tokens: 1 });
  assert.equal(cut.stop_reason, "max_tokens");
  const text = (await client.messages.create(request)).content[0].text;
  const word = text.slice(4, 8);
  const stopped = await client.messages.create({ ...request, stop_sequences: [word] });
  assert.equal(stopped.stop_reason, "stop_sequence");
  assert.equal(stopped.stop_sequence, word);
  assert.equal(stopped.content[0].text, text.slice(0, text.indexOf(word)));
});

const toolRequest = {
  ...request, max_tokens: 200, tools: anthropicTools,
  messages: [{ role: "user", content: "What is the weather in Paris?" }],
};

test("the loop of tool use and results, whole and streamed", { skip }, async () => {
  for (const stream of [false, true]) {
    const ask = (body) => (stream ? client.messages.stream(body).finalMessage() : client.messages.create(body));
    const first = await ask({
      ...toolRequest, tool_choice: { type: "tool", name: "get_weather", disable_parallel_tool_use: true },
    });
    assert.equal(first.stop_reason, "tool_use");
    const uses = first.content.filter((block) => block.type === "tool_use");
    assert.equal(uses.length, 1);
    checkArguments("get_weather", uses[0].input);
    const last = await ask({
      ...toolRequest, tool_choice: { type: "none" },
      messages: [
        ...toolRequest.messages,
        { role: "assistant", content: first.content },
        { role: "user", content: uses.map((use) => ({
          type: "tool_result", tool_use_id: use.id, content: RESULTS[use.name](use.input),
        })) },
      ],
    });
    assert.equal(last.stop_reason, "end_turn");
    assert.ok(last.content.some((block) => block.type === "text" && block.text.length > 0));
  }
});

test("any of three tools is used when one must be", { skip }, async () => {
  const message = await client.messages.create({
    ...toolRequest, tool_choice: { type: "any", disable_parallel_tool_use: true }, temperature: 1,
  });
  const [use] = message.content.filter((block) => block.type === "tool_use");
  checkArguments(use.name, use.input);
});

test("tokens are counted", { skip }, async () => {
  const counted = await client.messages.countTokens({ model: "demo", messages: request.messages });
  const message = await client.messages.create(request);
  const { input_tokens, cache_read_input_tokens } = message.usage;
  assert.equal(counted.input_tokens, input_tokens + cache_read_input_tokens);
  const withTools = await client.messages.countTokens({ model: "demo", messages: request.messages, tools: anthropicTools });
  assert.ok(withTools.input_tokens > counted.input_tokens + 50);
});

test("errors arrive as the client's own classes", { skip }, async () => {
  await assert.rejects(client.messages.create({ ...request, messages: undefined }),
    (error) => error instanceof Anthropic.BadRequestError && error.error.type === "error" &&
      error.error.error.type === "invalid_request_error" && /messages/.test(error.message));
  const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } };
  await assert.rejects(client.messages.create({ ...request, messages: [{ role: "user", content: [image] }] }),
    (error) => error.status === 400 && /image input is not supported/.test(error.message));
});

test("leaving a stream frees its slot", { skip }, async () => {
  const stream = client.messages.stream({ ...request, max_tokens: 2000, messages: [{ role: "user", content: "Tell me a story." }] });
  stream.on("text", () => stream.abort());
  await stream.done().catch(() => {});
  for (let i = 0; i < 100 && (await server.metrics()).requests_processing > 0; ++i) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal((await server.metrics()).requests_processing, 0);
});
