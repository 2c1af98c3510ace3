// The form of Vertex AI: AIP_MODE=PREDICTION.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { hasModel, model, needs, program } from "./lib/places.js";
import { freePort, Server } from "./lib/server.js";

const skip = needs(hasModel, "models");

describe("a server on Vertex AI", { skip }, () => {
  let server, port;
  before(async () => {
    port = await freePort();
    server = await Server.start(["-c", "1024", "-np", "2", "--temp", "0", "--api-key", "k"], {
      env: { AIP_MODE: "PREDICTION", AIP_HTTP_PORT: String(port), AIP_HEALTH_ROUTE: "/alive" },
    });
  });
  after(() => server?.stop());
  const headers = { Authorization: "Bearer k" };

  test("listens on the port that it is told", () => {
    assert.equal(server.url, `http://127.0.0.1:${port}`);
    assert.match(server.log, /AIP_HTTP_PORT overrides --port/);
  });

  test("its health needs no key, predictions do", async () => {
    assert.equal((await server.fetch("/alive")).status, 200);
    assert.equal((await server.json("/predict", { instances: [] })).status, 401);
  });

  test("instances are answered as requests of their own", async () => {
    const chat = { messages: [{ role: "user", content: "Hi" }], max_tokens: 6 };
    const alone = await server.json("/v1/chat/completions", chat, { headers });
    const tokens = await server.json("/tokenize", { content: "Once" }, { headers });
    const { status, body } = await server.json("/predict", {
      instances: [
        { "@requestFormat": "chatCompletions", ...chat, stream: true },
        { "@requestFormat": "/tokenize", content: "Once" },
        { "@requestFormat": "/v1/completions", prompt: 7.5 },
        ...Array.from({ length: 20 }, (_, i) => ({ "@requestFormat": "completion", prompt: `Number ${i}`, n_predict: 3 })),
      ],
    }, { headers });
    assert.equal(status, 200);
    assert.equal(body.predictions.length, 23);
    assert.deepEqual(body.predictions[0].choices, alone.body.choices);
    assert.deepEqual(body.predictions[1], tokens.body);
    assert.equal(body.predictions[2].error.code, 400);
    for (const prediction of body.predictions.slice(3)) assert.equal(prediction.tokens_predicted, 3);
  });

  test("a client that goes away ends its instances", async () => {
    const client = new AbortController();
    const instances = Array.from({ length: 8 }, () => ({ "@requestFormat": "completion", prompt: "a", ignore_eos: true }));
    const reply = server.fetch("/predict", { body: { instances }, headers, signal: client.signal });
    setTimeout(() => client.abort(), 30);
    await assert.rejects(reply);
    const after = await server.json("/completion", { prompt: "a", n_predict: 1 }, { headers });
    assert.equal(after.status, 200);
  });
});

test("what cannot be is said at the start", { skip }, () => {
  const start = (args, env) => spawnSync(program, args, { encoding: "utf8", env: { ...process.env, AIP_MODE: "PREDICTION", ...env } });
  for (const [args, env, message] of [
    [["-m", model], { AIP_HTTP_PORT: "x" }, /AIP_HTTP_PORT: /],
    [["-m", model, "--port", "0"], { AIP_PREDICT_ROUTE: "/v1/completions" }, /AIP_PREDICT_ROUTE: POST \/v1\/completions is a route/],
    [["--models-dir", "/tmp"], {}, /AIP_MODE=PREDICTION .* needs a server of one model/],
  ]) {
    const { status, stderr } = start(args, env);
    assert.equal(status, 1);
    assert.match(stderr, message);
  }
});
