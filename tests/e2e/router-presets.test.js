// -hf of a repository that holds a preset of many models.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Hub } from "./lib/hub.js";
import { demoModel, needs } from "./lib/places.js";
import { childrenOf, folder } from "./lib/router.js";
import { Server } from "./lib/server.js";

const skip = needs(demoModel, "the demo model");
const model = demoModel ? readFileSync(demoModel) : Buffer.alloc(0);
const folders = [];
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

function place(hub, more = {}) {
  const cache = mkdtempSync(join(tmpdir(), "llama-presets-"));
  folders.push(cache);
  return { HF_ENDPOINT: hub.url, LLAMA_CACHE: cache, ...more };
}
const preset = (text, others = {}) =>
  Hub.start({ "preset.ini": Buffer.from(text), "README.md": Buffer.from("x") }, { others });
const lastLine = async (args, env) => {
  const server = new Server(args, env);
  const [code] = await server.exited;
  assert.equal(code, 1);
  return server.log.trim().split("\n").at(-1);
};

test("its models are served, each from its own repository", { skip }, async () => {
  const hub = await preset("[*]\nctx-size = 512\n[one]\nhf-repo = me/small\nalias = first\ntemp = 0\n[two]\nhf-repo = me/small\n",
    { "me/small": { "m-Q8_0.gguf": model } });
  const env = place(hub);
  const server = await Server.start(["-hf", "me/tiny", "-np", "1", "--no-warmup"], { env });
  try {
    const { body } = await server.json("/models");
    assert.deepEqual(body.data.map(({ id }) => id), ["one", "two"]);
    const { args } = body.data[0].status;
    assert.equal(args[args.indexOf("--hf-repo") + 1], "me/small");
    assert.ok(!args.includes("me/tiny"));
    const reply = await server.json("/completion", { model: "first", prompt: "Once", n_predict: 4 });
    assert.equal(reply.status, 200, JSON.stringify(reply.body));
    assert.equal(reply.body.model, "one");
    assert.equal(reply.body.generation_settings.temperature, 0);
    assert.deepEqual([...childrenOf(server.pid).keys()], ["one"]);
  } finally {
    await server.stop();
  }
  await hub.stop();
  const offline = await Server.start(["-hf", "me/tiny", "--offline"], { env });
  try {
    assert.equal((await offline.json("/props")).body.role, "router");
    const { status } = await offline.json("/completion", { model: "two", prompt: "Once", n_predict: 1 });
    assert.equal(status, 200);
  } finally {
    await offline.stop();
  }
});

test("the variable does the same, beside a directory of models", { skip }, async () => {
  const hub = await preset("[one]\nhf-repo = me/small\n", { "me/small": { "m-Q8_0.gguf": model } });
  const env = place(hub, { LLAMA_ARG_HF_REPO: "me/tiny" });
  folders.push(folder(["beside"], ""));
  const server = await Server.start(["--models-dir", folders.at(-1)], { env });
  const { body } = await server.json("/models");
  assert.deepEqual(body.data.map(({ id }) => id), ["beside", "one"]);
  assert.equal((await server.json("/completion", { model: "one", prompt: "Once", n_predict: 1 })).status, 200);
  assert.equal((await server.json("/completion", { model: "beside", prompt: "Once", n_predict: 1 })).status, 200);
  await server.stop();
  await hub.stop();
});

test("a repository with a model and a preset is a model", { skip }, async () => {
  const hub = await Hub.start({ "m-Q8_0.gguf": model, "preset.ini": Buffer.from("[x]\nhf-repo = me/small\n") });
  const server = await Server.start(["-hf", "me/tiny", "-c", "256"], { env: place(hub) });
  assert.equal((await server.json("/v1/models")).body.data[0].id, "me/tiny");
  assert.equal((await server.fetch("/models/sse")).status, 404);
  await server.stop();
  await hub.stop();
});

test("its preset reaches nothing of this machine", { skip }, async () => {
  const hub = await preset("[one]\nhf-repo = me/small\n; a file of the operator\nmodel = /etc/passwd\n");
  const env = place(hub);
  const line = await lastLine(["-hf", "me/tiny"], env);
  const [, path] = /: (\/\S+preset\.ini):4: 'model' is more than the preset of a repository may set; .*--models-preset/.exec(line);
  assert.match(readFileSync(path, "utf8"), /hf-repo = me\/small/);
  assert.match(await lastLine(["-hf", "me/tiny", "--models-preset", path], env), /there can be only one/);
  await hub.stop();
});

test("a model of a router cannot be such a repository", { skip }, async () => {
  const hub = await preset("[one]\nhf-repo = me/tiny\n");
  const server = await Server.start(["-hf", "me/tiny"], { env: place(hub) });
  const { status } = await server.json("/completion", { model: "one", prompt: "x" });
  assert.equal(status, 500);
  const { body } = await server.json("/models");
  assert.match(body.data[0].status.last_log.at(-1), /holds no model but a preset of many/);
  await server.stop();
  await hub.stop();
});
