// --sleep-idle-seconds: the model leaves memory and comes back for the next request.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { demoModel, hasModel, needs, program, slowModel } from "./lib/places.js";
import { parseMetrics, valueOf } from "./lib/prometheus.js";
import { Server } from "./lib/server.js";

const skip = needs(hasModel, "models");
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function asleep(server) {
  await server.waitFor(new RegExp(`(?:model leaves memory[^]*){${(server.sleeps = (server.sleeps ?? 0) + 1)}}`));
}

const large = hasModel ? slowModel() ?? demoModel : null;
describe("a server that sleeps", { skip: skip || needs(large, "a large model") }, () => {
  let server, awakeKib;
  const ask = { prompt: [5, 6, 7, 8, 9], n_predict: 4, temperature: 0, ignore_eos: true };
  let text;
  before(async () => {
    server = await Server.start(["-m", large, "--sleep-idle-seconds", "1", "--metrics", "--props", "-np", "2", "-c", "4096"]);
    text = (await server.json("/completion", ask)).body.content;
    awakeKib = server.residentKib();
    await asleep(server);
    await pause(200);
  });
  after(() => server?.stop());

  test("gives the memory back", () => {
    const kib = server.residentKib();
    if (!server.isSanitized()) assert.ok(kib < awakeKib / 2, `${kib} KiB of ${awakeKib} KiB are left`);
  });

  test("answers what needs no model, and stays asleep", async () => {
    for (const path of ["/health", "/v1/health", "/livez", "/readyz", "/models", "/v1/models", "/props", "/metrics", "/"]) {
      assert.equal((await server.fetch(path)).status, 200, path);
    }
    const { body } = await server.json("/props");
    assert.equal(body.is_sleeping, true);
    assert.equal(body.total_slots, 2);
    assert.equal((await server.json("/v1/models")).body.data.length, 1);
    assert.equal((await server.fetch("/nowhere")).status, 404);
    const metrics = parseMetrics(await (await server.fetch("/metrics")).text());
    assert.equal(valueOf(metrics, "llamacpp:model_asleep"), 1);
    assert.equal(valueOf(metrics, "llamacpp:tokens_predicted_total"), 4);
    assert.doesNotMatch(server.log, /waking up/);
  });

  test("wakes for requests, which wait and get what they would have got", async () => {
    const replies = await Promise.all(Array.from({ length: 4 }, () => server.json("/completion", ask)));
    for (const { status, body } of replies) {
      assert.equal(status, 200);
      assert.equal(body.content, text);
    }
    assert.equal(server.log.match(/waking up/g).length, 1);
    assert.equal((await server.json("/props")).body.is_sleeping, false);
    const metrics = parseMetrics(await (await server.fetch("/metrics")).text());
    assert.equal(valueOf(metrics, "llamacpp:tokens_predicted_total"), 4 + 4 * 4, "counters go on");
    assert.equal(valueOf(metrics, "llamacpp:time_to_first_token_seconds_count"), 5);
  });

  test("looks do not keep it awake, changes of /props outlive its sleep", async () => {
    await server.json("/props", { n_predict: 3 });
    const looking = setInterval(() => server.fetch("/props").then((r) => r.text()).catch(() => {}), 200);
    await asleep(server);
    clearInterval(looking);
    const { body } = await server.json("/completion", { prompt: ask.prompt, ignore_eos: true });
    assert.equal(body.tokens_predicted, 3);
  });

  test("does not sleep while a request runs", async () => {
    const before = server.log.match(/model leaves memory/g).length;
    const begin = Date.now();
    const { body } = await server.json("/completion", { ...ask, n_predict: 400 });
    assert.equal(body.tokens_predicted, 400);
    assert.ok(Date.now() - begin > 1000, "the model is too fast for this test");
    assert.equal(server.log.match(/model leaves memory/g).length, before);
  });

  test("clients that give up while it wakes disturb nobody", async () => {
    await asleep(server);
    const stop = new AbortController();
    const lost = server.json("/completion", ask, { signal: stop.signal }).catch(() => "gone");
    const other = server.json("/completion", ask);
    await pause(5);
    stop.abort();
    assert.equal(await lost, "gone");
    assert.equal((await other).body.content, text);
  });

  test("ends quickly, asleep or waking", async () => {
    await asleep(server);
    const waiting = server.fetch("/completion", { body: ask }).then((r) => r.status, () => 0);
    await pause(10);
    const begin = Date.now();
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    assert.ok(Date.now() - begin < 5000);
    assert.ok([0, 200, 503].includes(await waiting));
  });
});

test("ends quickly while it sleeps", { skip }, async () => {
  const server = await Server.start(["--sleep-idle-seconds", "1"]);
  await server.waitFor(/model leaves memory/);
  const begin = Date.now();
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  assert.ok(Date.now() - begin < 2000);
});

test("many short sleeps lose no request", { skip }, async () => {
  const server = await Server.start(["--sleep-idle-seconds", "1", "-c", "256"]);
  for (let i = 0; i < 4; ++i) {
    // Around the moment at which it falls asleep.
    await pause(960 + 20 * i);
    const replies = await Promise.all([0, 1, 2].map(() => server.json("/completion", { prompt: "Once", n_predict: 2 })));
    assert.deepEqual(replies.map(({ status }) => status), [200, 200, 200]);
  }
  await server.stop();
});

test("0 and less than -1 seconds are refused", () => {
  for (const value of ["0", "-2", "x"]) {
    const { status, stderr } = spawnSync(program, ["--sleep-idle-seconds", value], { encoding: "utf8" });
    assert.equal(status, 1);
    assert.match(stderr, /--sleep-idle-seconds/);
  }
});
