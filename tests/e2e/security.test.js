// Keys, their limits and certificates, and that SIGHUP reads them again while requests run.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect as tlsConnect } from "node:tls";
import { hasModel, model, needs } from "./lib/places.js";
import { Server } from "./lib/server.js";
import { events } from "./lib/sse.js";

const skip = needs(hasModel, "models");
let place;
before(() => {
  place = mkdtempSync(join(tmpdir(), "llama-security-"));
});
after(() => rmSync(place, { recursive: true }));

const file = (name, text) => {
  const path = join(place, name);
  if (text !== undefined) writeFileSync(path, text);
  return path;
};
const bearer = (key) => ({ headers: { Authorization: `Bearer ${key}` } });
const raw = { prompt: "Hi", n_predict: 4, temperature: 0 };

async function withServer(args, body, options) {
  const server = await Server.start(["-c", "1024", "-np", "4", ...args], options);
  try {
    await body(server);
  } finally {
    await server.stop();
  }
}

/** SIGHUP, and until the log says that it was done. */
async function hangUp(server, done = /SIGHUP: .*API key/) {
  const before = server.log.length;
  server.child.kill("SIGHUP");
  for (let i = 0; i < 200 && !done.test(server.log.slice(before)); ++i) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return server.log.slice(before);
}

test("keys of lists, files and the environment count together", { skip }, async () => {
  const keys = file("keys.txt", "# the team\n\nfile-1\n#not-a-key\nfile-2\r\n");
  const more = file("more.txt", "more-1\n");
  await withServer(["--api-key", 'a,"b,c",,d', "--api-key-file", keys, "--api-key-file", more], async (server) => {
    for (const key of ["a", "b,c", "d", "file-1", "file-2", "more-1", "env"]) {
      assert.equal((await server.json("/completion", raw, bearer(key))).status, 200, key);
    }
    for (const key of ["", "b", "#not-a-key", "not-a-key", "# the team", "file", "file-11", "A"]) {
      const { status, body } = await server.json("/completion", raw, bearer(key));
      assert.equal(status, 401, key);
      assert.deepEqual(body, { error: { message: "Invalid API Key", type: "authentication_error", code: 401 } });
    }
    for (const path of ["/health", "/v1/health", "/models", "/v1/models", "/", "/index.html", "/chat.js"]) {
      assert.equal((await server.fetch(path)).status, 200, path);
    }
    for (const path of ["/props", "/slots", "/metrics", "/lora-adapters", "/nope"]) {
      assert.equal((await server.fetch(path)).status, 401, path);
    }
  }, { env: { LLAMA_API_KEY: "env" } });
});

test("SIGHUP reads keys again; requests that run go on", { skip }, async () => {
  const keys = file("rotating.txt", "old\nkept\n");
  await withServer(["--api-key-file", keys], async (server) => {
    const reply = await server.fetch("/completion",
      { body: { ...raw, n_predict: 200, ignore_eos: true, stream: true }, ...bearer("old") });
    assert.equal(reply.status, 200);
    file("rotating.txt", "kept\nnew\n");
    await hangUp(server);
    assert.equal((await server.fetch("/props", bearer("old"))).status, 401);
    assert.equal((await server.fetch("/props", bearer("kept"))).status, 200);
    assert.equal((await server.fetch("/props", bearer("new"))).status, 200);
    let last;
    for await (const event of events(reply)) last = event;
    assert.equal(last.stop, true);
    assert.equal(last.tokens_predicted, 200);
    // What cannot be read, or would open the server, changes nothing.
    file("rotating.txt", "# nobody\n");
    assert.match(await hangUp(server), /no API key/);
    rmSync(keys);
    await hangUp(server);
    assert.equal((await server.fetch("/props", bearer("new"))).status, 200);
    assert.equal((await server.fetch("/props")).status, 401);
  });
});

test("limits per key: requests, requests at once, tokens; reloaded", { skip }, async () => {
  const hash = createHash("sha256").update("tokens").digest("hex");
  const limits = file("limits.json", JSON.stringify({
    requests: { requests_per_minute: 2 },
    parallel: { concurrent_requests: 1 },
    [`sha256:${hash}`]: { tokens_per_minute: 1 },
  }));
  await withServer(["--api-key", "requests,parallel,tokens,free", "--api-key-limits", limits], async (server) => {
    const ask = (key) => server.json("/completion", raw, bearer(key));
    assert.equal((await ask("requests")).status, 200);
    assert.equal((await ask("requests")).status, 200);
    const refused = await ask("requests");
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.headers.get("retry-after")) >= 25, refused.headers.get("retry-after"));
    assert.equal(refused.body.error.code, 429);
    assert.equal(refused.body.error.type, "rate_limit_error");
    assert.match(refused.body.error.message, /2 requests per minute/);
    assert.equal((await server.fetch("/health", bearer("requests"))).status, 200);

    assert.equal((await ask("tokens")).status, 200);
    const spent = await ask("tokens");
    assert.equal(spent.status, 429);
    assert.match(spent.body.error.message, /tokens per minute/);

    const running = await server.fetch("/completion",
      { body: { ...raw, n_predict: 500, ignore_eos: true, stream: true }, ...bearer("parallel") });
    assert.equal(running.status, 200);
    assert.equal((await ask("parallel")).status, 429);
    for (let i = 0; i < 5; ++i) assert.equal((await ask("free")).status, 200);
    await running.body.cancel();
    let status;
    for (let i = 0; i < 100 && status !== 200; ++i) ({ status } = await ask("parallel"));
    assert.equal(status, 200);

    file("limits.json", JSON.stringify({ requests: { requests_per_minute: 3 }, free: { requests_per_minute: 1 } }));
    await hangUp(server);
    assert.equal((await ask("requests")).status, 200);  // two of three were used
    assert.equal((await ask("requests")).status, 429);
    assert.equal((await ask("tokens")).status, 200);
    file("limits.json", "{");
    assert.match(await hangUp(server), /stay as they are/);
    assert.equal((await ask("requests")).status, 429);
  });
});

test("a server of many models has keys and limits, too", { skip }, async () => {
  mkdirSync(join(place, "models"));
  symlinkSync(model, join(place, "models/one.gguf"));
  const keys = file("router-keys.txt", "small\nlarge\n");
  const limits = file("router-limits.json", '{"small":{"requests_per_minute":1}}');
  const args = ["--models-dir", join(place, "models"), "-c", "512", "--api-key-file", keys, "--api-key-limits", limits];
  await withServer(args, async (server) => {
    const ask = (key) => server.json("/completion", { ...raw, model: "one" }, bearer(key));
    assert.equal((await ask("small")).status, 200);
    assert.equal((await ask("small")).status, 429);
    assert.equal((await ask("large")).status, 200);
    file("router-keys.txt", "large\n");
    await hangUp(server);
    assert.equal((await ask("small")).status, 401);
    assert.equal((await ask("large")).status, 200);
  });
});

const hasOpenssl = (() => {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

function certificate(name) {
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
    "-keyout", file("key.pem"), "-out", file("cert.pem"), "-days", "1", "-subj", `/CN=${name}`], { stdio: "ignore" });
}

function shownName(url, options = {}) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = tlsConnect({ host: hostname, port: Number(port), rejectUnauthorized: false, ...options }, () => {
      resolve(socket.getPeerCertificate().subject.CN);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

test("TLS: a new certificate is for new connections, old ones go on", { skip: skip || needs(hasOpenssl, "openssl") }, async () => {
  certificate("first");
  await withServer(["--ssl-key-file", file("key.pem"), "--ssl-cert-file", file("cert.pem")], async (server) => {
    assert.match(server.url, /^https:/);
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
    const get = () => new Promise((resolve, reject) => {
      https.get(`${server.url}/health`, { agent }, (reply) => {
        const { CN } = reply.socket.getPeerCertificate().subject;
        reply.resume().on("end", () => resolve({ status: reply.statusCode, name: CN ?? reply.socket.shownName, reused: reply.req.reusedSocket }));
        reply.socket.shownName = CN;
      }).on("error", reject);
    });
    assert.deepEqual(await get(), { status: 200, name: "first", reused: false });
    certificate("second");
    await hangUp(server, /certificate/);
    const again = await get();
    assert.equal(again.status, 200);
    assert.equal(again.reused, true);
    assert.equal(again.name, "first");
    assert.equal(await shownName(server.url), "second");
    writeFileSync(file("cert.pem"), "nonsense");
    assert.match(await hangUp(server, /certificate/), /certificate stays/);
    assert.equal(await shownName(server.url), "second");
    await assert.rejects(shownName(server.url, { maxVersion: "TLSv1.1", minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" }));
    assert.equal(await shownName(server.url, { maxVersion: "TLSv1.2" }), "second");
    agent.destroy();
  });
});
