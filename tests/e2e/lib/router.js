// A server of many models, and what its tests look at.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { demoModel } from "./places.js";
import { Server } from "./server.js";
import { events } from "./sse.js";

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A folder of models; `presets` is the text of presets.ini. */
export function folder(names, presets) {
  const place = mkdtempSync(join(tmpdir(), "llama-router-test-"));
  for (const name of names) symlinkSync(demoModel, join(place, `${name}.gguf`));
  if (presets !== undefined) writeFileSync(join(place, "presets.ini"), presets);
  return place;
}

export async function until(condition, what, limitMs = 20_000) {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`it never happened: ${what}`);
    await sleep(20);
  }
}

/** Processes that `pid` started, by name of their model. */
export function childrenOf(pid) {
  const found = new Map();
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const parent = Number(/\nPPid:\s+(\d+)/.exec(readFileSync(`/proc/${entry}/status`, "utf8"))[1]);
      if (parent !== pid) continue;
      const args = readFileSync(`/proc/${entry}/cmdline`, "utf8").split("\0");
      found.set(args[args.indexOf("--alias") + 1], { pid: Number(entry), args });
    } catch { /* it has ended meanwhile */ }
  }
  return found;
}

export const isAlive = (pid) => existsSync(`/proc/${pid}`) && !/\nState:\s+Z/.test(readFileSync(`/proc/${pid}/status`, "utf8"));

export class Router extends Server {
  static async of(place, args = [], env = {}) {
    const router = new Router(["--models-dir", place, "-np", "2", "-c", "2048", "--no-warmup", ...args], env);
    router.place = place;
    await router.waitFor(/ready: (\S+)/);
    return router;
  }
  async states() {
    const { body } = await this.json("/models");
    return Object.fromEntries(body.data.map((model) => [model.id, model.status.value]));
  }
  async status(id) {
    const { body } = await this.json("/models");
    return body.data.find((model) => model.id === id).status;
  }
  complete(model, more = {}, path = "/completion") {
    return this.json(path, { model, prompt: "Once upon a time", n_predict: 4, temperature: 0, ...more });
  }
  /** A stream that goes on until it is stopped, after its first event. */
  async longStream(model, { path = "/completion", signal, ...more } = {}) {
    const reply = await this.fetch(path, {
      signal,
      body: { model, prompt: "Once", n_predict: 2000, ignore_eos: true, stream: true, temperature: 0, ...more },
    });
    assert.equal(reply.status, 200);
    const stream = events(reply);
    const first = await stream.next();
    assert.equal(first.done, false);
    return stream;
  }
  async end() {
    const ending = await this.stop();
    rmSync(this.place, { recursive: true, force: true });
    return ending;
  }
}
