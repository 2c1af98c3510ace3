// Models from the network: a hub on this machine, honest and otherwise.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Hub, sha256 } from "./lib/hub.js";
import { demoModel, needs, program } from "./lib/places.js";
import { Server } from "./lib/server.js";

const skip = needs(demoModel, "the demo model");
const model = demoModel ? readFileSync(demoModel) : Buffer.alloc(0);
const megabyte = 1 << 20;
const folders = [];

after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

function freshCache() {
  const folder = mkdtempSync(join(tmpdir(), "llama-cache-"));
  folders.push(folder);
  return folder;
}

/** Environment of a program that knows this hub and cache only. */
function place(hub, cache = freshCache(), more = {}) {
  return { HF_ENDPOINT: hub?.url ?? "http://127.0.0.1:9", LLAMA_CACHE: cache, ...more };
}

/** Runs the program to its end; the hub answers meanwhile. */
function ending(args, env) {
  const child = spawn(program, ["--port", "0", ...args], { env: { PATH: process.env.PATH, ...env } });
  let text = "";
  child.stderr.setEncoding("utf8").on("data", (piece) => (text += piece));
  child.stdout.setEncoding("utf8").on("data", (piece) => (text += piece));
  return new Promise((resolve) => {
    const limit = setTimeout(() => child.kill("SIGKILL"), 30_000);
    child.on("exit", (code, signal) => {
      clearTimeout(limit);
      resolve({ code, signal, text, last: text.trim().split("\n").at(-1) });
    });
  });
}

const blobs = (cache) => join(cache, "models--me--tiny/blobs");
const parts = (cache) => (existsSync(blobs(cache)) ? readdirSync(blobs(cache)).filter((name) => name.endsWith(".part")) : []);
const content = (cache) => readFileSync(join(blobs(cache), sha256(model)));

async function until(condition) {
  for (const end = Date.now() + 20_000; !condition(); ) {
    if (Date.now() > end) throw new Error("it never happened");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const chat = { messages: [{ role: "user", content: "Hello" }], max_tokens: 4 };

test("a model of the hub is downloaded, served by its name, listed, and there offline", { skip }, async () => {
  const hub = await Hub.start({ "README.md": Buffer.from("x"), "m-Q8_0.gguf": model, "mmproj-F16.gguf": Buffer.from("x") });
  const env = place(hub);
  const server = await Server.start(["-hf", "me/tiny:q8_0"], { env });
  const { body } = await server.json("/v1/models");
  assert.equal(body.data[0].id, "me/tiny:q8_0");
  const reply = await server.json("/v1/chat/completions", chat);
  assert.equal(reply.status, 200);
  assert.equal(reply.body.model, "me/tiny:q8_0");
  assert.match(server.log, /mmproj-F16\.gguf, which is not used/);
  await server.stop();
  assert.equal(hub.downloads.length, 1);
  const snapshot = join(env.LLAMA_CACHE, "models--me--tiny/snapshots", hub.commit, "m-Q8_0.gguf");
  assert.ok(readFileSync(snapshot).equals(model));

  const again = await Server.start(["-hf", "me/tiny"], { env });
  await again.stop();
  assert.equal(hub.downloads.length, 1, "it was downloaded twice");
  await hub.stop();

  const list = await ending(["-cl"], env);
  assert.equal(list.code, 0);
  assert.match(list.text, /number of models in cache: 1\n +1\. me\/tiny:Q8_0\n/);

  const offline = await Server.start(["-hf", "me/tiny:Q8_0", "--offline", "--alias", "mine"], { env });
  assert.equal((await offline.json("/v1/models")).body.data[0].id, "mine");
  assert.equal((await offline.json("/v1/chat/completions", chat)).status, 200);
  await offline.stop();
  const missing = await ending(["-hf", "me/tiny:F16", "--offline"], env);
  assert.equal(missing.code, 1);
  assert.match(missing.last, /--offline: me\/tiny:F16 is not in the cache .*; it has me\/tiny:Q8_0/);

  const unreachable = await Server.start(["-hf", "me/tiny"], { env });
  assert.match(unreachable.log, /what is in the cache is used/);
  await unreachable.stop();
});

test("broken connections are resumed where they broke", { skip }, async () => {
  let left = 3;
  const hub = await Hub.start({ "m.gguf": model }, {
    content: (request, reply, file, self) => {
      if (--left < 0) return false;
      self.send(request, reply, file, { until: (3 - left) * megabyte });
      return true;
    },
  });
  const env = place(hub);
  const server = await Server.start(["-hf", "me/tiny"], { env });
  await server.stop();
  assert.ok(content(env.LLAMA_CACHE).equals(model));
  assert.deepEqual(parts(env.LLAMA_CACHE), []);
  assert.deepEqual(
    hub.downloads.map(({ headers }) => headers.range),
    [undefined, ...[1, 2, 3].map((count) => `bytes=${count * megabyte}-`)],
  );
  assert.ok(hub.downloads.slice(1).every(({ headers }) => headers["if-range"]));
  await hub.stop();
});

for (const signal of ["SIGKILL", "SIGINT"]) {
  test(`after ${signal} the next start goes on`, { skip }, async () => {
    let isSlow = true;
    const hub = await Hub.start({ "m.gguf": model }, {
      content: (request, reply, file, self) => {
        if (isSlow) self.send(request, reply, file, { until: 2 * megabyte, hold: true });
        return isSlow;
      },
    });
    const env = place(hub);
    const first = new Server(["-hf", "me/tiny"], env);
    await until(() => parts(env.LLAMA_CACHE).some((name) => statSync(join(blobs(env.LLAMA_CACHE), name)).size === 2 * megabyte));
    const begin = Date.now();
    const end = await first.stop(signal);
    if (signal === "SIGINT") assert.deepEqual(end, { code: 0, signal: null });
    assert.ok(Date.now() - begin < 5000);
    isSlow = false;
    const second = await Server.start(["-hf", "me/tiny"], { env });
    assert.match(second.log, /resuming after 2\.10 MB/);
    await second.stop();
    assert.equal(hub.downloads.at(-1).headers.range, `bytes=${2 * megabyte}-`);
    assert.ok(content(env.LLAMA_CACHE).equals(model));
    await hub.stop();
  });
}

test("two programs at once download a file once", { skip }, async () => {
  let release;
  const released = new Promise((resolve) => {
    release = resolve;
  });
  const hub = await Hub.start({ "m.gguf": model }, {
    content: (request, reply, file, self) => {
      released.then(() => self.send(request, reply, file));
      return true;
    },
  });
  const env = place(hub);
  const servers = [1, 2].map(() => new Server(["-hf", "me/tiny"], env));
  await until(() => servers.some(({ log }) => log.includes("another process is downloading it")));
  release();
  for (const server of servers) await server.waitFor(/ready: /);
  assert.equal(hub.downloads.length, 1);
  for (const server of servers) await server.stop();
  await hub.stop();
});

test("what is not what the hub names is not kept", { skip }, async () => {
  const damaged = Buffer.from(model);
  damaged[megabyte] ^= 1;
  const wrongSum = await Hub.start({ "m.gguf": damaged }, { lfs: () => ({ oid: sha256(model) }) });
  let env = place(wrongSum);
  let end = await ending(["-hf", "me/tiny"], env);
  assert.equal(end.code, 1);
  assert.match(end.last, /m\.gguf: .*SHA-256/);
  assert.deepEqual(readdirSync(blobs(env.LLAMA_CACHE)), []);
  await wrongSum.stop();

  for (const change of [-5, 5]) {
    const wrongSize = await Hub.start({ "m.gguf": model }, { lfs: (name, file) => ({ size: file.length + change }) });
    env = place(wrongSize);
    end = await ending(["-hf", "me/tiny"], env);
    assert.equal(end.code, 1);
    assert.match(end.last, new RegExp(`size of ${model.length + change} bytes, the server sends ${model.length}`));
    assert.ok(!existsSync(join(env.LLAMA_CACHE, "models--me--tiny/snapshots")));
    await wrongSize.stop();
  }
});

test("a damaged part is noticed and downloaded anew", { skip }, async () => {
  let isFirst = true;
  const damaged = Buffer.from(model);
  damaged[1000] ^= 1;
  const hub = await Hub.start({ "m.gguf": model }, {
    etag: '"same"',
    content: (request, reply, file, self) => {
      if (!isFirst) return false;
      isFirst = false;
      self.send(request, reply, damaged, { until: megabyte, hold: true });
      return true;
    },
  });
  const env = place(hub);
  const first = new Server(["-hf", "me/tiny"], env);
  await until(() => parts(env.LLAMA_CACHE).some((name) => statSync(join(blobs(env.LLAMA_CACHE), name)).size === megabyte));
  await first.stop("SIGKILL");
  const second = await Server.start(["-hf", "me/tiny"], { env });
  await second.stop();
  assert.ok(content(env.LLAMA_CACHE).equals(model));
  await hub.stop();
});

test("refusals end the start with one line that says why", { skip }, async () => {
  const hub = await Hub.start({ "m.gguf": model }, { token: "hf_right" });
  const none = await ending(["-hf", "me/tiny"], place(hub));
  assert.equal(none.code, 1);
  assert.match(none.last, /refuses access to me\/tiny \(status 401\).*--hf-token or HF_TOKEN/);
  const wrong = await ending(["-hf", "me/tiny", "-hft", "hf_wrong"], place(hub));
  assert.match(wrong.last, /the token has no access/);
  assert.ok(!wrong.text.includes("hf_wrong"));
  const right = await Server.start(["-hf", "me/tiny"], { env: place(hub, undefined, { HF_TOKEN: "hf_right" }) });
  await right.stop();
  const absent = await ending(["-hf", "me/other", "-hft", "hf_right"], place(hub));
  assert.match(absent.last, /there is no repository me\/other/);
  const quant = await ending(["-hf", "me/tiny:Q2_K", "-hft", "hf_right"], place(hub));
  assert.match(quant.last, /me\/tiny has no file of quant 'Q2_K'; it has M/);
  await hub.stop();

  const gated = await Hub.start({ "m.gguf": model }, {
    content: (request, reply) => Boolean(reply.writeHead(403).end()),
  });
  const end = await ending(["-hf", "me/tiny"], place(gated));
  assert.equal(end.code, 1);
  assert.match(end.last, /access was refused \(status 403\)/);
  await gated.stop();
});

test("trouble that passes is waited out, trouble that stays is an error", { skip }, async () => {
  const statuses = [429, 500, 503];
  const hub = await Hub.start({ "m.gguf": model }, {
    before: (request, reply) => {
      if (statuses.length === 0) return false;
      reply.writeHead(statuses.shift(), { "Retry-After": "1" }).end();
      return true;
    },
  });
  const server = await Server.start(["-hf", "me/tiny"], { env: place(hub) });
  assert.equal(server.log.match(/trying again in/g).length, 3);
  await server.stop();
  await hub.stop();

  const broken = await Hub.start({ "m.gguf": model }, { content: (request, reply) => Boolean(reply.writeHead(500).end()) });
  const end = await ending(["-hf", "me/tiny"], place(broken));
  assert.equal(end.code, 1);
  assert.match(end.last, /answers with status 500/);
  assert.equal(broken.downloads.length, 4);
  await broken.stop();
});

test("a token never follows a redirect to another host", { skip }, async () => {
  const other = await Hub.start({ "cdn/x": model });
  const hub = await Hub.start({ "m.gguf": model }, {
    token: "hf_secret",
    content: (request, reply) => Boolean(reply.writeHead(302, { Location: `${other.url}/cdn/x?signature=s` }).end()),
  });
  const server = await Server.start(["-hf", "me/tiny"], { env: place(hub, undefined, { HF_TOKEN: "hf_secret" }) });
  await server.stop();
  assert.equal(hub.downloads[0].headers.authorization, "Bearer hf_secret");
  assert.equal(other.requests.length, 1);
  assert.equal(other.requests[0].headers.authorization, undefined);
  await hub.stop();

  // Nor does it go to an address that is none of the hub's.
  const direct = await Server.start(["-mu", `${other.url}/cdn/x`], { env: place(hub, undefined, { HF_TOKEN: "hf_secret" }) });
  await direct.stop();
  assert.equal(other.requests.at(-1).headers.authorization, undefined);
  await other.stop();
});

test("a disk that is too small is noticed first, with both numbers", { skip }, async () => {
  const hub = await Hub.start({ "m.gguf": model }, { lfs: () => ({ size: 2 ** 52 }) });
  const end = await ending(["-hf", "me/tiny"], place(hub));
  assert.equal(end.code, 1);
  assert.match(end.last, /m\.gguf needs 4\.50 PB more, but only [\d.]+ [kMGT]B are free in '.*'/);
  assert.equal(hub.downloads.length, 0);
  await hub.stop();
});

test("all parts of a split model are downloaded", { skip }, async () => {
  const names = [1, 2, 3].map((part) => `q/m-Q4_K_M-0000${part}-of-00003.gguf`);
  const hub = await Hub.start(Object.fromEntries(names.map((name) => [name, Buffer.from(name)])), { perPage: 2 });
  const env = place(hub);
  const end = await ending(["-hf", "me/tiny"], env);
  assert.equal(end.code, 1, "these are no models");
  for (const name of names) {
    assert.equal(readFileSync(join(env.LLAMA_CACHE, "models--me--tiny/snapshots", hub.commit, name), "utf8"), name);
  }
  await hub.stop();
});

test("--model-url keeps the file, asks whether it changed, and starts over when it did", { skip }, async () => {
  const hub = await Hub.start({ "dir/tiny.gguf": model });
  const env = place(hub);
  const url = `${hub.url}/dir/tiny.gguf?download=true`;
  const server = await Server.start(["--model-url", url], { env });
  assert.equal((await server.json("/v1/models")).body.data[0].id, "tiny.gguf");
  assert.equal((await server.json("/v1/chat/completions", chat)).status, 200);
  await server.stop();
  const again = await Server.start(["-mu", url], { env });
  await again.stop();
  assert.equal(hub.requests.length, 2);
  assert.ok(hub.requests[1].headers["if-none-match"]);
  const offline = await Server.start(["-mu", url, "--offline"], { env });
  await offline.stop();
  assert.equal(hub.requests.length, 2);

  // The file changes while it is being downloaded.
  let count = 0;
  hub.behaviour.etag = '"second"';
  hub.behaviour.content = (request, reply, file, self) => {
    if (++count > 1) {
      self.behaviour.etag = '"third"';
      return false;
    }
    self.send(request, reply, Buffer.alloc(file.length, "x"), { until: megabyte });
    return true;
  };
  const changed = await Server.start(["-mu", url], { env });
  await changed.stop();
  assert.equal(hub.requests.at(-1).headers["if-range"], '"second"');
  const folder = join(env.LLAMA_CACHE, "urls", readdirSync(join(env.LLAMA_CACHE, "urls"))[0]);
  assert.ok(readFileSync(join(folder, "tiny.gguf")).equals(model));
  assert.deepEqual(readdirSync(folder).sort(), ["tiny.gguf", "tiny.gguf.etag"]);
  await hub.stop();
  const missing = await ending(["-mu", `${hub.url}/other.gguf`, "--offline"], env);
  assert.equal(missing.code, 1);
  assert.match(missing.last, /--offline: http:.*other\.gguf is not in the cache/);
});

test("a model of a Docker registry is had with the token that the registry hands out", { skip }, async () => {
  const hub = await Hub.start({}, {
    before: (request, reply, self) => {
      const path = request.url.split("?")[0];
      if (path === "/token") {
        reply.end(JSON.stringify({ token: "t0" }));
      } else if (request.headers.authorization !== "Bearer t0") {
        reply.writeHead(401, {
          "WWW-Authenticate": `Bearer realm="${self.url}/token",service="s",scope="repository:ai/tiny:pull"`,
        }).end();
      } else if (path === "/v2/ai/tiny/manifests/latest") {
        reply.end(JSON.stringify({
          layers: [{ mediaType: "application/vnd.docker.ai.gguf.v3", size: model.length, digest: `sha256:${sha256(model)}` }],
        }));
      } else if (path === `/v2/ai/tiny/blobs/sha256:${sha256(model)}`) {
        self.send(request, reply, model);
      } else {
        reply.writeHead(404).end();
      }
      return true;
    },
  });
  const env = place(null, undefined, { LLAMA_DOCKER_REGISTRY: hub.url });
  const server = await Server.start(["-dr", "tiny"], { env });
  assert.equal((await server.json("/v1/models")).body.data[0].id, "tiny");
  await server.stop();
  const absent = await ending(["-dr", "other"], env);
  assert.match(absent.last, /has no public model ai\/other:latest/);
  await hub.stop();
  const offline = await Server.start(["-dr", "tiny", "--offline"], { env });
  await offline.stop();
});

test("certificates are checked, and https never falls back to http", { skip }, async (t) => {
  const folder = freshCache();
  const made = spawnSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=hub",
    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"], { cwd: folder });
  if (made.status !== 0) return t.skip("no openssl");
  const tls = { key: readFileSync(join(folder, "key.pem")), cert: readFileSync(join(folder, "cert.pem")) };
  const hub = await Hub.start({ "m.gguf": model }, { tls });
  const end = await ending(["-hf", "me/tiny"], place(hub));
  assert.equal(end.code, 1);
  assert.match(end.last, /the certificate of https:\/\/127\.0\.0\.1:.* is not trusted: .*SSL_CERT_FILE/);
  const trusting = { SSL_CERT_FILE: join(folder, "cert.pem") };
  const server = await Server.start(["-hf", "me/tiny"], { env: place(hub, undefined, trusting) });
  await server.stop();
  const plain = await Hub.start({ x: model });
  hub.behaviour.content = (request, reply) => Boolean(reply.writeHead(302, { Location: `${plain.url}/x` }).end());
  const fallen = await ending(["-hf", "me/tiny"], place(hub, undefined, trusting));
  assert.equal(fallen.code, 1);
  assert.match(fallen.last, /redirects from https to http:.*, which is refused/);
  assert.equal(plain.requests.length, 0);
  await hub.stop();
  await plain.stop();
});

test("names and addresses that make no sense are refused before anything is asked", { skip }, async () => {
  const hub = await Hub.start();
  for (const args of [["-hf", "../x/y"], ["-hf", "a/b:c/d"], ["-hf", "me/tiny", "-hff", "../../x.gguf"],
    ["-mu", "ftp://x/y.gguf"], ["-mu", "https://host-only"], ["-dr", "a/b/c"], ["-hf", "a/b", "-m", "x"]]) {
    const end = await ending(args, place(hub));
    assert.equal(end.code, 1, args.join(" "));
    assert.match(end.last, /llama-server: --/, args.join(" "));
  }
  const endpoint = await ending(["-hf", "me/tiny"], { ...place(hub), HF_ENDPOINT: "nonsense" });
  assert.match(endpoint.last, /HF_ENDPOINT: expected an http or https address/);
  assert.equal(hub.requests.length, 0);
  await hub.stop();
});
