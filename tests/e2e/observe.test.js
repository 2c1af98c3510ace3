// What an operator sees: metrics, request ids, logs, the log of requests and its replay, /props.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { hasModel, model, needs, program, source } from "./lib/places.js";
import { parseMetrics, valueOf } from "./lib/prometheus.js";
import { Server } from "./lib/server.js";

const skip = needs(hasModel, "models");
const place = mkdtempSync(join(tmpdir(), "llama-observe-"));
after(() => rmSync(place, { recursive: true }));

const ask = { prompt: "Once upon a time", n_predict: 8, temperature: 0 };
const linesOf = (path) => readFileSync(path, "utf8").trim().split("\n").map((line) => JSON.parse(line));

async function until(condition) {
  for (let i = 0; i < 200; ++i) {
    const found = await condition();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`never: ${condition}`);
}

describe("metrics", { skip }, () => {
  let server;
  before(async () => { server = await Server.start(["--metrics", "-np", "2", "-c", "1024"]); });
  after(() => server?.stop());
  const scrape = async () => {
    const reply = await server.fetch("/metrics");
    assert.equal(reply.headers.get("content-type"), "text/plain; version=0.0.4");
    return parseMetrics(await reply.text());
  };

  test("promtool finds no error", (t) => {
    const found = spawnSync("promtool", ["--version"]);
    if (found.error) return t.skip("promtool is not here");
    return server.fetch("/metrics").then((reply) => reply.text()).then((input) => {
      const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input, encoding: "utf8" });
      // Names of the reference that break its conventions: a colon, a counter without "_total".
      const complaints = (stdout + stderr).split("\n").filter((line) => line &&
        !/should not contain ':'/.test(line) && !/^llamacpp:n_tokens_max counter metrics should/.test(line));
      assert.deepEqual(complaints, []);
      assert.ok(status === 0 || status === 3, `exit code ${status}`);
    });
  });

  test("counters move by what a request did", async () => {
    const was = await scrape();
    const reply = await server.json("/completion", ask);
    const { tokens_predicted: predicted, timings } = reply.body;
    const now = await scrape();
    const moved = (name, labels) => valueOf(now, name, labels) - valueOf(was, name, labels);
    assert.equal(moved("llamacpp:tokens_predicted_total"), predicted);
    assert.equal(moved("llamacpp:prompt_tokens_total"), timings.prompt_n);
    assert.equal(moved("llamacpp:time_to_first_token_seconds_count"), 1);
    assert.equal(moved("llamacpp:time_per_output_token_seconds_count"), predicted - 1);
    assert.equal(moved("llamacpp:request_queue_seconds_count"), 1);
    assert.equal(moved("llamacpp:request_seconds_count"), 1);
    assert.equal(moved("llamacpp:request_prompt_tokens_sum"), reply.body.tokens_evaluated);
    assert.equal(moved("llamacpp:request_output_tokens_sum"), predicted);
    assert.equal(moved("llamacpp:batch_seconds_count"), moved("llamacpp:n_decode_total"));
    assert.equal(moved("llamacpp:batch_tokens_sum"), timings.prompt_n + predicted - 1);
    assert.equal(moved("llamacpp:batch_sequences_sum"), moved("llamacpp:n_decode_total"));
    const labels = { method: "POST", endpoint: "/completion", status: "200" };
    assert.equal(valueOf(now, "llamacpp:http_requests_total", labels), 1);
    assert.equal(valueOf(now, "llamacpp:http_request_duration_seconds_count", { endpoint: "/completion" }), 1);
  });

  test("counters never fall", async () => {
    const was = await scrape();
    await Promise.all([server.json("/completion", ask), server.fetch("/nowhere"), server.fetch("/health")]);
    const now = await scrape();
    for (const family of was.values()) {
      if (family.type === "gauge") continue;
      for (const { name, labels, value } of family.samples) {
        assert.ok(valueOf({ values: () => [now.get(family.name)] }, name, labels) >= value, name);
      }
    }
  });

  test("pages add up, and what ran is kept for prompts to come", async () => {
    await server.json("/completion", { ...ask, n_predict: 60, ignore_eos: true });
    await until(async () => valueOf(await scrape(), "llamacpp:kv_pages_used") === 0);
    const now = await scrape();
    const pages = (kind) => valueOf(now, `llamacpp:kv_pages${kind}`);
    assert.ok(pages("_cached") >= 1);
    assert.equal(pages("_used") + pages("_cached") + pages("_free"), pages(""));
  });

  test("errors are counted under the endpoint, unknown paths under one name", async () => {
    await server.json("/completion", { prompt: 5 });
    for (const path of ["/a", "/b", "/c?d=e"]) await server.fetch(path);
    const now = await scrape();
    assert.equal(valueOf(now, "llamacpp:http_requests_total", { endpoint: "/completion", status: "400" }), 1);
    assert.ok(valueOf(now, "llamacpp:http_requests_total", { endpoint: "other", status: "404" }) >= 3);
  });

  test("gateways find the names that they look for", async () => {
    let isOver = false;
    const load = (async () => {
      while (!isOver) await server.json("/completion", { ...ask, n_predict: 400, ignore_eos: true });
    })();
    const now = await until(async () => {
      const found = await scrape();
      return valueOf(found, "vllm:num_requests_running") === 1 && valueOf(found, "vllm:kv_cache_usage_perc") > 0 && found;
    });
    isOver = true;
    await load;
    const usage = valueOf(now, "vllm:kv_cache_usage_perc");
    assert.ok(usage > 0 && usage <= 1);
    assert.equal(valueOf(now, "vllm:num_requests_waiting"), 0);
    const [info] = now.get("vllm:cache_config_info").samples;
    assert.deepEqual(Object.keys(info.labels), ["block_size", "num_gpu_blocks"]);
    assert.equal(info.labels.block_size, "32");
    assert.equal(Number(info.labels.num_gpu_blocks), valueOf(now, "llamacpp:kv_pages"));
    await until(async () => valueOf(await scrape(), "vllm:num_requests_running") === 0);
  });

  test("the dashboard shows only metrics that exist", async () => {
    await server.json("/completion", ask);
    const names = new Set([...(await scrape()).values()].flatMap(({ name, samples }) => [name, ...samples.map((one) => one.name)]));
    const dashboard = JSON.parse(readFileSync(join(source, "deploy/grafana/llama-server.json"), "utf8"));
    const queries = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    const used = queries.flatMap((expr) => expr.match(/(?:llamacpp|vllm):\w+/g) ?? []);
    assert.ok(used.length >= queries.length && queries.length > 20);
    assert.deepEqual(used.filter((name) => !names.has(name)), []);
  });
});

describe("request ids and the log", { skip }, () => {
  const log = join(place, "server.log");
  const prompts = join(place, "prompts/of/today");
  let server;
  before(async () => {
    server = await Server.start(["--log-format", "json", "--log-file", log, "--perf", "--api-key", "secret-key",
      "--log-prompts-dir", prompts, "-np", "2", "-c", "1024"]);
  });
  after(() => server?.stop());
  const send = (path, body, id, more = {}) => server.fetch(path, {
    body, ...more, headers: { Authorization: "Bearer secret-key", ...(id && { "X-Request-Id": id }), ...more.headers } });
  const linesAbout = (id) => linesOf(log).filter((line) => line.request_id === id);

  test("a request keeps its id in the reply and in every line about it", async () => {
    const reply = await send("/completion", ask, "my-id-1");
    assert.equal(reply.headers.get("x-request-id"), "my-id-1");
    const body = await reply.json();
    const lines = await until(() => linesAbout("my-id-1").length >= 2 && linesAbout("my-id-1"));
    const access = lines.find(({ message }) => message === "request");
    assert.equal(access.level, "info");
    assert.match(access.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.equal(access.method, "POST");
    assert.equal(access.path, "/completion");
    assert.equal(access.status, 200);
    assert.ok(access.ms > 0);
    assert.equal(access.prompt_tokens, body.tokens_evaluated);
    assert.equal(access.predicted_tokens, body.tokens_predicted);
    const timings = lines.find(({ message }) => message === "timings");
    assert.equal(timings.predicted_tokens, body.tokens_predicted);
    assert.ok(timings.predicted_tokens_per_s > 0);
  });

  test("every reply has an id: streams, errors, refusals, unknown paths", async () => {
    const replies = [
      [await send("/v1/chat/completions", { messages: [{ role: "user", content: "Hi" }], max_tokens: 2, stream: true }, "id-stream"), 200],
      [await send("/completion", { prompt: 5 }, "id-400"), 400],
      [await send("/completion", "{", "id-json"), 400],
      [await send("/nowhere", undefined, "id-404"), 404],
      [await send("/completion", ask, "id-401", { headers: { Authorization: "Bearer wrong" } }), 401],
      [await send("/health", undefined, "id-health"), 200],
      [await send("/v1/messages", { messages: 1 }, "id-anthropic"), 400],
    ];
    for (const [reply, status] of replies) {
      const id = reply.headers.get("x-request-id");
      assert.equal(reply.status, status, id);
      const text = await reply.text();
      const [access] = await until(() => linesAbout(id).filter(({ message }) => message === "request").length && linesAbout(id).filter(({ message }) => message === "request"));
      assert.equal(access.status, status, id);
      if (id === "id-400" || id === "id-anthropic") assert.ok(access.error.length > 5);
      if (id === "id-anthropic") assert.equal(JSON.parse(text).request_id, id);
    }
  });

  test("an id that could do harm is replaced, a missing one is made", async () => {
    const made = new Set();
    for (const id of [undefined, "a b", "x".repeat(129), "q\"uote", "caf\xe9"]) {
      const reply = await send("/health", undefined, id);
      const given = reply.headers.get("x-request-id");
      assert.match(given, /^[0-9a-f]{16}$/, String(id));
      made.add(given);
    }
    assert.equal(made.size, 5);
    const longest = "x".repeat(128);
    assert.equal((await send("/health", undefined, longest)).headers.get("x-request-id"), longest);
  });

  test("every line is an object, keys are in none", () => {
    for (const line of linesOf(log)) {
      assert.ok(line.time && line.level && typeof line.message === "string");
    }
    assert.ok(!readFileSync(log, "utf8").includes("secret-key"));
  });

  test("a warning about a request has its id", async () => {
    await send("/completion", { ...ask, samplers: ["no_such_sampler"] }, "id-warning");
    const lines = await until(() => linesAbout("id-warning").length >= 2 && linesAbout("id-warning"));
    assert.ok(lines.some(({ level, message }) => level === "warning" && /no_such_sampler/.test(message)));
  });

  test("--perf tells how long the steps of loading took", () => {
    const [loading] = linesOf(log).filter(({ message }) => message === "timings of loading");
    assert.ok(loading.weights_ms > 0 && loading.tokenizer_ms > 0);
  });

  test("prompts become files as the model sees them", async () => {
    await send("/v1/chat/completions", { messages: [{ role: "user", content: "A very special prompt" }], max_tokens: 1 }, "../../escape");
    const [name] = readdirSync(prompts).filter((one) => one.includes("escape"));
    assert.match(readFileSync(join(prompts, name), "utf8"), /user[^]*A very special prompt/);
  });
});

describe("the log of requests", { skip }, () => {
  const log = join(place, "requests.jsonl");
  const options = ["-m", model, "-np", "2", "-c", "1024"];
  const replay = (file, ...more) => spawnSync(program, [...options, "--replay", file, ...more], { encoding: "utf8", timeout: 60_000 });

  before(async () => {
    const server = await Server.start([...options, "--request-log", log, "--api-key", "secret-key", "--metrics"]);
    const send = (path, body) => server.fetch(path, { body, headers: { Authorization: "Bearer secret-key", "X-Request-Id": `id${path}` } }).then((r) => r.text());
    await send("/completion", ask);
    await send("/v1/completions", { prompt: ["Once", "The"], max_tokens: 5, temperature: 0, api_key: "secret-key" });
    await send("/v1/chat/completions", { messages: [{ role: "user", content: "Hello" }], max_tokens: 5, seed: 3, stream: true });
    await send("/completion", { ...ask, temperature: 1 });
    await send("/tokenize", { content: "Hello" });
    await send("/completion", { prompt: 5 });
    await server.fetch("/health");
    await server.stop();
  });

  test("has one record per API request, and no key", () => {
    const records = linesOf(log);
    assert.deepEqual(records.map(({ path, status }) => `${path} ${status}`), ["/completion 200",
      "/v1/completions 200", "/v1/chat/completions 200", "/completion 200", "/tokenize 200", "/completion 400"]);
    const [first, second, third] = records;
    assert.equal(first.id, "id/completion");
    assert.deepEqual(first.body, ask);
    assert.equal(first.tokens.predicted, 8);
    assert.ok(first.timings.total_ms >= first.timings.predicted_ms);
    assert.equal(first.reply.length, 1);
    assert.ok(first.reply[0].length > 8);
    assert.equal(second.reply.length, 2);
    assert.equal(third.complete, true);
    assert.ok(records[5].error.length > 5);
    assert.ok(!readFileSync(log, "utf8").includes("secret-key"));
    assert.equal(statSync(log).mode & 0o777, 0o600);
  });

  test("run again it gives the same texts", () => {
    const { status, stdout, stderr } = replay(log);
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /replayed 6 of 6/);
    assert.match(stdout, /same: 5\ndifferent: 0\nnot compared, drawn at random: 1/);
    assert.match(stdout, /generated tokens\/s: [1-9][\d.]* then, [1-9][\d.]* now/);
  });

  test("a text that differs is shown, and the exit code says so", () => {
    const changed = join(place, "changed.jsonl");
    const [first] = linesOf(log);
    first.reply[0] = first.reply[0].slice(0, 6) + "#";
    writeFileSync(changed, `${JSON.stringify(first)}\n`);
    const { status, stdout } = replay(changed);
    assert.equal(status, 2);
    assert.match(stdout, /different: line 1, id id\/completion, \/completion: text 0: from byte 6 on it was "#"/);
    assert.match(stdout, /same: 0\ndifferent: 1/);
  });

  test("a file that is no log of requests is refused with its line", () => {
    const wrong = join(place, "wrong.jsonl");
    writeFileSync(wrong, "{}\n");
    for (const file of [wrong, join(place, "missing.jsonl")]) {
      const { status, stderr } = replay(file);
      assert.equal(status, 1);
      assert.match(stderr.trim().split("\n").at(-1), /--replay: /);
    }
  });

  test("redacted it holds lengths and hashes", async () => {
    const redacted = join(place, "redacted.jsonl");
    const server = await Server.start([...options, "--request-log", redacted, "--request-log-redact"]);
    const { body } = await server.json("/v1/chat/completions", { model: "m", messages: [{ role: "user", content: "A secret wish" }], max_tokens: 6, temperature: 0 });
    await server.stop();
    const [record] = linesOf(redacted);
    const text = readFileSync(redacted, "utf8");
    assert.ok(!text.includes("secret") && !text.includes(body.choices[0].message.content.trim()));
    assert.equal(record.body.messages[0].role, "user");
    assert.equal(record.body.messages[0].content.bytes, 13);
    assert.equal(record.body.max_tokens, 6);
    assert.match(record.reply[0].hash, /^[0-9a-f]{16}$/);
    const { status, stdout } = replay(redacted);
    assert.equal(status, 2);
    assert.match(stdout, /left out \(redacted[^)]*\): 1/);
  });

  test("a place where it cannot be is said at the start", () => {
    for (const flag of ["--request-log", "--log-prompts-dir"]) {
      const { status, stderr } = spawnSync(program, [...options, "--port", "0", flag, "/proc/no/such"], { encoding: "utf8" });
      assert.equal(status, 1);
      assert.match(stderr.trim().split("\n").at(-1), new RegExp(`${flag}: .*/proc/no/such`));
    }
  });
});

describe("POST /props", { skip }, () => {
  let server;
  before(async () => { server = await Server.start(["--props", "-np", "1", "-c", "1024"]); });
  after(() => server?.stop());
  const props = async () => (await server.json("/props")).body;

  test("changes the defaults of requests that follow", async () => {
    const { status, body } = await server.json("/props", {
      default_generation_settings: { params: { temperature: 0, n_predict: 3, seed: 5 } } });
    assert.equal(status, 200);
    assert.equal(body.success, true);
    assert.deepEqual(body.changed.temperature.to, 0);
    assert.deepEqual(body.changed.n_predict, { from: -1, to: 3 });
    const { params } = (await props()).default_generation_settings;
    assert.deepEqual([params.temperature, params.n_predict, params.seed], [0, 3, 5]);
    const reply = await server.json("/completion", { prompt: "Once" });
    assert.equal(reply.body.tokens_predicted, 3);
    assert.equal(reply.body.generation_settings.temperature, 0);
    const own = await server.json("/completion", { prompt: "Once", n_predict: 2 });
    assert.equal(own.body.tokens_predicted, 2);
  });

  test("what GET shows can be sent back and changes nothing", async () => {
    const shown = await props();
    const { body } = await server.json("/props", shown);
    assert.deepEqual(body, { success: true });
    assert.deepEqual((await props()).default_generation_settings, shown.default_generation_settings);
  });

  test("changes the chat template", async () => {
    const template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}";
    const { body } = await server.json("/props", { chat_template: template });
    assert.equal(body.changed.chat_template.to, template);
    assert.equal((await props()).chat_template, template);
    const rendered = await server.json("/apply-template", { messages: [{ role: "user", content: "Hi" }] });
    assert.equal(rendered.body.prompt, "<user>Hi");
  });

  test("refuses what is wrong as a whole", async () => {
    const before = await props();
    for (const [body, field] of [[{ temperature: 0.5, top_k: "many" }, "top_k"], [{ chat_template: "{% if %}" }, "chat_template"],
      [{ default_generation_settings: 5 }, "default_generation_settings"], [{ chat_template: "" }, "chat_template"]]) {
      const reply = await server.json("/props", body);
      assert.equal(reply.status, 400);
      assert.match(reply.body.error.message, new RegExp(field));
    }
    assert.deepEqual(await props(), before);
  });

  test("streams that run are not disturbed", async () => {
    const running = server.json("/completion", { prompt: "Once", n_predict: 300, temperature: 0, ignore_eos: true });
    for (let i = 0; i < 20; ++i) await server.json("/props", { temperature: i / 10 });
    assert.equal((await running).body.tokens_predicted, 300);
  });
});
