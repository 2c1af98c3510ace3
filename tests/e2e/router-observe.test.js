// What an operator sees of a router: its metrics, its log, the description of its API.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import parser from "@readme/openapi-parser";
import Ajv2020 from "ajv/dist/2020.js";
import { demoModel, needs } from "./lib/places.js";
import { parseMetrics, valueOf } from "./lib/prometheus.js";
import { childrenOf, folder, Router, until } from "./lib/router.js";

const skip = needs(demoModel, "the demo model");

describe("a router of three models and two places", { skip }, () => {
  let router;
  before(async () => {
    router = await Router.of(folder(["a", "b", "c"], ""), ["--models-max", "2", "--metrics"]);
  });
  after(() => router.end());
  const scrape = async () => {
    const reply = await router.fetch("/metrics");
    assert.equal(reply.status, 200);
    assert.equal(reply.headers.get("content-type"), "text/plain; version=0.0.4");
    assert.match(reply.headers.get("process-start-time-unix"), /^\d{10}$/);
    return parseMetrics(await reply.text());
  };

  test("without a model the metrics are the router's, with one they are that model's", async () => {
    const own = await scrape();
    assert.equal(valueOf(own, "llamacpp:router_models", { state: "unloaded" }), 3);
    await router.complete("a");
    const of = parseMetrics(await (await router.fetch("/metrics?model=a")).text());
    assert.ok(valueOf(of, "llamacpp:tokens_predicted_total") >= 4);
    assert.ok(!of.has("llamacpp:router_models"));
    assert.ok(!own.has("llamacpp:tokens_predicted_total"));
  });

  test("promtool finds no error", async (t) => {
    if (spawnSync("promtool", ["--version"]).error) return t.skip("promtool is not here");
    const input = await (await router.fetch("/metrics")).text();
    const { stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input, encoding: "utf8" });
    const complaints = (stdout + stderr).split("\n").filter((line) => line && !/should not contain ':'/.test(line));
    assert.deepEqual(complaints, []);
  });

  test("they move by what happened", async () => {
    const was = await scrape();
    for (const model of ["b", "c", "a"]) assert.equal((await router.complete(model)).status, 200);
    const now = await scrape();
    const moved = (name, labels) => valueOf(now, name, labels) - (valueOf(was, name, labels) ?? 0);
    assert.equal(moved("llamacpp:router_evictions_total", { model: "a" })
      + moved("llamacpp:router_evictions_total", { model: "b" }), 2);
    assert.equal(moved("llamacpp:router_loads_total", { model: "b" }), 1);
    assert.equal(moved("llamacpp:router_loads_total", { model: "a" }), 1);
    assert.equal(moved("llamacpp:router_load_seconds_count"), 3);
    assert.equal(valueOf(now, "llamacpp:router_models", { state: "loaded" }), 2);
    assert.equal(valueOf(now, "llamacpp:router_memory_bytes", { model: "b" }), 0);
    assert.ok(valueOf(now, "llamacpp:router_memory_bytes", { model: "a" }) > 1e6);
    const labels = { method: "POST", endpoint: "/completion", status: "200", model: "c" };
    assert.equal(valueOf(now, "llamacpp:http_requests_total", labels), 1);
    assert.ok(valueOf(now, "llamacpp:router_proxied_bytes_total", { model: "c", direction: "request" }) > 20);
    assert.ok(valueOf(now, "llamacpp:router_proxied_bytes_total", { model: "c", direction: "reply" }) > 200);
  });

  test("a process that is killed is a crash, the next start a restart", async () => {
    await router.complete("a");
    process.kill(childrenOf(router.pid).get("a").pid, "SIGKILL");
    await until(async () => (await router.status("a")).failed, "its end is noticed");
    await router.complete("a");
    const now = await scrape();
    assert.equal(valueOf(now, "llamacpp:router_crashes_total", { model: "a" }), 1);
    assert.equal(valueOf(now, "llamacpp:router_restarts_total", { model: "a" }), 1);
  });

  test("every request is a line of the log, under one id in the router and in the model", async () => {
    await router.json("/completion", { model: "a", prompt: "Hi", n_predict: 2 }, { headers: { "X-Request-Id": "mine-1" } });
    const own = await until(() => / I request id=mine-1 ((?!.*peer=unix).*)$/m.exec(router.log), "the router's line");
    assert.match(own[1], /^method=POST path=\/completion status=200 ms=[\d.]+ bytes=\d+ peer=\S+ model=a$/);
    await until(() => / \[a\] I request id=mine-1 .*predicted_tokens=2/m.test(router.log), "the model's line");
    const reply = await router.fetch("/completion", { body: { model: "none", prompt: "Hi" } });
    const id = reply.headers.get("x-request-id");
    const refused = await until(() => new RegExp(` I request id=${id} (.*)$`, "m").exec(router.log), "the refusal's line");
    assert.match(refused[1], /status=400 .*error="model 'none' not found"$/);
  });
});

test("without --metrics there are none", { skip }, async () => {
  const router = await Router.of(folder(["a"], ""));
  try {
    const { status, body } = await router.json("/metrics");
    assert.equal(status, 501);
    assert.match(body.error.message, /--metrics/);
  } finally {
    await router.end();
  }
});

test("with --log-format json every line is an object, the models' lines too", { skip }, async () => {
  const router = await Router.of(folder(["a"], ""), ["--log-format", "json"]);
  try {
    await router.json("/completion", { model: "a", prompt: "Hi", n_predict: 2 }, { headers: { "X-Request-Id": "mine-2" } });
    const lines = () => router.log.slice(0, router.log.lastIndexOf("\n")).split("\n").map((line) => JSON.parse(line));
    const mine = await until(() => {
      const found = lines().filter((line) => line.request_id === "mine-2");
      return found.length >= 2 && found;
    }, "both lines");
    for (const line of mine) {
      assert.equal(line.message, "request");
      assert.equal(line.model, "a");
      assert.equal(line.path, "/completion");
      assert.equal(line.status, 200);
      assert.match(line.time, /^\d{4}-\d\d-\d\dT/);
    }
    assert.deepEqual(mine.map((line) => line.predicted_tokens ?? null).sort(), [2, null]);
  } finally {
    await router.end();
  }
});

describe("the description of its API", { skip }, () => {
  let router, description;
  before(async () => {
    router = await Router.of(folder(["a"], ""), ["--metrics"]);
    ({ body: description } = await router.json("/openapi.json"));
    await router.complete("a");
  });
  after(() => router.end());

  test("is valid, and its schemas compile", async () => {
    await parser.validate(structuredClone(description));
    const ajv = new Ajv2020({ strict: false });
    ajv.addSchema({ $id: "api", components: description.components });
    for (const name of Object.keys(description.components.schemas)) {
      ajv.compile({ $ref: `api#/components/schemas/${name}` });
    }
  });

  test("has the router's own endpoints", () => {
    for (const [path, method] of [["/models/load", "post"], ["/models/unload", "post"], ["/models/sse", "get"],
      ["/models", "get"], ["/models", "post"], ["/models", "delete"]]) {
      assert.equal(description.paths[path][method].tags[0], "Models", `${method} ${path}`);
    }
    const names = description.paths["/slots"].get.parameters.map(({ name }) => name);
    assert.deepEqual(names, ["fail_on_no_slot", "model", "autoload"]);
    assert.ok("model" in description.components.schemas.post_tokenize_request.properties);
  });

  test("every route answers with a status that it has", async () => {
    for (const [path, methods] of Object.entries(description.paths)) {
      for (const [method, { responses }] of Object.entries(methods)) {
        const bodies = method === "post" ? [{}, "{", [], { model: "a" }, { model: "none" }] : [undefined];
        const queries = ["", "?model=a", "?model=none", "?autoload=perhaps"];
        for (const body of bodies) {
          for (const query of queries) {
            const controller = new AbortController();
            const reply = await router.fetch(path.replace(/\{\w+\}/g, "0") + query,
              { method: method.toUpperCase(), body, signal: controller.signal });
            controller.abort();  // /models/sse does not end
            const where = `${method} ${path}${query} ${JSON.stringify(body)}: ${reply.status}`;
            assert.ok(String(reply.status) in responses, where);
          }
        }
      }
    }
  });

  test("is shown by a page of its own", async () => {
    for (const path of ["/docs", "/docs.js", "/docs.css"]) assert.equal((await router.fetch(path)).status, 200, path);
  });
});
