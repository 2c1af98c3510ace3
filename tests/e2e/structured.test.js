// Outputs of a given shape: JSON Schema, regular expressions, choices, grammars.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { hasModel, needs } from "./lib/places.js";
import { Server } from "./lib/server.js";

const skip = needs(hasModel, "models");
let server, client;

before(async () => {
  if (skip) return;
  server = await Server.start(["-c", "4096", "-np", "4", "--chat-template", "chatml"]);
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "not-needed", maxRetries: 0 });
});
after(() => server?.stop());

const request = {
  model: "any", max_tokens: 400, temperature: 0.8, seed: 5,
  messages: [{ role: "user", content: "Tell me about a red ball." }],
};

async function content(more) {
  const reply = await client.chat.completions.create({ ...request, ...more });
  assert.equal(reply.choices[0].finish_reason, "stop");
  return reply.choices[0].message.content;
}

const toy = z.object({
  colour: z.enum(["red", "blue"]), big: z.boolean(), prices: z.array(z.number().int()).min(1).max(2),
});

test("a zod schema, parsed by the client, whole and streamed", { skip }, async () => {
  const asked = { ...request, response_format: zodResponseFormat(toy, "toy") };
  const reply = await client.chat.completions.parse(asked);
  assert.ok(toy.safeParse(reply.choices[0].message.parsed).success);
  const stream = client.chat.completions.stream(asked);
  const final = await stream.finalChatCompletion();
  assert.ok(toy.safeParse(final.choices[0].message.parsed).success);
});

test("the same schema in the spellings of others", { skip }, async () => {
  const schema = { type: "object", properties: { big: { type: "boolean" } }, required: ["big"], additionalProperties: false };
  for (const more of [
    { json_schema: schema },
    { response_format: { type: "json_object", schema } },
    { guided_json: schema },
    { structured_outputs: { json: schema } },
  ]) {
    assert.equal(typeof JSON.parse(await content(more)).big, "boolean", JSON.stringify(more));
  }
});

test("regular expressions and choices", { skip }, async () => {
  for (const more of [
    { regex: "[a-c]{3}-\\d\\d" },
    { response_format: { type: "regex", regex: "[a-c]{3}-\\d\\d" } },
    { structured_outputs: { regex: "[a-c]{3}-\\d\\d" } },
    { guided_regex: "[a-c]{3}-\\d\\d" },
  ]) {
    assert.match(await content(more), /^[a-c]{3}-\d\d$/, JSON.stringify(more));
  }
  for (const more of [{ choice: ["yes", "no"] }, { structured_outputs: { choice: ["yes", "no"] } }]) {
    assert.match(await content(more), /^(yes|no)$/, JSON.stringify(more));
  }
});

test("a grammar, on every generating endpoint", { skip }, async () => {
  const grammar = 'root ::= ("red" | "blue") " ball" [.!]';
  assert.match(await content({ grammar }), /^(red|blue) ball[.!]$/);
  const native = await server.json("/completion", { prompt: "A ", grammar, n_predict: 40 });
  assert.match(native.body.content, /^(red|blue) ball[.!]$/);
  assert.equal(native.body.generation_settings.grammar, grammar);
  const text = await client.completions.create({ model: "any", prompt: "A ", grammar, max_tokens: 40, n: 2 });
  for (const choice of text.choices) assert.match(choice.text, /^(red|blue) ball[.!]$/);
});

test("a lazy grammar sleeps until its word comes", { skip }, async () => {
  const { body } = await server.json("/completion", {
    prompt: "Once upon a time", temperature: 0, n_predict: 60,
    grammar: 'root ::= "there" "X"', grammar_lazy: true, grammar_triggers: [{ type: 1, value: "there" }],
  });
  assert.match(body.content, /thereX$/);
});

test("several users with one schema", { skip }, async () => {
  const texts = await Promise.all(Array.from({ length: 8 }, (_, i) =>
    content({ seed: i, response_format: zodResponseFormat(toy, "toy") })));
  for (const text of texts) assert.ok(toy.safeParse(JSON.parse(text)).success, text);
});

test("what cannot be compiled is a 400 that says why", { skip }, async () => {
  const refuse = (more, pattern) => assert.rejects(client.chat.completions.create({ ...request, ...more }),
    (error) => error.status === 400 && pattern.test(error.message));
  await refuse({ grammar: "root := oops" }, /failed to parse grammar/);
  await refuse({ json_schema: { type: "wat" } }, /wat/);
  await refuse({ regex: "(" }, /regex/);
  await refuse({ response_format: { type: "json_schema", json_schema: { name: "x", strict: true, schema: { type: "string", pattern: "(?=a)b" } } } },
    /pattern/);
  await refuse({ regex: "a", choice: ["b"] }, /Cannot use both/);
});

test("the command line's schema is for requests that bring none", { skip }, async () => {
  const other = await Server.start(["-j", '{"enum":["a","b"]}', "--chat-template", "chatml"]);
  try {
    const ask = async (more) => (await other.json("/v1/chat/completions", { ...request, ...more })).body.choices[0].message.content;
    assert.match(await ask({}), /^"[ab]"$/);
    assert.equal(await ask({ choice: ["c"] }), "c");
  } finally {
    await other.stop();
  }
});
