// What cached prompts are worth: restored from a file, brought back from --cache-ram, moved, each
// beside computing the same.
//   node bench/caches.mjs MODEL [--prompt 1984] [--threads 2] [--rounds 3]
// Prints medians in ms until the first token (whole requests of one token) and the ratios.
import {mkdtempSync, rmSync, statSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {parseArgs} from "node:util";
import {median, Server} from "./lib/runs.mjs";

const {values, positionals: [model]} = parseArgs({allowPositionals: true, options: {
  prompt: {type: "string", default: "1984"}, threads: {type: "string", default: "2"},
  rounds: {type: "string", default: "3"}, port: {type: "string", default: "18432"},
}});
const size = Number(values.prompt), rounds = Number(values.rounds);
const folder = mkdtempSync(join(tmpdir(), "slots-"));

let server;
const start = async (...args) => {
  server = await new Server(["-m", model, "-t", values.threads, "-np", "1", "--slot-save-path", folder, ...args],
                            values.port).ready();
};

async function post(path, body) {
  const begin = performance.now();
  const json = await (await server.post(path, body)).json();
  return {ms: performance.now() - begin, ...json};
}

const tokens = (count, seed) => Array.from({length: count}, (_, i) => 300 + (seed * 131 + i * 7919 + (i * i * seed) % 97) % 20000);
const ask = (prompt, more = {}) => post("/completion", {prompt, n_predict: 1, temperature: 0, ...more});

const times = {};
const note = (what, ms) => (times[what] ??= []).push(ms);

for (let round = 0; round < rounds; ++round) {
  const prompt = tokens(size, 1 + round);
  await start("-c", String(2 * size));
  note("computed", (await ask(prompt)).ms);
  note("saved", (await post("/slots/0?action=save", {filename: "slot"})).ms);
  await server.stop();
  await start("-c", String(2 * size));
  const restored = await post("/slots/0?action=restore", {filename: "slot"});
  const after = await ask(prompt);
  if (after.timings.cache_n !== size - 1) throw new Error(`${after.timings.cache_n} tokens were cached`);
  note("restored", restored.ms + after.ms);
  await server.stop();
  // A pool of little more than one prompt: the other one pushes it out.
  await start("-c", String(size + 256), "--cache-ram", "8192");
  await ask(prompt);
  await ask(tokens(size, 50 + round));
  const revived = await ask(prompt);
  if (revived.timings.cache_n !== size - 1) throw new Error(`${revived.timings.cache_n} tokens were cached`);
  note("revived", revived.ms);
  await server.stop();
  await start("-c", String(2 * size));
  await ask(prompt);
  const moved = await ask(prompt.slice(100), {n_cache_reuse: 64});
  if (moved.timings.cache_n < size - 110) throw new Error(`${moved.timings.cache_n} tokens were moved`);
  note("moved", moved.ms);
  await server.stop();
}
const bytes = statSync(join(folder, "slot")).size;
rmSync(folder, {recursive: true});
const base = median(times.computed);
console.log(`${size} tokens, a file of ${(bytes / 2 ** 20).toFixed(1)} MiB`);
for (const [what, list] of Object.entries(times)) {
  console.log(`${what.padEnd(10)} ${median(list).toFixed(0).padStart(7)} ms   ${(base / median(list)).toFixed(1)}x`);
}
