// Replays recorded traffic of the reference server and compares shapes, key order, types and values.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { compare } from "./lib/compare.js";
import { DEVIATIONS, SKIPPED } from "./lib/deviations.js";
import { needs, shared } from "./lib/places.js";
import { freePort, Server } from "./lib/server.js";

const GROUPS = ["base", "oai-completions", "oai-chat", "utf8", "context-shift", "no-context-shift",
  "unified-kv", "infill", "infill-spm", "disabled", "enabled", "no-jinja", "control", "auth", "api-prefix", "cors",
  "static-files", "ui", "embeddings", "embeddings-generative", "embeddings-pooling-none", "rerank",
  "oai-responses", "anthropic", "anthropic-tools", "tools-chat", "reasoning", "router", "sleeping",
  "lora", "gcp", "resumable"];
const folder = shared && join(shared, "captures");
const skip = needs(folder && existsSync(folder), "the recordings");

// Flags of features that are to come, with the number of their values: dropped from the launch.
const UNKNOWN_FLAGS = { "--no-jinja": 0 };

function knownArgs(args) {
  const kept = [];
  for (let i = 0; i < args.length; ++i) {
    if (args[i] in UNKNOWN_FLAGS) i += UNKNOWN_FLAGS[args[i]];
    else kept.push(args[i]);
  }
  return kept;
}

// What a router's replies show depends on the requests before: the order of the recording.
const ROUTER_ORDER = ["completion-autoload.", "completion-by-alias", "chat-stream", "props-of-model",
  "slots-of-model", "metrics-of-model", "models-one-loaded", "load.", "models-while-loading", "tokenize-routed",
  "load-already-running", "embeddings-evicts-lru", "models-after-eviction", "broken-model",
  "models-after-failure", "unload.", "unload-not-running", "models-after-unload", "models-reload", "download-"];
// What others set is shown behind them.
const LORA_ORDER = ["set.json", "list-after-set.json", "after-set.json", "set-empty.json", "list-after-empty.json",
  "set-unknown-id.json", "set-bad-entry.json"];
const STREAM_ORDER = ["post-stream.", "lookup.", "replay-", "post-stream-with-model-suffix", "lookup-matches-suffix",
  "lookup-prefix", "delete-no-id", "delete.", "lookup-after-delete", "failed-request", "lookup-after-failure",
  "non-stream-with-header", "lookup-non-stream", "lookup-bad-body"];
// Those about a fresh server go first; a model is awake, sleeps, is woken.
// A slot is read behind its being saved.
const FIRST = [/before-any|fresh|awake/, /asleep/, /wakes/, /^(?!.*restore)/, /./];

/** The recordings by launch, so that each server starts once. */
function launches() {
  const found = new Map();
  for (const group of skip ? [] : GROUPS) {
    const order = (name) => FIRST.findIndex((pattern) => pattern.test(name)) * 100
      + (group === "router" ? ROUTER_ORDER.findIndex((one) => name.startsWith(one)) : 0)
      + (group === "resumable" ? STREAM_ORDER.findIndex((one) => name.startsWith(one)) : 0)
      + (group === "lora" ? LORA_ORDER.indexOf(name) : 0);
    const files = readdirSync(join(folder, group)).sort((a, b) => order(a) - order(b) || (a < b ? -1 : 1));
    for (const file of files) {
      const capture = JSON.parse(readFileSync(join(folder, group, file), "utf8"));
      const key = `${group} ${JSON.stringify(capture.launch)}`;
      if (!found.has(key)) found.set(key, []);
      found.get(key).push(capture);
    }
  }
  return found;
}

/** Header values that are compared; of the others only the presence. */
const HEADERS_WITH_VALUE = ["Content-Type", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers",
  "Access-Control-Allow-Credentials", "X-Accel-Buffering"];
const HOP_BY_HOP = ["Keep-Alive", "Connection", "Transfer-Encoding", "Content-Length", "Server", "Accept-Ranges"];

function compareHeaders(expected, got) {
  return Object.entries(expected)
    .filter(([name]) => !HOP_BY_HOP.includes(name))
    .filter(([name, value]) => HEADERS_WITH_VALUE.includes(name) ? got.get(name) !== value : !got.has(name))
    .map(([name, value]) => ({
      path: `headers.${name}`, text: `header ${name}: expected ${value}, got ${got.get(name)}`,
    }));
}

/** Random texts need the reference's own random numbers. */
function isRandom(capture) {
  const { args } = capture.launch;
  const given = capture.request.body?.temperature;
  const temperature = given ?? (args.includes("--temp") ? Number(args[args.indexOf("--temp") + 1]) : 0.8);
  return temperature > 0 || capture.request.body?.mirostat > 0;
}

function rulesOf(capture) {
  const random = isRandom(capture);
  return {
    volatile: new Set(capture.volatile ?? []),
    approximate: new Set(capture.approximate ?? []),
    redacted: new Set(capture.redacted ?? []),
    // Slots show what ran before, and which one is chosen depends on that, too.
    isText: (path) => capture.request.path.startsWith("/slots") || path.endsWith(".id_slot") || random && /\.(content|text|token|id|tokens|bytes|prob|logprob|has_new_line|stop_type|top_probs|top_logprobs)(\[\*\])?$/.test(path),
  };
}

// Events that the recorded server leaves out although the API has them (reference/http-api.md, 20.16).
const ONLY_OURS = [
  (event) => event?.type === "ping",
  (event) => event?.type === "response.function_call_arguments.done",
  (event) => event?.type === "response.reasoning_text.done",
  (event) => /^response\.content_part/.test(event?.type) && event.part.type === "reasoning_text",
];

/** Events of several sequences may come in any mixture: compared sequence by sequence. */
function orderedEvents(lines) {
  const parsed = lines.filter((line) => line.startsWith("data: ")).map((line) => {
    const text = line.slice(6);
    return text === "[DONE]" ? text : JSON.parse(text);
  });
  const index = (event) => event?.choices?.[0]?.index ?? event?.index ?? (event === "[DONE]" ? 1e9 : 0);
  return parsed.filter((event) => !ONLY_OURS.some((is) => is(event))).map((event, i) => [event, i]).sort(([a, i], [b, j]) => index(a) - index(b) || i - j)
    .map(([data]) => ({ data }));
}

/** Names and types of metrics: values and help texts are not compared. */
function metricLines(text) {
  return text.split("\n").filter((line) => line.startsWith("# TYPE")).sort();
}

/** A router's children listen on unix sockets, the recorded ones on ports. */
function withPorts(body) {
  for (const { status } of Array.isArray(body?.data) ? body.data : []) {
    const host = status?.args?.findIndex((argument) => argument.endsWith(".sock")) ?? -1;
    if (host >= 0) status.args.splice(host, 1, "127.0.0.1", "--port", "CHILD_PORT");
  }
  return body;
}

async function replay(server, capture) {
  const { request, response } = capture;
  const reply = await server.fetch(request.path, {
    method: request.method,
    headers: request.headers ?? {},
    body: request.method === "GET" || request.method === "HEAD" ? undefined : request.body_text ?? request.body,
  });
  const text = await reply.text();
  const rules = rulesOf(capture);
  const list = compareHeaders(response.headers, reply.headers);
  if (reply.status !== response.status) {
    list.push({ path: "status", text: `status: expected ${response.status}, got ${reply.status}: ${text.slice(0, 200)}` });
  }
  if (response.sse) {
    list.push(...compare(orderedEvents(response.sse), orderedEvents(text.split("\n")), "sse", rules));
  } else if (request.path === "/metrics" && response.status === 200) {
    const got = metricLines(text);
    for (const line of metricLines(response.body_text)) {
      if (!got.includes(line)) list.push({ path: "body_text", text: `missing: ${line}` });
    }
  } else if ("body" in response) {
    let body;
    try {
      body = JSON.parse(text);
    } catch {
      return [...list, { path: "body", text: `not JSON: ${text.slice(0, 200)}` }];
    }
    list.push(...compare(response.body, withPorts(body), "body", rules));
  } else if (response.body_text !== text) {
    list.push({ path: "body_text", text: `expected ${response.body_text}, got ${text}` });
  }
  return list;
}

const used = new Set();
function unexplained(capture, differences) {
  return differences.filter(({ path }) => {
    const rows = DEVIATIONS.filter(([name, where]) => name.test(capture.name) && where.test(path));
    rows.forEach((row) => used.add(row));
    return rows.length === 0;
  });
}

function reasonToSkip(capture) {
  return SKIPPED.find(([pattern]) => pattern.test(capture.name))?.[1];
}

/** The folder in which the recorded servers ran. */
function workingFolder() {
  const place = mkdtempSync(join(tmpdir(), "llama-captures-"));
  symlinkSync(join(shared, "models"), join(place, "models"));
  for (const name of readdirSync(join(folder, "fixtures"))) {
    symlinkSync(join(folder, "fixtures", name), join(place, name));
  }
  mkdirSync(join(place, "router-models", "story-dir"), { recursive: true });
  for (const name of ["story-one.gguf", "story-dir/model.gguf"]) {
    symlinkSync(join(shared, "models/stories260K.gguf"), join(place, "router-models", name));
  }
  mkdirSync(join(place, "slots"), { recursive: true });
  return place;
}

for (const [key, captures] of launches()) {
  describe(key, () => {
    let server, place;
    const toRun = captures.filter((capture) => !reasonToSkip(capture));
    before(async () => {
      if (toRun.length === 0) return;
      place = workingFolder();
      const { args, env: recorded } = captures[0].launch;
      const env = recorded && { ...recorded };
      if (env?.AIP_HTTP_PORT) env.AIP_HTTP_PORT = String(await freePort());
      // The recorder added it, and a router's list shows it.
      const threads = args.includes("--models-dir") ? ["-t", "1"] : [];
      server = await Server.start([...knownArgs(args), ...threads], { cwd: place, env });
    });
    after(async () => {
      await server?.stop();
      if (place) rmSync(place, { recursive: true });
    });
    for (const capture of captures) {
      test(capture.name, { skip: reasonToSkip(capture) ?? false }, async () => {
        if (/asleep$/.test(capture.name)) await server.waitFor(/model leaves memory/);
        const differences = unexplained(capture, await replay(server, capture));
        assert.deepEqual(differences.map(({ text }) => text), []);
      });
    }
  });
}

test("every deviation in the table is still needed", { skip }, () => {
  const stale = DEVIATIONS.filter((row) => !used.has(row) && !row[3]).map((row) => row.join(" "));
  assert.deepEqual(stale, []);
});
