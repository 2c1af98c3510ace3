// Requests that are wrong: each gets its status and a message that names what is wrong, and the
// server answers the next one as if nothing had happened.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { hasModel, isStories, needs } from "./lib/places.js";
import { Server } from "./lib/server.js";

const skip = needs(hasModel, "models");
let server;
before(async () => {
  if (!skip) server = await Server.start(["-c", "1024", "-np", "2", "--metrics"]);
});
after(() => server?.stop());

const nested = (open, close, depth) => open.repeat(depth) + close.repeat(depth);
const user = (content) => ({ messages: [{ role: "user", content }] });
const chat = (fields) => ({ ...user("Hi"), max_tokens: 1, ...fields });
const raw = (fields) => ({ prompt: "Hi", n_predict: 1, ...fields });

// path, body (text is sent as it is), status, what the message must contain
const BODIES = [
  ["/completion", "", 400, "parse error"],
  ["/completion", "{", 400, "parse error"],
  ["/completion", "nope", 400, "parse error"],
  ["/completion", '{"prompt":"x",}', 400, "parse error"],
  ["/completion", '{"prompt":"x"} y', 400, "parse error"],
  ["/completion", "{'prompt':'x'}", 400, "parse error"],
  ["/completion", '{"prompt":"x","top_p":1e999}', 400, "out_of_range"],
  ["/completion", Buffer.from('{"prompt":"\xff"}', "latin1"), 400, "UTF-8"],
  ["/completion", Buffer.from('{"prompt":"\xc3"}', "latin1"), 400, "UTF-8"],
  ["/completion", Buffer.from('{"prompt":"\xed\xa0\x80"}', "latin1"), 400, "UTF-8"],
  ["/completion", '{"prompt":"\\ud800"}', 400, "surrogate"],
  ["/completion", '{"prompt":"a\nb"}', 400, "control character"],
  ["/completion", "[1]", 400, "object"],
  ["/completion", '"x"', 400, "object"],
  ["/completion", "null", 400, "object"],
  ["/completion", nested("[", "]", 100000), 400, "nested"],
  ["/completion", `{"prompt":${nested('{"a":', "}", 300)}`, 400, "nested"],
  ["/v1/completions", "nope", 400, "parse error"],
  ["/v1/completions", "[]", 400, "object"],
  ["/v1/chat/completions", "nope", 400, "parse error"],
  ["/v1/chat/completions", "[]", 400, "object"],
  ["/v1/chat/completions", nested("[", "]", 5000), 400, "nested"],
  ["/tokenize", "", 400, "parse error"],
  ["/detokenize", "{", 400, "parse error"],
  ["/apply-template", "x", 400, "parse error"],
  ["/infill", "x", 400, "parse error"],
  ["/lora-adapters", "{}", 400, "array"],
];

const PROMPTS = [
  [{ n_predict: 2 }, 400, "prompt"],
  [{ prompt: null }, 400, "prompt"],
  [{ prompt: 5 }, 400, "prompt"],
  [{ prompt: true }, 400, "prompt"],
  [{ prompt: [] }, 400, "prompt"],
  [{ prompt: [[]] }, 400, "prompt"],
  [{ prompt: {} }, 400, "prompt"],
  [{ prompt: { prompt_string: 1 } }, 400, "prompt"],
  [{ prompt: [1.5] }, 400, "prompt"],
  [{ prompt: [1, [2]] }, 400, "prompt"],
  [{ prompt: ["a", null] }, 400, "prompt"],
  [{ prompt: [1, "a", {}] }, 400, "prompt"],
  [{ prompt: [-5, 3] }, 400, "invalid tokens"],
  [{ prompt: [1, 99999999] }, 400, "invalid tokens"],
  [{ prompt: [1, 99999999999999] }, 400, "invalid tokens"],
  [{ prompt: [[1], [99999999]] }, 400, "invalid tokens"],
  [{ prompt: { prompt_string: "x", multimodal_data: ["QUJD"] } }, 400, "Multimodal"],
];

const FIELDS = [
  [{ top_k: "many" }, 400, "top_k"],
  [{ top_k: {} }, 400, "top_k"],
  [{ top_k: 1e30, temperature: [] }, 400, "temperature"],
  [{ temperature: "0" }, 400, "temperature"],
  [{ top_p: [] }, 400, "top_p"],
  [{ min_p: "x" }, 400, "min_p"],
  [{ typical_p: "x" }, 400, "typical_p"],
  [{ typical_p: 1e300 }, 400, "typical_p"],
  [{ top_n_sigma: {} }, 400, "top_n_sigma"],
  [{ xtc_probability: "x" }, 400, "xtc_probability"],
  [{ xtc_threshold: "x" }, 400, "xtc_threshold"],
  [{ dynatemp_range: "x" }, 400, "dynatemp_range"],
  [{ dynatemp_exponent: "x" }, 400, "dynatemp_exponent"],
  [{ seed: "x" }, 400, "seed"],
  [{ seed: [1] }, 400, "seed"],
  [{ n_predict: -2 }, 400, "n_predict"],
  [{ n_predict: "5" }, 400, "n_predict"],
  [{ n_predict: 4294967296 }, 400, "n_predict"],
  [{ n_predict: undefined, max_tokens: -7 }, 400, "max_tokens"],
  [{ n_predict: undefined, max_completion_tokens: -7 }, 400, "max_completion_tokens"],
  [{ n: 0 }, 400, "n"],
  [{ n: 3 }, 400, "between 1 <= value <= 2"],
  [{ n_cmpl: -1 }, 400, "n_cmpl"],
  [{ n_cmpl: "2" }, 400, "n_cmpl"],
  [{ n_keep: -2 }, 400, "n_keep"],
  [{ n_discard: -1 }, 400, "n_discard"],
  [{ n_indent: -1 }, 400, "n_indent"],
  [{ n_cache_reuse: -1 }, 400, "n_cache_reuse"],
  [{ t_max_predict_ms: -2 }, 400, "t_max_predict_ms"],
  [{ t_max_predict_ms: "1" }, 400, "t_max_predict_ms"],
  [{ sse_ping_interval: -2 }, 400, "sse_ping_interval"],
  [{ id_slot: "0" }, 400, "id_slot"],
  [{ id_slot: 1e12 }, 400, "id_slot"],
  [{ cache_prompt: "yes" }, 400, "cache_prompt"],
  [{ cache_prompt: 1 }, 400, "cache_prompt"],
  [{ stream: "yes" }, 400, "stream"],
  [{ stream: 1 }, 400, "stream"],
  [{ stream_options: { include_usage: "x" } }, 400, "include_usage"],
  [{ ignore_eos: "x" }, 400, "ignore_eos"],
  [{ return_tokens: 1 }, 400, "return_tokens"],
  [{ return_progress: 1 }, 400, "return_progress"],
  [{ timings_per_token: 1 }, 400, "timings_per_token"],
  [{ verbose: 1 }, 400, "verbose"],
  [{ post_sampling_probs: 1 }, 400, "post_sampling_probs"],
  [{ backend_sampling: 1 }, 400, "backend_sampling"],
  [{ n_probs: "x" }, 400, "n_probs"],
  [{ min_keep: -1 }, 400, "min_keep"],
  [{ repeat_last_n: -1 }, 400, "repeat_last_n"],
  [{ repeat_penalty: 0 }, 400, "penalty_repeat"],
  [{ repeat_penalty: -1 }, 400, "penalty_repeat"],
  [{ repeat_penalty: 1e300 }, 400, "repeat_penalty"],
  [{ frequency_penalty: 1e300 }, 400, "frequency_penalty"],
  [{ presence_penalty: "x" }, 400, "presence_penalty"],
  [{ dry_allowed_length: -1 }, 400, "dry_allowed_length"],
  [{ dry_penalty_last_n: -1 }, 400, "dry_penalty_last_n"],
  [{ dry_multiplier: "x" }, 400, "dry_multiplier"],
  [{ dry_sequence_breakers: [] }, 400, "dry_sequence_breakers"],
  [{ dry_sequence_breakers: "x" }, 400, "dry_sequence_breakers"],
  [{ dry_sequence_breakers: [1] }, 400, "dry_sequence_breakers"],
  [{ adaptive_decay: 1 }, 400, "adaptive_decay"],
  [{ adaptive_decay: -0.5 }, 400, "adaptive_decay"],
  [{ mirostat: "x" }, 400, "mirostat"],
  [{ stop: 5 }, 400, "stop"],
  [{ stop: [1] }, 400, "stop"],
  [{ stop: {} }, 400, "stop"],
  [{ stop: Array(2000).fill("x") }, 400, "stop"],
  [{ samplers: 1 }, 400, "samplers"],
  [{ samplers: [1] }, 400, "samplers"],
  [{ logit_bias: "x" }, 400, "logit_bias"],
  [{ logit_bias: 1 }, 400, "logit_bias"],
  [{ lora: { id: 0 } }, 400, "lora"],
  [{ lora: [1] }, 400, "lora"],
  [{ response_fields: "content" }, 400, "response_fields"],
  [{ response_fields: [1] }, 400, "response_fields"],
  [{ grammar: 'root ::= "a' }, 400, "grammar"],
  [{ grammar: 'root ::= root "a"' }, 400, "left recursion"],
  [{ grammar: 'start ::= "a"' }, 400, "root"],
  [{ grammar: 1 }, 400, "grammar"],
  [{ json_schema: { type: "text" } }, 400, "json_schema"],
  [{ json_schema: { $ref: "#/nowhere" } }, 400, "json_schema"],
  [{ json_schema: "x" }, 400, "json_schema"],
];

const CHATS = [
  [{}, 400, "messages"],
  [{ messages: null }, 400, "messages"],
  [{ messages: "hi" }, 400, "messages"],
  [{ messages: {} }, 400, "messages"],
  [{ messages: [1] }, 400, "message"],
  [{ messages: [{ role: "user" }] }, 400, "content"],
  [{ messages: [{ content: "hi" }] }, 400, "role"],
  [{ messages: [{ role: 1, content: "hi" }] }, 400, "role"],
  [{ messages: [{ role: "assistant" }] }, 400, "content"],
  [user(5), 400, "content"],
  [user({}), 400, "content"],
  [user([1]), 400, "content"],
  [user([{ type: "text" }]), 400, "text"],
  [user([{ type: "hologram" }]), 400, "content[].type"],
  [user([{ type: "image_url", image_url: { url: "data:," } }]), 400, "image"],
  [user([{ type: "input_audio", input_audio: { data: "AAAA", format: "wav" } }]), 400, "audio"],
  [{ messages: [{ role: "user", content: "a" }, { role: "assistant", content: "b" },
    { role: "assistant", content: "c" }] }, 400, "assistant"],
  [chat({ temperature: "warm" }), 400, "temperature"],
  [chat({ max_tokens: -7 }), 400, "max_tokens"],
  [chat({ n: 3 }), 400, "n"],
  [chat({ logprobs: "x" }), 400, "logprobs"],
  [chat({ logprobs: 2 }), 400, "logprobs"],
  [chat({ top_logprobs: 2 }), 400, "top_logprobs"],
  [chat({ logprobs: true, top_logprobs: "x" }), 400, "top_logprobs"],
  [chat({ logprobs: true, top_logprobs: -1 }), 400, "top_logprobs"],
  [chat({ tools: "x" }), 400, "tools"],
  [chat({ tools: { a: 1 } }), 400, "tools"],
  [chat({ tools: [{ type: "search" }] }), 400, "tool"],
  [chat({ tool_choice: "sometimes" }), 400, "tool_choice"],
  [chat({ tools: [{ type: "function", function: { name: "f" } }],
    tool_choice: { type: "function", function: { name: "g" } } }), 400, "tool_choice"],
  [chat({ tools: [{ type: "function", function: { name: "f", parameters: { type: "text" } } }],
    tool_choice: "required" }), 400, "tools"],
  [chat({ response_format: "json" }), 400, "response_format"],
  [chat({ response_format: {} }), 400, "response_format"],
  [chat({ response_format: { type: "xml" } }), 400, "response_format"],
  [chat({ response_format: { type: 1 } }), 400, "response_format"],
  [chat({ response_format: { type: "json_schema" } }), 400, "response_format"],
  [chat({ response_format: { type: "json_schema",
    json_schema: { strict: true, schema: { not: { required: ["a", "b"] } } } } }), 400, "not"],
  [chat({ response_format: { type: "json_object", schema: { type: 1 } } }), 400, "response_format"],
  [chat({ grammar: "root ::= (" }), 400, "grammar"],
  [chat({ grammar: 'root ::= "a"', json_schema: {} }), 400, "json_schema"],
  [chat({ chat_template_kwargs: 1 }), 400, "chat_template_kwargs"],
  [chat({ chat_template_kwargs: { enable_thinking: "yes" } }), 400, "enable_thinking"],
  [chat({ reasoning_format: "nope" }), 400, "reasoning format"],
  [{ messages: [{ role: "user", content: "a" }, { role: "assistant", content: "b" }],
    continue_final_message: true }, 400, "continue_final_message"],
];

const OTHERS = [
  ["/tokenize", { content: 17 }, 400, "content"],
  ["/tokenize", { content: { a: 1 } }, 400, "content"],
  ["/tokenize", { content: "x", add_special: "yes" }, 400, "add_special"],
  ["/tokenize", { content: [99999999] }, 400, "content"],
  ["/detokenize", { tokens: "403" }, 400, "tokens"],
  ["/detokenize", { tokens: ["a"] }, 400, "tokens"],
  ["/detokenize", { tokens: [3, 99999999] }, 400, "99999999"],
  ["/detokenize", { tokens: [-1] }, 400, "-1"],
  ["/apply-template", { prompt: "x" }, 400, "messages"],
  ["/v1/chat/completions/input_tokens", {}, 400, "messages"],
  ["/v1/chat/completions/control", { action: "reasoning_end" }, 400, "id"],
  ["/v1/chat/completions/control", { id: "chatcmpl-x", action: "pause" }, 400, "action"],
  // The demo model has the tokens.
  ...(isStories ? [["/infill", { input_prefix: "a", input_suffix: "b" }, 501, "prefix token is missing"]] : []),
  ["/props", {}, 501, "--props"],
  ["/v1/embeddings", { input: "dog" }, 501, "--embeddings"],
  ["/rerank", { query: "x" }, 501, "--reranking"],
  ["/tools", { tool: "x" }, 403, "disabled"],
  ["/v1/responses", { input: 1 }, 400, "input"],
  ["/v1/responses", { input: "x", previous_response_id: "resp_none" }, 400, "resp_none"],
  ["/v1/messages", { messages: "x" }, 400, "messages"],
  ["/v1/messages", { messages: [{ role: "robot", content: "x" }], max_tokens: 1 }, 400, "role"],
  ["/slots/0?action=erase", {}, 501, "--slot-save-path"],
  ["/nope", {}, 404, ""],
  ["/completion", raw({ prompt: "the cat and the dog ".repeat(400) }), 400, "exceeds the available context size"],
  ["/v1/chat/completions", user("the cat and the dog ".repeat(400)), 400, "exceeds the available context size"],
];

const ALL = [
  ...BODIES,
  ...PROMPTS.flatMap(([body, ...expected]) => [
    ["/completion", body, ...expected],
    ["/v1/completions", body, ...expected],
  ]),
  ...FIELDS.map(([fields, ...expected]) => ["/completion", raw(fields), ...expected]),
  ...CHATS.map(([body, ...expected]) => ["/v1/chat/completions", body, ...expected]),
  ...OTHERS,
];

test("there are enough of them", () => assert.ok(ALL.length >= 100, `${ALL.length}`));

for (const [path, body, status, part] of ALL) {
  const text = Buffer.isBuffer(body) || typeof body === "string" ? body : JSON.stringify(body);
  test(`${path} ${String(text).slice(0, 90)}`, { skip }, async () => {
    const reply = await server.fetch(path, { method: "POST", body: text });
    const answer = await reply.text();
    assert.equal(reply.status, status, answer);
    const { error } = JSON.parse(answer);
    assert.ok(error.message.includes(part), `"${error.message}" does not name "${part}"`);
    if ("code" in error) assert.equal(error.code, status);
    assert.equal(typeof error.type, "string");
    assert.ok(!/\/(home|work|root|usr|tmp)\//.test(error.message), error.message);
  });
}

test("a wrong request that wants a stream gets an ordinary error", { skip }, async () => {
  const reply = await server.fetch("/completion", { body: raw({ stream: true, top_k: "x" }) });
  assert.equal(reply.status, 400);
  assert.match(reply.headers.get("content-type"), /application\/json/);
  await reply.text();
});

test("after all of them the server works and holds nothing", { skip }, async () => {
  const { status, body } = await server.json("/completion", raw({ temperature: 0 }));
  assert.equal(status, 200);
  assert.equal(body.tokens_predicted, 1);
  const metrics = await server.metrics();
  assert.equal(metrics.requests_processing, 0);
  assert.equal(metrics.kv_pages_used, 0);
});
