// Many models behind one port: each in a process of its own, loaded when it is asked for.
import assert from "node:assert/strict";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { demoModel, needs } from "./lib/places.js";
import { childrenOf, folder, isAlive, Router, sleep, until } from "./lib/router.js";
import { Server } from "./lib/server.js";
import { events } from "./lib/sse.js";

const skip = needs(demoModel, "the demo model");

describe("a router of three models and two places", { skip }, () => {
  let router;
  before(async () => {
    const place = folder(["a", "b", "c"], "[a]\nalias = first, uno\ntags = demo\n[b]\nstop-timeout = 2\n");
    router = await Router.of(place, ["--models-preset", join(place, "presets.ini"), "--models-max", "2",
      "--metrics"], { LLAMA_ARG_THREADS_HTTP: "2" });
  });
  after(async () => assert.deepEqual(await router.end(), { code: 0, signal: null }));

  test("no model is loaded at first, and /props is the router's", async () => {
    assert.deepEqual(await router.states(), { a: "unloaded", b: "unloaded", c: "unloaded" });
    const { body } = await router.json("/props");
    assert.equal(body.role, "router");
    assert.equal(body.max_instances, 2);
  });

  test("a request loads the model that it names, by alias as well", async () => {
    const { status, body } = await router.complete("uno");
    assert.equal(status, 200);
    assert.equal(body.tokens_predicted, 4);
    assert.equal(body.model, "a");
    assert.equal((await router.states()).a, "loaded");
  });

  test("GET routes by the query", async () => {
    const slots = await router.json("/slots?model=a");
    assert.equal(slots.body.length, 2);
    const props = await router.json("/props?model=first");
    assert.equal(props.body.total_slots, 2);
    const metrics = await (await router.fetch("/metrics?model=a")).text();
    assert.match(metrics, /llamacpp:tokens_predicted_total/);
    assert.equal((await router.json("/slots")).body.error.message, "model name is missing from the request");
    assert.equal((await router.json("/slots?model=x")).body.error.message, "model 'x' not found");
  });

  test("a stream comes event by event, while it is made", async () => {
    const stream = await router.longStream("a");
    let seen = 0;
    for await (const event of stream) if (++seen === 5) { assert.equal(event.stop, false); break; }
    assert.equal(seen, 5);
  });

  test("a client that leaves ends the work at the child", async () => {
    const controller = new AbortController();
    await router.longStream("a", { signal: controller.signal });
    controller.abort();
    await until(async () => {
      const text = await (await router.fetch("/metrics?model=a")).text();
      return /llamacpp:requests_processing 0\n/.test(text);
    }, "the request ends at the child");
  });

  test("the model used least recently makes room", async () => {
    assert.equal((await router.complete("b")).status, 200);
    assert.equal((await router.complete("a")).status, 200);
    assert.equal((await router.complete("c")).status, 200);
    assert.deepEqual(await router.states(), { a: "loaded", b: "unloaded", c: "loaded" });
  });

  test("a model that answers is not unloaded for another: that one waits", async () => {
    const first = await router.longStream("a");
    const second = await router.longStream("c");
    let isDone = false;
    const waiting = router.complete("b").then((reply) => { isDone = true; return reply; });
    await sleep(300);
    assert.equal(isDone, false);
    assert.deepEqual(await router.states(), { a: "loaded", b: "loading", c: "loaded" });
    await second.return();
    assert.equal((await waiting).status, 200);
    assert.equal((await first.next()).done, false);
    await first.return();
    assert.deepEqual(await router.states(), { a: "loaded", b: "loaded", c: "unloaded" });
  });

  test("who waits leaves the queue when the client goes", async () => {
    const first = await router.longStream("a");
    const second = await router.longStream("b");
    const controller = new AbortController();
    const waiting = router.fetch("/completion", { body: { model: "c", prompt: "x" }, signal: controller.signal });
    await until(async () => (await router.states()).c === "loading", "c is waiting");
    controller.abort();
    await assert.rejects(waiting);
    await until(async () => (await router.states()).c === "unloaded", "c is not wanted any more");
    await first.return();
    await second.return();
  });

  test("64 requests to three models are all answered", async () => {
    const names = ["a", "b", "c"];
    const replies = await Promise.all(Array.from({ length: 64 }, async (_, i) => {
      const model = names[i % 3];
      if (i % 2) return router.complete(model);
      const { status, events: list } = await router.stream("/completion",
        { model, prompt: `Story ${i}`, n_predict: 4, stream: true });
      return { status, body: JSON.parse(list.at(-1)) };
    }));
    replies.forEach(({ status, body }, i) => {
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal(body.model, names[i % 3]);
    });
    assert.ok(Object.values(await router.states()).filter((state) => state === "loaded").length <= 2);
  });

  test("a process that is killed ends its own streams with an error, and nothing else", async () => {
    await router.complete("a");
    await router.complete("b");
    const other = await router.longStream("b");
    const victim = await router.longStream("a");
    process.kill(childrenOf(router.pid).get("a").pid, "SIGKILL");
    let last;
    for await (const event of victim) last = event;
    assert.equal(last.error.code, 502);
    assert.match(last.error.message, /model 'a' broke off .* signal 9/);
    assert.equal((await other.next()).done, false);
    const status = await until(async () => {
      const now = await router.status("a");
      return now.failed && now;
    }, "a is marked as failed");
    assert.equal(status.value, "unloaded");
    assert.equal(status.exit_code, 137);
    assert.ok(status.last_log.length > 0);
    assert.equal((await other.next()).done, false);
    await other.return();
    assert.equal((await router.complete("a")).status, 200, "it is started again by the next request");
    assert.equal((await router.status("a")).failed, undefined);
  });

  test("what broke off before it answered is a 502", async () => {
    const pending = router.json("/completion",
      { model: "a", prompt: "Once", n_predict: 2000, ignore_eos: true });
    await until(async () => (await router.json("/slots?model=a")).body.some((slot) => slot.is_processing), "it runs");
    process.kill(childrenOf(router.pid).get("a").pid, "SIGKILL");
    const { status, body } = await pending;
    assert.equal(status, 502);
    assert.equal(body.error.type, "server_error");
  });

  test("unloading lets answers end, within the model's time", async () => {
    await router.complete("b");
    const { pid } = childrenOf(router.pid).get("b");
    const short = router.complete("b", { n_predict: 40 });
    await until(async () => (await router.json("/slots?model=b")).body.some((slot) => slot.is_processing)
      || (await Promise.race([short.then(() => true), sleep(0)])), "it runs");
    const unloaded = await router.json("/models/unload", { model: "b" });
    assert.deepEqual(unloaded.body, { success: true });
    assert.equal((await short).status, 200);
    await until(() => !isAlive(pid), "the process ends");
    await until(async () => (await router.states()).b === "unloaded", "its end is known");

    const endless = await router.longStream("b", { n_predict: -1 });
    const begun = Date.now();
    await router.json("/models/unload", { model: "b" });
    let last;
    for await (const event of endless) last = event;
    assert.ok(Date.now() - begun < 6000);
    if (last.error) assert.match(last.error.message, /unloaded/);
    await until(async () => (await router.states()).b === "unloaded", "b is unloaded");
    assert.equal((await router.status("b")).failed, undefined);
  });

  test("mistakes are named", async () => {
    const errorOf = async (path, body, more) => {
      const reply = await router.json(path, body, more);
      return `${reply.status} ${reply.body.error.message}`;
    };
    assert.equal(await errorOf("/completion", { prompt: "x" }), "400 model name is missing from the request");
    assert.equal(await errorOf("/completion", { model: "x" }), "400 model 'x' not found");
    assert.equal(await errorOf("/completion", { model: 5 }), "400 model must be a string");
    assert.match(await errorOf("/completion", "{"), /^400 .*parse error/);
    assert.match(await errorOf("/completion?autoload=maybe", { model: "a" }), /^400 autoload: expected/);
    assert.equal(await errorOf("/models/unload", { model: "b" }), "400 model is not running");
    assert.equal(await errorOf("/models/unload", { model: "x" }), "400 model is not found");
    assert.equal(await errorOf("/models/load", { model: "x" }), "404 File Not Found");
    assert.equal(await errorOf("/nowhere", { model: "a" }), "404 File Not Found");
    assert.equal((await router.fetch("/completion", { method: "GET" })).status, 405);
  });

  test("events tell of every change", async () => {
    await router.json("/models/unload", { model: "c" }).catch(() => {});
    await until(async () => (await router.states()).c === "unloaded", "c is unloaded");
    const controller = new AbortController();
    const reply = await router.fetch("/models/sse", { signal: controller.signal });
    assert.equal(reply.headers.get("content-type"), "text/event-stream");
    const stream = events(reply);
    await router.complete("c");
    await router.json("/models/unload", { model: "c" });
    const seen = [];
    for await (const event of stream) {
      if (event.model !== "c") continue;
      seen.push(`${event.event} ${event.data.status}`);
      if (event.data.status === "loaded") assert.equal(event.data.info.id, "c");
      if (event.data.status === "unloaded") break;
    }
    assert.equal(seen[0], "model_status loading");
    assert.equal(seen.at(-1), "status_change unloaded");
    assert.ok(seen.includes("status_change loaded"));
    controller.abort();
  });

  test("stored responses are found where they are", async () => {
    const made = await router.json("/v1/responses", { model: "a", input: "Hi", max_output_tokens: 4 });
    const read = await router.json(`/v1/responses/${made.body.id}`);
    assert.equal(read.status, 200);
    assert.equal(read.body.id, made.body.id);
    assert.equal((await router.json("/v1/responses/resp_none")).status, 404);
  });

  test("children listen where nobody else gets, with a key of their own", async () => {
    await router.complete("a");
    const { args } = childrenOf(router.pid).get("a");
    const socket = args[args.indexOf("--host") + 1];
    assert.match(socket, /\.sock$/);
    assert.ok(!args.some((argument) => /key/.test(argument)));
  });
});

describe("a router with keys, a prefix and pins", { skip }, () => {
  let router;
  before(async () => {
    const place = folder(["a", "b"], "[a]\nload-on-startup = true\npinned = true\n");
    router = await Router.of(place, ["--models-preset", join(place, "presets.ini"), "--models-max", "1",
      "--api-key", "secret", "--api-prefix", "/llm", "--no-models-autoload"]);
    router.url += "/llm";
  });
  after(() => router.end());
  const key = { headers: { Authorization: "Bearer secret" } };

  test("what is to be there from the start is loaded, and stays", async () => {
    await until(async () => (await router.states()).a === "loaded", "a is loaded");
    const refused = await router.json("/models/load", { model: "b" }, key);
    assert.equal(refused.status, 503);
    assert.equal(refused.body.error.message, "model limit reached, try again later");
    assert.deepEqual(await router.states(), { a: "loaded", b: "unloaded" });
  });

  test("the key is asked for at the door and not passed on", async () => {
    assert.equal((await router.json("/completion", { model: "a", prompt: "x" })).status, 401);
    assert.equal((await router.json("/models/load", { model: "a" })).status, 401);
    const { status } = await router.json("/completion", { model: "a", prompt: "x", n_predict: 1 }, key);
    assert.equal(status, 200);
  });

  test("nothing is loaded without being told to", async () => {
    const { status, body } = await router.json("/completion", { model: "b", prompt: "x" }, key);
    assert.equal(status, 400);
    assert.equal(body.error.message, "model is not loaded");
  });
});

describe("a router with little memory", { skip }, () => {
  let router;
  before(async () => {
    const place = folder(["a"], "");
    mkdirSync(join(place, "later"));
    router = await Router.of(place, ["--models-memory", "1"]);
  });
  after(() => router.end());

  test("a model that does not fit is refused with both numbers", async () => {
    for (const { status, body } of [await router.json("/models/load", { model: "a" }), await router.complete("a")]) {
      assert.equal(status, 503);
      assert.match(body.error.message, /needs about [\d.]+ MiB, but --models-memory leaves 1\.0 MiB/);
    }
  });

  test("reload=1 finds new models and forgets those that are gone", async () => {
    symlinkSync(demoModel, join(router.place, "later", "model.gguf"));
    let { body } = await router.json("/models?reload=1");
    assert.ok(body.data.some((model) => model.id === "later" && model.source === "models_dir"));
    rmSync(join(router.place, "later"), { recursive: true });
    await sleep(1100); // it looks once a second
    ({ body } = await router.json("/models?reload=1"));
    assert.ok(!body.data.some((model) => model.id === "later"));
  });
});

test("a busy model does not keep others out for ever", { skip }, async () => {
  const router = await Router.of(folder(["a", "b"]), ["--models-max", "1"]);
  try {
    let goesOn = true;
    const users = Array.from({ length: 3 }, async () => {
      while (goesOn) assert.equal((await router.complete("a", { n_predict: 50, ignore_eos: true })).status, 200);
    });
    await until(async () => (await router.states()).a === "loaded", "a is loaded");
    assert.equal((await router.complete("b")).status, 200);
    goesOn = false;
    await Promise.all(users);
  } finally {
    await router.end();
  }
});

test("a model that sleeps says so and wakes up for a request", { skip }, async () => {
  const router = await Router.of(folder(["a"]), ["--sleep-idle-seconds", "1"]);
  try {
    assert.equal((await router.complete("a")).status, 200);
    await until(async () => (await router.states()).a === "sleeping", "a falls asleep", 10_000);
    assert.equal((await router.complete("a")).status, 200);
    await until(async () => (await router.states()).a === "loaded", "a is awake", 10_000);
  } finally {
    await router.end();
  }
});

test("a model that cannot be loaded is a 500, and its log is kept", { skip }, async () => {
  const place = folder(["a"], "[broken]\nmodel = no-such-file.gguf\n");
  writeFileSync(join(place, "text.gguf"), "this is no model");
  const router = await Router.of(place, ["--models-preset", join(place, "presets.ini")]);
  try {
    for (const model of ["broken", "text"]) {
      const { status, body } = await router.complete(model);
      assert.equal(status, 500);
      assert.equal(body.error.message, `model name=${model} failed to load`);
      const state = await router.status(model);
      assert.equal(state.exit_code, 1);
      assert.equal(state.failed, true);
      assert.ok(state.last_log.length > 0);
    }
    assert.equal((await router.complete("a")).status, 200);
  } finally {
    await router.end();
  }
});

test("a router that is killed leaves no children behind", { skip }, async () => {
  const router = await Router.of(folder(["a", "b"]));
  await router.complete("a");
  await router.complete("b");
  const children = [...childrenOf(router.pid).values()].map(({ pid }) => pid);
  assert.equal(children.length, 2);
  await router.stop("SIGKILL");
  await until(() => !children.some(isAlive), "the children end", 3000);
  rmSync(router.place, { recursive: true });
});

test("a router that stops lets streams end and leaves no children behind", { skip }, async () => {
  const router = await Router.of(folder(["a"]));
  const stream = await router.longStream("a", { n_predict: 100 });
  const listening = await router.fetch("/models/sse");
  const children = [...childrenOf(router.pid).values()].map(({ pid }) => pid);
  const stopped = router.end();
  let last;
  for await (const event of stream) last = event;
  assert.equal(last.stop, true);
  await listening.text();
  assert.deepEqual(await stopped, { code: 0, signal: null });
  assert.ok(!children.some(isAlive));
});

test("mistakes at the start are one line and exit code 1", { skip }, async () => {
  const place = folder(["a"], "[a]\nctx-size = many\n");
  const lineOf = async (args) => {
    const server = new Server(args);
    const [code] = await server.exited;
    assert.equal(code, 1);
    return server.log.trim().split("\n").at(-1);
  };
  const preset = join(place, "presets.ini");
  assert.match(await lineOf(["--models-dir", join(place, "none")]), /--models-dir: .* is not a directory/);
  assert.match(await lineOf(["--models-preset", join(place, "none.ini")]), /cannot read/);
  assert.match(await lineOf(["--models-dir", place, "--models-preset", preset]), /model 'a': --ctx-size: expected/);
  writeFileSync(preset, "[a]\nctx-sise = 5\n");
  assert.match(await lineOf(["--models-dir", place, "--models-preset", preset]), /presets\.ini:2: there is no option 'ctx-sise'/);
  writeFileSync(preset, "[a]\nload-on-startup = 1\n[b]\nmodel = a.gguf\nload-on-startup = 1\n");
  assert.match(await lineOf(["--models-dir", place, "--models-preset", preset, "--models-max", "1"]), /--models-max allows 1/);
  rmSync(place, { recursive: true });
});
