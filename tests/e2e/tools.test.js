// Tool calls through the official OpenAI client, with the demo model.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { zodFunction } from "openai/helpers/zod";
import { z } from "zod";
import { demoModel, needs } from "./lib/places.js";
import { Server } from "./lib/server.js";
import { RESULTS, TOOLS, checkArguments, openaiTools } from "./lib/tools.js";

const skip = needs(demoModel, "the demo model");
let server, client;

before(async () => {
  if (skip) return;
  server = await Server.start(["-m", demoModel, "-c", "8192", "-np", "4", "--metrics"]);
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "not-needed", maxRetries: 0 });
});
after(() => server?.stop());

const messages = [{ role: "user", content: "What is the weather in Paris?" }];
const request = { model: "demo", messages, tools: openaiTools, temperature: 0, max_tokens: 200 };

/** Puts the deltas of a stream together as a client does. */
async function collect(stream) {
  const message = { content: "", calls: [] };
  let finish;
  for await (const chunk of stream) {
    const choice = chunk.choices[0];
    if (!choice) continue;
    finish = choice.finish_reason ?? finish;
    message.content += choice.delta.content ?? "";
    for (const piece of choice.delta.tool_calls ?? []) {
      if (piece.id) {
        assert.equal(piece.index, message.calls.length, "calls come in order");
        assert.equal(piece.type, "function");
        message.calls.push({ id: piece.id, name: piece.function.name, arguments: "" });
      }
      message.calls[piece.index].arguments += piece.function.arguments;
    }
  }
  return { message, finish };
}

test("a required call is one of three tools, and its arguments keep the schema", { skip }, async () => {
  for (const seed of [1, 2, 3, 4]) {
    const reply = await client.chat.completions.create({
      ...request, tool_choice: "required", parallel_tool_calls: false, temperature: 1.5, seed,
    });
    const { message, finish_reason } = reply.choices[0];
    assert.equal(finish_reason, "tool_calls");
    assert.equal(message.tool_calls.length, 1);
    const [call] = message.tool_calls;
    assert.ok(TOOLS.some((tool) => tool.name === call.function.name));
    checkArguments(call.function.name, JSON.parse(call.function.arguments));
  }
});

test("a named function is called", { skip }, async () => {
  for (const { name } of TOOLS) {
    const reply = await client.chat.completions.create({
      ...request, tool_choice: { type: "function", function: { name } }, parallel_tool_calls: false,
    });
    const [call] = reply.choices[0].message.tool_calls;
    assert.equal(call.function.name, name);
    checkArguments(name, JSON.parse(call.function.arguments));
    assert.equal(reply.choices[0].finish_reason, "tool_calls");
  }
});

test("a stream of calls is the whole reply in pieces", { skip }, async () => {
  const asked = { ...request, tool_choice: "required", parallel_tool_calls: false };
  const whole = (await client.chat.completions.create(asked)).choices[0];
  const { message, finish } = await collect(await client.chat.completions.create({ ...asked, stream: true }));
  assert.equal(finish, whole.finish_reason);
  assert.equal(message.content, whole.message.content ?? "");
  assert.deepEqual(message.calls.map((call) => [call.name, call.arguments]),
    whole.message.tool_calls.map((call) => [call.function.name, call.function.arguments]));
});

test("parallel calls have ids of their own", { skip }, async () => {
  // A grammar that wants at least one call allows more: with the end of the text made unlikely they
  // come until the limit.
  const reply = await client.chat.completions.create({
    ...request, tools: [openaiTools[2]], tool_choice: "required", parallel_tool_calls: true, max_tokens: 120,
    logit_bias: Object.fromEntries((await endTokens()).map((id) => [id, -100])),
  });
  const calls = reply.choices[0].message.tool_calls;
  assert.ok(calls.length >= 2, `${calls.length} calls`);
  assert.equal(new Set(calls.map((call) => call.id)).size, calls.length);
  assert.equal(reply.choices[0].finish_reason, "length");
});

async function endTokens() {
  const { body } = await server.json("/tokenize", { content: "<|im_end|><|endoftext|>", parse_special: true });
  return body.tokens;
}

test("no more than one call where parallel calls are off", { skip }, async () => {
  const reply = await client.chat.completions.create({
    ...request, tools: [openaiTools[2]], tool_choice: "required", parallel_tool_calls: false, max_tokens: 120,
    logit_bias: Object.fromEntries((await endTokens()).map((id) => [id, -5])),
  });
  assert.equal(reply.choices[0].message.tool_calls.length, 1);
  assert.equal(reply.choices[0].finish_reason, "tool_calls");
});

test("tool_choice none leaves text alone", { skip }, async () => {
  const reply = await client.chat.completions.create({ ...request, tool_choice: "none", max_tokens: 40 });
  assert.equal(reply.choices[0].message.tool_calls, undefined);
  assert.equal(typeof reply.choices[0].message.content, "string");
});

test("a call that the limit cuts is returned half-finished", { skip }, async () => {
  const reply = await client.chat.completions.create({
    ...request, tool_choice: { type: "function", function: { name: "get_weather" } }, max_tokens: 14,
  });
  assert.equal(reply.choices[0].finish_reason, "length");
  for (const call of reply.choices[0].message.tool_calls ?? []) {
    assert.equal(call.function.name, "get_weather");
    assert.throws(() => JSON.parse(call.function.arguments));
  }
});

test("the loop of calls and results to the final answer", { skip }, async () => {
  const history = [...messages];
  const first = await client.chat.completions.create({
    ...request, messages: history, parallel_tool_calls: false,
    tool_choice: { type: "function", function: { name: "get_weather" } },
  });
  const { message } = first.choices[0];
  history.push(message);
  for (const call of message.tool_calls) {
    const args = JSON.parse(call.function.arguments);
    history.push({ role: "tool", tool_call_id: call.id, content: RESULTS[call.function.name](args) });
  }
  const last = await client.chat.completions.create({ ...request, messages: history, tool_choice: "none" });
  assert.equal(last.choices[0].finish_reason, "stop");
  assert.ok(last.choices[0].message.content.length > 0);
  const { body } = await server.json("/apply-template", { messages: history, tools: openaiTools });
  assert.match(body.prompt, /<tool_response>\n12 degrees in /);
  assert.match(body.prompt, /<tool_call>\n\{"name": "get_weather"/);
});

test("the client's own loop runs functions, whole and streamed", { skip }, async () => {
  for (const stream of [false, true]) {
    const seen = [];
    const runner = client.chat.completions.runTools({
      ...request, stream, tool_choice: { type: "function", function: { name: "add" } },
      parallel_tool_calls: false,
      tools: [{
        type: "function",
        function: { ...TOOLS[1], parse: JSON.parse, function: (args) => { seen.push(args); return RESULTS.add(args); } },
      }],
    }, { maxChatCompletions: 2 });
    await runner.done();
    assert.ok(seen.length >= 1);
    checkArguments("add", seen[0]);
    assert.ok(runner.messages.some((message) => message.role === "tool"));
  }
});

test("functions that zod describes are parsed by the client", { skip }, async () => {
  const reply = await client.chat.completions.parse({
    ...request, tool_choice: "required", parallel_tool_calls: false,
    tools: [zodFunction({ name: "book", parameters: z.object({ seats: z.number().int(), window: z.boolean(), row: z.enum(["a", "b"]) }) })],
  });
  const [call] = reply.choices[0].message.tool_calls;
  assert.equal(typeof call.function.parsed_arguments.window, "boolean");
  assert.ok(["a", "b"].includes(call.function.parsed_arguments.row));
});

test("leaving a stream of a call frees its slot", { skip }, async () => {
  const stream = await client.chat.completions.create({
    ...request, tool_choice: "required", stream: true, max_tokens: 3000, parallel_tool_calls: true,
    logit_bias: Object.fromEntries((await endTokens()).map((id) => [id, -100])),
  });
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta?.tool_calls) break;
  }
  for (let i = 0; i < 100 && (await server.metrics()).requests_processing > 0; ++i) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal((await server.metrics()).requests_processing, 0);
});

test("requests that cannot be kept are refused by name", { skip }, async () => {
  const refuse = (more, pattern) => assert.rejects(client.chat.completions.create({ ...request, ...more }),
    (error) => error.status === 400 && pattern.test(error.message));
  await refuse({ tool_choice: { type: "function", function: { name: "nobody" } } }, /tool_choice.*nobody/);
  await refuse({ tools: undefined, tool_choice: "required" }, /tool_choice/);
  await refuse({ grammar: 'root ::= "x"' }, /Cannot use custom grammar constraints with tools/);
  await refuse({ tools: [{ type: "function", function: {} }] }, /tools/);
});
