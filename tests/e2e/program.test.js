// The program itself: start-up, loading, signals, failures.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { demoModel, hasModel, needs, program } from "./lib/places.js";
import { Server } from "./lib/server.js";

const skip = needs(hasModel, "models");

function hasNodes() {
  return existsSync("/sys/devices/system/node/node1");
}

function run(...args) {
  return spawnSync(program, args, { encoding: "utf8", timeout: 30_000 });
}

test("a start that cannot succeed ends with one line and code 1", { skip }, async () => {
  const missing = run("-m", "/no/such/model.gguf", "--port", "0");
  assert.equal(missing.status, 1);
  assert.match(missing.stderr.trim().split("\n").at(-1), /^llama-server: .*\/no\/such\/model\.gguf/);
  const unknown = run("--no-such-flag");
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, /no-such-flag/);
  const server = await Server.start();
  const port = new URL(server.url).port;
  const taken = run("--port", port);
  assert.equal(taken.status, 1);
  assert.match(taken.stderr, new RegExp(port));
  await server.stop();
});

/** What /proc says about each thread that is placed or has another priority than the first one. */
function threadsOf(pid) {
  const field = (text, name) => new RegExp(`^${name}:\\s+(.*)$`, "m").exec(text)[1];
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const folder = `/proc/${pid}/task/${thread}`;
    const nice = Number(readFileSync(`${folder}/stat`, "utf8").split(") ").at(-1).split(" ")[16]);
    return { cpus: field(readFileSync(`${folder}/status`, "utf8"), "Cpus_allowed_list"), nice };
  });
}

test("threads run where and how they are told to", { skip }, async () => {
  const [own] = threadsOf("self");
  const first = Number(/\d+/.exec(own.cpus)[0]);
  const mask = (1n << BigInt(first)).toString(16);
  const cpus = `${first}`;
  // Two threads; a prompt of more than 32 tokens is read in another way than the rest.
  const server = await Server.start(["-c", "2048", "-t", "2", "-C", `0x${mask}`, "--cpu-strict", "1",
    "--prio", "-1", "--poll", "0"]);
  try {
    const body = { prompt: "word ".repeat(100), n_predict: 4, temperature: 0 };
    const { status, body: here } = await server.json("/completion", body);
    assert.equal(status, 200);
    const placed = threadsOf(server.pid).filter((thread) => thread.nice === own.nice + 5);
    assert.ok(placed.length >= 1, "the engine's thread, and maybe another");
    for (const thread of placed) assert.equal(thread.cpus, cpus);
    const others = threadsOf(server.pid).filter((thread) => thread.nice === own.nice);
    assert.ok(others.length >= 3, "those of HTTP");
    for (const thread of others) assert.equal(thread.cpus, own.cpus);
    const free = await Server.start(["-c", "2048", "-t", "2"]);
    const { body: there } = await free.json("/completion", body);
    assert.equal(here.content, there.content);
    await free.stop();
  } finally {
    await server.stop();
  }
});

test("CPUs that are not there end the start with one line", { skip }, () => {
  for (const flags of [["-C", "1" + "0".repeat(1000)], ["-Crb", "4000-4001"]]) {
    const { status, stderr } = run("--port", "0", ...flags);
    assert.equal(status, 1);
    const lines = stderr.trim().split("\n");
    assert.equal(lines.length, 1, stderr);
    assert.match(lines[0], /^llama-server: CPU mask and range for (generating|reading prompts): of the CPUs 400\d/);
  }
  for (const [flags, message] of [[["-C", "0"], /names no CPU/], [["-C", "xyz"], /hexadecimal/], [["-Cr", "7"], /range of CPUs/],
    [["--prio", "4"], /-1 to 3/], [["--numa", "all"], /distribute/]]) {
    const { status, stderr } = run("--port", "0", ...flags);
    assert.equal(status, 1);
    assert.match(stderr, message);
  }
});

test("a machine with one memory node says so", { skip: skip || (hasNodes() && "there are several") }, async () => {
  const server = await Server.start(["--numa", "isolate"]);
  assert.equal(server.log.match(/one memory node/g).length, 1, server.log);
  await server.stop();
});

test("help and version go to stdout", () => {
  for (const flag of ["--help", "--version"]) {
    const { status, stdout } = run(flag);
    assert.equal(status, 0);
    assert.ok(stdout.length > 10);
  }
});

test("without a model the demo model is served", { skip: skip || needs(demoModel, "the demo model") }, async () => {
  const server = await Server.start(["-m", demoModel]);
  const { body } = await server.json("/v1/models");
  assert.equal(body.data.length, 1);
  await server.stop();
});

test("SIGTERM lets running requests finish", { skip }, async () => {
  const server = await Server.start(["-c", "2048", "-np", "1"]);
  const reply = server.json("/completion", { prompt: "Once", n_predict: 1500, ignore_eos: true, temperature: 0 });
  await new Promise((resolve) => setTimeout(resolve, 100));
  const ended = server.stop("SIGTERM");
  const { status, body } = await reply;
  assert.equal(status, 200);
  assert.equal(body.tokens_predicted, 1500);
  assert.deepEqual(await ended, { code: 0, signal: null });
});

test("SIGINT ends an idle server quickly", { skip }, async () => {
  const server = await Server.start();
  const begin = Date.now();
  assert.deepEqual(await server.stop("SIGINT"), { code: 0, signal: null });
  assert.ok(Date.now() - begin < 3000);
});

test("a second signal ends it at once", { skip }, async () => {
  const server = await Server.start(["-c", "2048", "-np", "1"]);
  server.json("/completion", { prompt: "Once", n_predict: 2000, ignore_eos: true }).catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 50));
  server.child.kill("SIGTERM");
  const { code } = await server.stop("SIGTERM");
  assert.ok(code === 1 || code === 0);
});

test("while the model loads everything is 503, and the page is there", { skip }, async () => {
  // The socket listens before the model is read, so the first answers may come from either state.
  const server = await Server.start([], { untilReady: false });
  const [health, page] = await Promise.all([server.fetch("/health"), server.fetch("/")]);
  assert.equal(page.status, 200);
  if (health.status === 503) {
    assert.deepEqual((await health.json()).error, {
      message: "Loading model", type: "unavailable_error", code: 503,
    });
  } else {
    assert.equal(health.status, 200);
  }
  await server.waitFor(/ready:/);
  assert.equal((await server.fetch("/health")).status, 200);
  await server.stop();
});
