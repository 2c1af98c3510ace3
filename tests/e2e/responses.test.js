// The Responses API through the official OpenAI client.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { demoModel, needs } from "./lib/places.js";
import { Server } from "./lib/server.js";
import { RESULTS, checkArguments, responsesTools } from "./lib/tools.js";

const skip = needs(demoModel, "the demo model");
let server, client;

before(async () => {
  if (skip) return;
  server = await Server.start(["-m", demoModel, "-c", "8192", "-np", "4"]);
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "not-needed", maxRetries: 0 });
});
after(() => server?.stop());

const request = { model: "demo", input: "What is the capital of France?", temperature: 0, max_output_tokens: 60 };

test("a response", { skip }, async () => {
  const response = await client.responses.create({ ...request, instructions: "Be kind." });
  assert.equal(response.object, "response");
  assert.equal(response.status, "completed");
  assert.match(response.id, /^resp_/);
  assert.ok(response.output_text.length > 0);
  assert.equal(response.usage.total_tokens, response.usage.input_tokens + response.usage.output_tokens);
  const cut = await client.responses.create({ ...request, max_output_tokens: 1 });
  assert.equal(cut.status, "incomplete");
  assert.equal(cut.incomplete_details.reason, "max_output_tokens");
});

test("a stream is numbered and has the text of the whole", { skip }, async () => {
  const whole = await client.responses.create(request);
  const types = [];
  let text = "", number = 0;
  for await (const event of await client.responses.create({ ...request, stream: true })) {
    assert.equal(event.sequence_number, number++);
    if (event.type === "response.output_text.delta") text += event.delta;
    else types.push(event.type);
  }
  assert.equal(text, whole.output_text);
  assert.deepEqual(types, ["response.created", "response.in_progress", "response.output_item.added",
    "response.content_part.added", "response.output_text.done", "response.content_part.done",
    "response.output_item.done", "response.completed"]);
  const final = await client.responses.stream(request).finalResponse();
  assert.equal(final.output_text ?? final.output[0].content[0].text, whole.output_text);
});

test("the loop of calls and outputs, whole and streamed", { skip }, async () => {
  for (const stream of [false, true]) {
    const ask = (body) => (stream ? client.responses.stream(body).finalResponse() : client.responses.create(body));
    const first = await ask({
      ...request, max_output_tokens: 200, input: "What is the weather in Paris?", tools: responsesTools,
      tool_choice: { type: "function", name: "get_weather" }, parallel_tool_calls: false,
    });
    const calls = first.output.filter((item) => item.type === "function_call");
    assert.equal(calls.length, 1);
    checkArguments("get_weather", JSON.parse(calls[0].arguments));
    const last = await ask({
      ...request, tools: responsesTools, tool_choice: "none", previous_response_id: first.id,
      input: calls.map((call) => ({
        type: "function_call_output", call_id: call.call_id,
        output: RESULTS[call.name](JSON.parse(call.arguments)),
      })),
    });
    assert.equal(last.status, "completed");
    assert.equal(last.previous_response_id, first.id);
    assert.ok(last.output.some((item) => item.type === "message"));
  }
});

test("an earlier response is what the next one goes on from", { skip }, async () => {
  const first = await client.responses.create(request);
  const next = { ...request, input: "And of Italy?", previous_response_id: first.id };
  const written = {
    ...request,
    input: [{ role: "user", content: request.input }, ...first.output, { role: "user", content: "And of Italy?" }],
  };
  const [kept, sent] = [await client.responses.create(next), await client.responses.create(written)];
  assert.equal(kept.output_text, sent.output_text);
  assert.equal(kept.usage.input_tokens, sent.usage.input_tokens);
});

test("stored responses are read, deleted, and not kept when they shall not be", { skip }, async () => {
  const response = await client.responses.create(request);
  const again = await client.responses.retrieve(response.id);
  assert.equal(again.output[0].content[0].text, response.output_text);
  const items = await client.responses.inputItems.list(response.id);
  assert.equal(items.data[0].content, request.input);
  await client.responses.delete(response.id);
  await assert.rejects(client.responses.retrieve(response.id), (error) => error.status === 404);
  await assert.rejects(client.responses.create({ ...request, previous_response_id: response.id }),
    (error) => error.status === 400 && /previous_response_id|not found/i.test(error.message));
  const secret = await client.responses.create({ ...request, store: false });
  await assert.rejects(client.responses.retrieve(secret.id), (error) => error.status === 404);
});

test("a zod schema is parsed by the client", { skip }, async () => {
  const shape = z.object({ city: z.enum(["Paris", "Rome"]), sure: z.boolean() });
  const response = await client.responses.parse({
    ...request, max_output_tokens: 200, text: { format: zodTextFormat(shape, "answer") },
  });
  assert.ok(shape.safeParse(response.output_parsed).success);
});

test("tokens are counted", { skip }, async () => {
  const { body } = await server.json("/v1/responses/input_tokens", { input: request.input });
  const response = await client.responses.create(request);
  assert.equal(body.input_tokens, response.usage.input_tokens);
  assert.equal(body.object, "response.input_tokens");
});

test("what is not there is refused by name", { skip }, async () => {
  const refuse = (more, pattern) => assert.rejects(client.responses.create({ ...request, ...more }),
    (error) => error.status === 400 && pattern.test(error.message));
  await refuse({ input: 4 }, /'input' must be a string or array of objects/);
  await refuse({ background: true }, /background/);
  await refuse({ input: [{ type: "mystery" }] }, /Cannot determine type/);
});
