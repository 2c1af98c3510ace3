// Many connections and many streams: all are served, and memory stays what it was.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { model, hasModel, needs } from "../lib/places.js";
import { Server } from "../lib/server.js";
import { assertClean, inParallel, isLong } from "./lib.js";

const skip = needs(hasModel, "models");
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const HEALTH = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";

/** A connection that has had one answer and is kept. */
function keptConnection(url) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(HEALTH));
    socket.on("error", reject);
    socket.once("data", () => resolve(socket));
  });
}

const askAgain = (socket) => new Promise((resolve, reject) => {
  socket.once("data", (chunk) => resolve(/200 OK/.test(chunk)));
  socket.once("close", () => reject(new Error("it was closed")));
  socket.write(HEALTH);
});

test("1000 idle connections are kept, cost little and hold nobody up", { skip, timeout: 120_000 }, async () => {
  const server = await Server.start(["-c", "512", "-np", "2"]);
  try {
    await server.json("/completion", { prompt: "Hi", n_predict: 2 });
    const before = server.residentKib();
    const sockets = [];
    await inParallel(1000, 50, async () => sockets.push(await keptConnection(server.url)));
    const each = (server.residentKib() - before) / sockets.length;
    if (!server.isSanitized()) assert.ok(each < 64, `${each} KiB each`);
    const begun = Date.now();
    const { status } = await server.json("/completion", { prompt: "Hi", n_predict: 2 });
    assert.equal(status, 200);
    assert.ok(Date.now() - begun < 3000);
    await pause(isLong ? 30_000 : 1000);
    for (const socket of sockets) assert.ok(await askAgain(socket));
    sockets.forEach((socket) => socket.destroy());
    await pause(500);
    const again = [];
    await inParallel(1000, 50, async () => again.push(await keptConnection(server.url)));
    const grown = server.residentKib() - before;
    if (!server.isSanitized()) assert.ok(grown < 80 * 1024, `${grown} KiB more`);
    again.forEach((socket) => socket.destroy());
    assert.equal((await server.stop()).code, 0);
    assertClean(server);
  } finally {
    await server.stop();
  }
});

test("256 streams at once, again and again, with flat memory", { skip, timeout: isLong ? 900_000 : 120_000 }, async () => {
  const server = await Server.start(["-m", model, "-c", "8192", "-np", "32", "--kv-unified", "--metrics"]);
  const rounds = isLong ? 40 : 4;
  const round = async () => {
    await inParallel(256, 256, async (i) => {
      const { status, events } = await server.stream("/completion", {
        prompt: `Story number ${i % 40}:`, n_predict: 8, seed: i, stream: true, ignore_eos: true,
      });
      assert.equal(status, 200);
      const last = JSON.parse(events.at(-1));
      assert.equal(last.stop, true);
      assert.equal(last.tokens_predicted, 8);
    });
  };
  try {
    const sizes = [];
    for (let i = 0; i < rounds; ++i) {
      await round();
      sizes.push(server.residentKib());
    }
    const metrics = await server.metrics();
    assert.equal(metrics.requests_processing, 0);
    assert.equal(metrics.requests_deferred, 0);
    const grown = sizes.at(-1) - sizes[1];  // the first rounds fill caches
    if (!server.isSanitized()) assert.ok(grown < 8 * 1024, `KiB after each round: ${sizes.join(" ")}`);
    assert.equal((await server.stop()).code, 0);
    assertClean(server);
  } finally {
    await server.stop();
  }
});
