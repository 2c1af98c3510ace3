// Hostile and odd bytes on the socket: what is ambiguous is refused and the connection ends, and
// nobody else notices.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { hasModel, needs } from "./lib/places.js";
import { Server } from "./lib/server.js";
import { statuses, talk } from "./lib/wire.js";

const skip = needs(hasModel, "models");
let server;
before(async () => {
  if (!skip) server = await Server.start(["-c", "512", "-np", "2"]);
});
after(() => server?.stop());

const SMUGGLED = "GET /props HTTP/1.1\r\nHost: localhost\r\n\r\n";
const post = (headers, body = "") => `POST /tokenize HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n${body}`;

// What two parsers could read differently. Each must be one reply of status 400 (or 501), then the
// end: bytes behind it must never be taken for a request.
const AMBIGUOUS = {
  "Content-Length and chunked": post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
  "chunked and Content-Length": post("Transfer-Encoding: chunked\r\nContent-Length: 6\r\n", "0\r\n\r\n"),
  "two lengths": post("Content-Length: 2\r\nContent-Length: 44\r\n", "{}"),
  "a list of lengths": post("Content-Length: 2, 44\r\n", "{}"),
  "a length with a sign": post("Content-Length: +2\r\n", "{}"),
  "a negative length": post("Content-Length: -2\r\n", "{}"),
  "a hexadecimal length": post("Content-Length: 0x2\r\n", "{}"),
  "a length with a blank inside": post("Content-Length: 2 2\r\n", "{}"),
  "a length beyond 64 bits": post("Content-Length: 18446744073709551618\r\n", "{}"),
  "a folded header": post("X-A: 1\r\n Content-Length: 2\r\n", "{}"),
  "a folded coding": post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"),
  "a blank in front of the colon": post("Content-Length : 2\r\n", "{}"),
  "a blank in front of the coding's colon": post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
  "a coding that is none": post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
  "chunked twice": post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"),
  "chunked not last": post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
  "two codings": post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"),
  "a quoted coding": post('Transfer-Encoding: "chunked"\r\n', "0\r\n\r\n"),
  "a chunk size with a sign": post("Transfer-Encoding: chunked\r\n", "+2\r\n{}\r\n0\r\n\r\n"),
  "a negative chunk size": post("Transfer-Encoding: chunked\r\n", "-2\r\n{}\r\n0\r\n\r\n"),
  "a chunk size with a prefix": post("Transfer-Encoding: chunked\r\n", "0x2\r\n{}\r\n0\r\n\r\n"),
  "a chunk size beyond 64 bits": post("Transfer-Encoding: chunked\r\n", "10000000000000002\r\n{}\r\n0\r\n\r\n"),
  "an empty chunk size": post("Transfer-Encoding: chunked\r\n", "\r\n{}\r\n0\r\n\r\n"),
  "a chunk longer than it says": post("Transfer-Encoding: chunked\r\n", "1\r\n{}\r\n0\r\n\r\n"),
  "a NUL in a header": post("X-A: a\0b\r\nContent-Length: 2\r\n", "{}"),
  "a bare CR in a header": post("X-A: a\rContent-Length: 44\r\nContent-Length: 2\r\n", "{}"),
  "a header without a name": post(": x\r\nContent-Length: 2\r\n", "{}"),
  "two Hosts": "GET /health HTTP/1.1\r\nHost: localhost\r\nHost: elsewhere\r\n\r\n",
  "no Host": "GET /health HTTP/1.1\r\n\r\n",
  "another protocol": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
};

for (const [name, bytes] of Object.entries(AMBIGUOUS)) {
  test(`refused: ${name}`, { skip }, async () => {
    const { text, closed } = await talk(server.url, bytes + SMUGGLED, { halfClose: true });
    const [status, ...more] = statuses(text);
    assert.ok([400, 501, 505].includes(status), text.slice(0, 300));
    assert.deepEqual(more, [], "what followed was answered");
    assert.match(text, /connection: close/i);
    assert.ok(closed, "the connection stays open");
    assert.equal((await server.fetch("/health")).status, 200);
  });
}

test("pipelined requests are answered in order", { skip }, async () => {
  const body = '{"content":"a"}';
  const one = `POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const last = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  const { text, closed } = await talk(server.url, one.repeat(5) + last);
  assert.deepEqual(statuses(text), [200, 200, 200, 200, 200, 200]);
  assert.equal([...text.matchAll(/"tokens"/g)].length, 5);
  assert.ok(text.trimEnd().endsWith('{"status":"ok"}'));
  assert.ok(closed);
});

test("behind a refused request nothing is answered", { skip }, async () => {
  const wrong = post("Content-Length: 1\r\n", "{");
  assert.deepEqual(statuses((await talk(server.url, wrong + SMUGGLED)).text), [400]);
});

test("a head of more than 64 KiB is 431", { skip }, async () => {
  const big = "a".repeat(70_000);
  for (const bytes of [
    `GET /health HTTP/1.1\r\nHost: localhost\r\nX-Big: ${big}\r\n\r\n`,
    `GET /${big} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `GET /health HTTP/1.1\r\nHost: localhost\r\n${"X-A: b\r\n".repeat(10_000)}\r\n`,
  ]) {
    assert.deepEqual(statuses((await talk(server.url, bytes)).text), [431]);
  }
});

test("a chunk extension without an end is refused, not collected", { skip }, async () => {
  const bytes = post("Transfer-Encoding: chunked\r\n", `2;${"x".repeat(200_000)}`);
  assert.deepEqual(statuses((await talk(server.url, bytes)).text), [400]);
});

test("bodies are not decompressed", { skip }, async () => {
  for (const coding of ["gzip", "deflate", "br", "zstd", "gzip, gzip", "GZIP"]) {
    const reply = await server.fetch("/tokenize", {
      method: "POST",
      headers: { "Content-Encoding": coding },
      body: gzipSync("a".repeat(1_000_000)),
    });
    assert.equal(reply.status, 415, coding);
    assert.match((await reply.json()).error.message, /Content-Encoding/);
  }
  const plain = await server.fetch("/tokenize", { headers: { "Content-Encoding": "identity" }, body: { content: "a" } });
  assert.equal(plain.status, 200);
});

test("clients that send a byte a second hold nobody up and are cut", { skip, timeout: 60_000 }, async () => {
  const { hostname, port } = new URL(server.url);
  const slow = Array.from({ length: 200 }, () => {
    const socket = connect(Number(port), hostname);
    socket.received = "";
    socket.on("data", (chunk) => (socket.received += chunk));
    socket.on("error", () => {});
    socket.ended = new Promise((resolve) => socket.on("close", resolve));
    socket.write("GET /health HTTP/1.1\r\nX-A: ");
    return socket;
  });
  const drip = setInterval(() => slow.forEach((socket) => socket.writable && socket.write("a")), 1000);
  const begun = Date.now();
  const { status } = await server.json("/completion", { prompt: "Hi", n_predict: 2 });
  assert.equal(status, 200);
  assert.ok(Date.now() - begun < 5000);
  await Promise.all(slow.map((socket) => socket.ended));
  clearInterval(drip);
  assert.ok(Date.now() - begun < 25_000, `cut after ${Date.now() - begun} ms`);
  assert.ok(slow.every((socket) => statuses(socket.received)[0] === 408));
});

test("no path leads out of the directory of --path", { skip }, async () => {
  const { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } = await import("node:fs");
  const { tmpdir } = await import("node:os");
  const { join } = await import("node:path");
  const place = mkdtempSync(join(tmpdir(), "llama-files-"));
  mkdirSync(join(place, "public/inner"), { recursive: true });
  writeFileSync(join(place, "public/index.html"), "index");
  writeFileSync(join(place, "public/inner/a b.txt"), "inner");
  writeFileSync(join(place, "public/.hidden"), "secret");
  writeFileSync(join(place, "secret.txt"), "secret");
  symlinkSync(join(place, "secret.txt"), join(place, "public/link.txt"));
  symlinkSync(place, join(place, "public/up"));
  symlinkSync("inner", join(place, "public/alias"));
  const files = await Server.start(["-c", "256", "--path", join(place, "public")]);
  const get = async (target) => (await talk(files.url,
    `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)).text;
  try {
    for (const target of ["/", "/index.html", "/inner/a%20b.txt", "/%69ndex.html", "/alias/a%20b.txt"]) {
      assert.deepEqual(statuses(await get(target)), [200], target);
    }
    const outside = ["/../secret.txt", "/inner/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt",
      "/%2e%2e%2fsecret.txt", "/%252e%252e/secret.txt", "/%252e%252e%252fsecret.txt", "/..%5csecret.txt",
      "/..\\secret.txt", "/link.txt", "/up/secret.txt", "/.hidden", "/inner/../.hidden",
      "/%2ehidden", `/${place}/secret.txt`, `/%2f${place.slice(1)}/secret.txt`, `//${place.slice(1)}/secret.txt`,
      "/index.html%00.txt", "/%00", "/inner/%00/../../../secret.txt", "/....//secret.txt", "/..;/secret.txt",
      "/%c0%ae%c0%ae/secret.txt", "/%uff0e%uff0e/secret.txt", "/inner/a b.txt/../../../secret.txt",
      "http://localhost/../secret.txt", "/public/../../secret.txt", "/inner", `/${"../".repeat(20)}etc/passwd`,
      `/${"%2e%2e/".repeat(20)}etc/passwd`, "/index.html/", "/./../secret.txt", "/proc/self/environ"];
    for (const target of outside) {
      const text = await get(target);
      assert.ok([400, 404].includes(statuses(text)[0]), `${target}: ${text.slice(0, 200)}`);
      assert.ok(!text.includes("secret\n") && !/\bsecret$/.test(text.trimEnd()), target);
      assert.ok(!text.includes("root:"), target);
    }
    for (const method of ["POST", "PUT", "DELETE"]) {
      const reply = await files.fetch("/index.html", { method, body: "x" });
      assert.ok([404, 405].includes(reply.status), `${method} ${reply.status}`);
    }
  } finally {
    await files.stop();
    rmSync(place, { recursive: true });
  }
});
