// The frameworks that people build on: LangChain and the Vercel AI SDK, against the demo model.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { AIMessageChunk, HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import { tool as langchainTool } from "@langchain/core/tools";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { embed, embedMany, generateObject, generateText, stepCountIs, streamObject, streamText, tool } from "ai";
import { z } from "zod";
import { demoModel, needs } from "./lib/places.js";
import { Server } from "./lib/server.js";

const skip = needs(demoModel, "the demo model");
const KEY = "framework-key";
let server, vectors;
before(async () => {
  if (skip) return;
  server = await Server.start(["-m", demoModel, "-c", "8192", "-np", "4", "--api-key", KEY]);
  vectors = await Server.start(["-m", demoModel, "-c", "2048", "--embeddings", "--pooling", "mean"]);
});
after(() => Promise.all([server?.stop(), vectors?.stop()]));

const QUESTION = "What is the capital of France?";
const weather = z.object({ city: z.string().max(20).describe("name of a city") });
const person = z.object({
  name: z.string().max(20), age: z.number().int().min(0).max(120), city: z.enum(["Oslo", "Paris", "Rome"]),
});

describe("LangChain", { skip }, () => {
  const configuration = (of) => ({ baseURL: `${of.url}/v1` });
  const chat = (more = {}) => new ChatOpenAI({
    model: "demo", apiKey: KEY, temperature: 0, maxTokens: 60, maxRetries: 0, configuration: configuration(server), ...more,
  });
  const tools = () => [langchainTool(({ city }) => `12 degrees in ${city}`, {
    name: "get_weather", description: "Weather report for a city", schema: weather,
  })];

  test("a chat, and what it has used", async () => {
    const reply = await chat().invoke([new SystemMessage("Answer briefly."), new HumanMessage(QUESTION)]);
    assert.ok(reply.content.length > 0);
    const { input_tokens, output_tokens, total_tokens } = reply.usage_metadata;
    assert.ok(input_tokens > 0 && output_tokens > 0);
    assert.equal(total_tokens, input_tokens + output_tokens);
  });

  test("a stream is the whole reply in pieces", async () => {
    const whole = await chat().invoke(QUESTION);
    let text = "", chunks = 0, all;
    for await (const chunk of await chat().stream(QUESTION)) {
      assert.ok(chunk instanceof AIMessageChunk);
      text += chunk.content;
      all = all ? all.concat(chunk) : chunk;
      ++chunks;
    }
    assert.equal(text, whole.content);
    assert.ok(chunks > 2);
    assert.equal(all.usage_metadata.output_tokens, whole.usage_metadata.output_tokens);
  });

  test("several requests at once", async () => {
    const replies = await chat().batch([QUESTION, "What is the capital of Italy?", QUESTION]);
    assert.equal(replies.length, 3);
    assert.equal(replies[0].content, replies[2].content);
  });

  test("a tool is called, its result goes back", async () => {
    const bound = chat().bindTools(tools(), { tool_choice: "get_weather" });
    const question = new HumanMessage("What is the weather in Paris?");
    const reply = await bound.invoke([question]);
    assert.equal(reply.tool_calls.length, 1);
    const [call] = reply.tool_calls;
    assert.equal(call.name, "get_weather");
    const result = await tools()[0].invoke(call);
    assert.ok(result instanceof ToolMessage);
    assert.match(result.content, /^12 degrees in ./);
    const last = await chat().bindTools(tools(), { tool_choice: "none" }).invoke([question, reply, result]);
    assert.ok(last.content.length > 0);
    assert.equal(last.tool_calls.length, 0);
  });

  test("a tool call in a stream", async () => {
    let all;
    const bound = chat().bindTools(tools(), { tool_choice: "required" });
    for await (const chunk of await bound.stream("What is the weather in Oslo?")) all = all ? all.concat(chunk) : chunk;
    assert.equal(all.tool_calls[0].name, "get_weather");
    assert.equal(typeof all.tool_calls[0].args.city, "string");
  });

  for (const method of ["jsonSchema", "functionCalling"]) {
    test(`an object of a shape, by ${method}`, async () => {
      const shaped = chat({ maxTokens: 100 }).withStructuredOutput(person, { name: "person", method });
      person.parse(await shaped.invoke("Describe a person."));
    });
  }

  test("a wrong key and a wrong field are errors of their kind", async () => {
    await assert.rejects(chat({ apiKey: "wrong" }).invoke(QUESTION), (error) => error.status === 401);
    await assert.rejects(chat({ topP: "x" }).invoke(QUESTION), (error) => error.status === 400 && /top_p/.test(error.message));
  });

  test("embeddings", async () => {
    const model = new OpenAIEmbeddings({ model: "demo", apiKey: "none", maxRetries: 0, configuration: configuration(vectors) });
    const [first, second] = await model.embedDocuments(["a red ball", "the sea"]);
    assert.ok(first.length > 0);
    assert.equal(first.length, second.length);
    assert.deepEqual(await model.embedQuery("a red ball"), first);
  });
});

describe("Vercel AI SDK", { skip }, () => {
  const provider = (of, apiKey = KEY) => createOpenAICompatible({
    name: "llama-server", baseURL: `${of.url}/v1`, apiKey, includeUsage: true, supportsStructuredOutputs: true,
  });
  const common = () => ({ model: provider(server)("demo"), temperature: 0, maxOutputTokens: 60, maxRetries: 0 });
  const tools = () => ({
    get_weather: tool({
      description: "Weather report for a city", inputSchema: weather,
      execute: async ({ city }) => ({ degrees: 12, city }),
    }),
  });

  test("a text, and what it has used", async () => {
    const { text, usage, finishReason } = await generateText({ ...common(), system: "Answer briefly.", prompt: QUESTION });
    assert.ok(text.length > 0);
    assert.ok(["stop", "length"].includes(finishReason));
    assert.equal(usage.totalTokens, usage.inputTokens + usage.outputTokens);
  });

  test("a stream is the whole text in pieces", async () => {
    const whole = await generateText({ ...common(), prompt: QUESTION });
    const stream = streamText({ ...common(), prompt: QUESTION, onError: ({ error }) => { throw error; } });
    let text = "", pieces = 0;
    for await (const piece of stream.textStream) {
      text += piece;
      ++pieces;
    }
    assert.equal(text, whole.text);
    assert.ok(pieces > 2);
    assert.equal((await stream.usage).outputTokens, whole.usage.outputTokens);
  });

  test("a stream that is left ends on the server, too", async () => {
    const control = new AbortController();
    const stream = streamText({
      ...common(), maxOutputTokens: 2000, prompt: "Tell me a long story.", abortSignal: control.signal, onError: () => {},
    });
    for await (const _ of stream.textStream) {
      control.abort();
      break;
    }
    const headers = { Authorization: `Bearer ${KEY}` };
    for (let i = 0; ; ++i) {
      const slots = await (await server.fetch("/slots", { headers })).json();
      if (slots.every((slot) => !slot.is_processing)) break;
      assert.ok(i < 100, "it still runs");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });

  test("tools run in steps", async () => {
    const { steps } = await generateText({
      ...common(), tools: tools(), toolChoice: "required", stopWhen: stepCountIs(2), prompt: "What is the weather in Paris?",
    });
    const [call] = steps[0].toolCalls;
    assert.equal(call.toolName, "get_weather");
    assert.equal(typeof call.input.city, "string");
    assert.deepEqual(steps[0].toolResults[0].output, { degrees: 12, city: call.input.city });
    assert.equal(steps.length, 2);
  });

  test("a tool call in a stream", async () => {
    const stream = streamText({
      ...common(), tools: tools(), toolChoice: { type: "tool", toolName: "get_weather" }, prompt: "What is the weather in Oslo?",
    });
    const types = [];
    for await (const part of stream.fullStream) types.push(part.type);
    assert.ok(types.includes("tool-call") && types.includes("tool-result"), types.join(" "));
    assert.ok(!types.includes("error"));
  });

  test("an object of a shape, whole and in a stream", async () => {
    const asked = { ...common(), maxOutputTokens: 100, schema: person, prompt: "Describe a person." };
    const { object } = await generateObject(asked);
    person.parse(object);
    const stream = streamObject(asked);
    let parts = 0;
    for await (const _ of stream.partialObjectStream) ++parts;
    assert.deepEqual(await stream.object, object);
    assert.ok(parts > 0);
  });

  test("a wrong key is an error of its kind", async () => {
    const asked = { ...common(), model: provider(server, "wrong")("demo"), prompt: QUESTION };
    await assert.rejects(generateText(asked), (error) => error.statusCode === 401);
  });

  test("embeddings", async () => {
    const model = provider(vectors, "none").textEmbeddingModel("demo");
    const { embedding, usage } = await embed({ model, value: "a red ball", maxRetries: 0 });
    assert.ok(usage.tokens > 0);
    const { embeddings } = await embedMany({ model, values: ["a red ball", "the sea"], maxRetries: 0 });
    assert.equal(embeddings.length, 2);
    assert.deepEqual(embeddings[0], embedding);
  });
});
