// LoRA adapters: at start, through /lora-adapters, per request, and while requests run.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { needs, program, smallModel } from "./lib/places.js";
import { Server } from "./lib/server.js";

const model = smallModel();
const skip = needs(model, "llama-random-model");

/** An adapter for the small model; `more` as for llama-random-model. */
function makeAdapter(path, seed, ...more) {
  execFileSync(join(dirname(program), "llama-random-model"),
    ["--lora", "4", "--seed", String(seed), "--quiet", ...more, "-o", path]);
}

let place, server;
before(async () => {
  if (skip) return;
  place = mkdtempSync(join(tmpdir(), "llama-lora-"));
  mkdirSync(join(place, "adapters"));
  makeAdapter(join(place, "red.gguf"), 21);
  makeAdapter(join(place, "blue.gguf"), 22);
  makeAdapter(join(place, "adapters/green.gguf"), 23);
  server = await Server.start(["-m", model, "-c", "2048", "-np", "4", "--temp", "0", "-n", "24",
    "--lora", "red.gguf", "--lora-scaled", "blue.gguf:0.5", "--lora-dir", "adapters"], { cwd: place });
});
after(async () => {
  await server?.stop();
  if (place) rmSync(place, { recursive: true });
});

const prompt = "The quick brown fox jumps over the lazy dog and runs away from it as fast as it can";

async function completion(lora, more = {}) {
  const reply = await server.json("/completion", { prompt, ignore_eos: true, ...(lora && { lora }), ...more });
  assert.equal(reply.status, 200, JSON.stringify(reply.body));
  return reply.body;
}
const textWith = async (lora, more) => (await completion(lora, more)).content;
const off = [{ id: 0, scale: 0 }];
const list = async () => (await server.json("/lora-adapters")).body;

test("adapters of the command line are listed in its order", { skip }, async () => {
  assert.deepEqual(await list(), [
    { id: 0, path: "red.gguf", scale: 1, task_name: "", prompt_prefix: "" },
    { id: 1, path: "blue.gguf", scale: 0.5, task_name: "", prompt_prefix: "" },
  ]);
});

test("a request's own scales replace the server's", { skip }, async () => {
  const both = await textWith();
  const none = await textWith(off);
  const red = await textWith([{ id: 0, scale: 1 }]);
  const weak = await textWith([{ id: 0, scale: 0.25 }]);
  const blue = await textWith([{ id: 1, scale: 0.5 }]);
  assert.equal(new Set([both, none, red, weak, blue]).size, 5);
  assert.equal(await textWith([{ id: 0, scale: 1 }, { id: 1, scale: 0.5 }]), both);
  assert.equal(await textWith([{ id: 99, scale: 1 }]), none, "unknown ids have no effect");
  assert.equal(await textWith([]), both, "an empty list says nothing");
  const { generation_settings: settings } = await completion([{ id: 1, scale: 0.5 }]);
  assert.deepEqual(settings.lora, [{ id: 1, scale: 0.5 }]);

  const chat = { messages: [{ role: "user", content: prompt }], max_tokens: 16, ignore_eos: true };
  const says = async (lora) => (await server.json("/v1/chat/completions", { ...chat, lora })).body.choices[0].message.content;
  assert.notEqual(await says(off), await says([{ id: 0, scale: 1 }]));
});

test("requests with different adapters run together and say what they say alone", { skip }, async () => {
  const sets = [off, [{ id: 0, scale: 1 }], [{ id: 1, scale: 0.5 }], [{ id: 0, scale: 1 }, { id: 1, scale: -0.5 }]];
  const more = { n_predict: 48, cache_prompt: false };
  const alone = [];
  for (const set of sets) alone.push(await textWith(set, more));
  const together = await Promise.all([...sets, ...sets].map((set) => textWith(set, more)));
  assert.deepEqual(together, [...alone, ...alone]);
});

test("a cached beginning is not taken from other adapters", { skip }, async () => {
  const fresh = { prompt: `${prompt} ${prompt} and so it is told` };
  const first = await completion(off, fresh);
  const other = await completion([{ id: 0, scale: 0.75 }], fresh);
  assert.equal(other.timings.cache_n, 0);
  const again = await completion([{ id: 0, scale: 0.75 }], fresh);
  assert.ok(again.timings.cache_n > 20);
  assert.equal(again.content, other.content);
  assert.equal((await completion([{ id: 0, scale: 0.75 }], { ...fresh, cache_prompt: false })).content, other.content);
  assert.notEqual(first.content, other.content);
});

test("POST sets all scales", { skip }, async () => {
  const blue = await textWith([{ id: 1, scale: 2 }]);
  assert.deepEqual((await server.json("/lora-adapters", [{ id: 1, scale: 2 }, { id: 7, scale: 1 }])).body, { success: true });
  assert.deepEqual((await list()).map(({ scale }) => scale), [0, 2]);
  assert.equal(await textWith(), blue);
  for (const [body, param] of [[{}, "array"], [[1], "lora"], [[{ id: "x" }], "lora.id"], [[{ id: 0, scale: "1" }], "lora.scale"], [[{ id: 0, scale: 1e300 }], "lora.scale"]]) {
    const { status, body: reply } = await server.json("/lora-adapters", body);
    assert.equal(status, 400);
    assert.match(reply.error.message, new RegExp(param));
  }
  assert.deepEqual((await list()).map(({ scale }) => scale), [0, 2], "a wrong list changes nothing");
  await server.json("/lora-adapters", [{ id: 0, scale: 1 }, { id: 1, scale: 0.5 }]);
});

test("adapters come and go while requests run", { skip }, async () => {
  const load = (body) => server.json("/lora-adapters/load", body);
  const loaded = (await load({ path: "green.gguf", scale: 0.5, name: "green" })).body;
  assert.deepEqual(loaded, { id: 2, path: "adapters/green.gguf", scale: 0.5, name: "green", task_name: "", prompt_prefix: "" });
  assert.equal((await list()).length, 3);
  assert.equal((await load({ path: "green.gguf", name: "green" })).status, 400, "names are unique");
  const more = { cache_prompt: false };
  const green = await textWith([{ id: 2, scale: 1 }], more);
  assert.equal(await textWith([{ name: "green", scale: 1 }], more), green);
  assert.notEqual(green, await textWith(off, more));

  // One that runs while its adapter goes ends as if nothing had happened.
  const long = { ...more, n_predict: 400 };
  const whole = await textWith([{ id: 2, scale: 1 }], long);
  const running = textWith([{ id: 2, scale: 1 }], long);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual((await server.json("/lora-adapters/2", undefined, { method: "DELETE" })).body, { success: true });
  assert.equal(await running, whole);
  assert.equal(await textWith([{ id: 2, scale: 1 }], more), await textWith(off, more), "its id is unknown now");
  assert.equal((await server.json("/lora-adapters/2", undefined, { method: "DELETE" })).status, 404);

  // Another file under the same name of file is another adapter: nothing cached is taken for its own.
  makeAdapter(join(place, "adapters/green.gguf"), 24);
  const again = (await load({ path: "green.gguf" })).body;
  assert.equal(again.id, 3, "ids are not used twice");
  const first = await completion([{ id: 3, scale: 1 }]);
  assert.equal(first.timings.cache_n, 0);
  assert.equal(first.content, await textWith([{ id: 3, scale: 1 }], more));
  assert.notEqual(first.content, green);
  assert.equal((await server.json("/lora-adapters/3", undefined, { method: "DELETE" })).status, 200);
  assert.equal((await list()).length, 2);
});

test("only files of the directory may be loaded", { skip }, async () => {
  const status = async (body) => (await server.json("/lora-adapters/load", body)).status;
  symlinkSync(join(place, "red.gguf"), join(place, "adapters/link.gguf"));
  writeFileSync(join(place, "adapters/text.gguf"), "no model at all");
  for (const path of ["../red.gguf", join(place, "red.gguf"), "link.gguf", "/etc/passwd", ".", "..", "a/../../red.gguf", "/no/such/file"]) {
    assert.equal(await status({ path }), 403, path);
  }
  for (const body of [{}, { path: 7 }, { path: "" }, { path: "gone.gguf" }, { path: "text.gguf" }, { path: "green.gguf\0" },
    { path: "green.gguf", scale: "1" }, { path: "green.gguf", name: 1 }, { path: "green.gguf", name: "n".repeat(1000) }]) {
    assert.equal(await status(body), 400, JSON.stringify(body).slice(0, 80));
  }
  assert.equal((await server.json("/lora-adapters/x", undefined, { method: "DELETE" })).status, 400);
  // One of another model: the message names the tensor.
  makeAdapter(join(place, "adapters/wide.gguf"), 5, "--width", "320");
  const { status: refused, body } = await server.json("/lora-adapters/load", { path: "wide.gguf" });
  assert.equal(refused, 400);
  assert.match(body.error.message, /wide\.gguf.*blk\.0\.\w+\.weight\.lora_a/);
  assert.equal((await list()).length, 2);
});

test("adapters that were loaded at run time are there again after a sleep", { skip }, async () => {
  const other = await Server.start(["-m", model, "-c", "512", "--temp", "0", "-n", "8", "--sleep-idle-seconds", "1",
    "--lora", "red.gguf", "--lora-dir", "adapters"], { cwd: place });
  try {
    await other.json("/lora-adapters/load", { path: "green.gguf", scale: 0.5, name: "grass" });
    assert.equal((await other.json("/lora-adapters/0", undefined, { method: "DELETE" })).status, 200);
    const text = async () => (await other.json("/completion", { prompt, ignore_eos: true })).body.content;
    const before = [(await other.json("/lora-adapters")).body, await text()];
    await other.waitFor(/model leaves memory/);
    assert.deepEqual([(await other.json("/lora-adapters")).body, await text()], before);
    assert.match(other.log, /waking up/);
  } finally {
    await other.stop();
  }
});

test("loading is off without --lora-dir, adapters may start without effect", { skip }, async () => {
  const other = await Server.start(["-m", model, "-c", "512", "--temp", "0", "-n", "8",
    "--lora-scaled", `${join(place, "red.gguf")}:0.5`, "--lora-init-without-apply"]);
  try {
    const { status, body } = await other.json("/lora-adapters/load", { path: "green.gguf" });
    assert.equal(status, 403);
    assert.match(body.error.message, /--lora-dir/);
    assert.equal((await other.json("/lora-adapters")).body[0].scale, 0.5);
    const text = async (lora) => (await other.json("/completion", { prompt, lora, ignore_eos: true })).body.content;
    const plain = await text();
    assert.equal(plain, await text(off));
    await other.json("/lora-adapters", [{ id: 0, scale: 0.5 }]);
    assert.notEqual(await text(), plain);
  } finally {
    await other.stop();
  }
});

test("a wrong adapter or control vector ends the start with one line", { skip }, async () => {
  makeAdapter(join(place, "qwen.gguf"), 5, "--arch", "qwen2");
  copyFileSync(join(place, "red.gguf"), join(place, "no-control.gguf"));
  for (const [args, pattern] of [
    [["--lora", "qwen.gguf"], /qwen\.gguf: key 'general\.architecture' is 'qwen2'.*'llama'/],
    [["--lora", "gone.gguf"], /gone\.gguf/],
    [["--lora-scaled", "red.gguf"], /--lora-scaled: expected PATH:SCALE/],
    [["--control-vector", "no-control.gguf"], /no-control\.gguf: tensor 'blk\./],
    [["--control-vector-layer-range", "3", "1"], /--control-vector-layer-range/],
  ]) {
    const started = new Server(["-m", model, ...args], {}, place);
    await assert.rejects(started.waitFor(/ready/));
    const { code } = await started.stop();
    assert.equal(code, 1);
    assert.match(started.log.trim().split("\n").at(-1), pattern);
  }
});
