// How much of the speed is left while other processes keep cores busy, and with more threads than
// cores: llama-bench beside busy loops, each load in turn, so that all meet the same machine.
//   node bench/loaded.mjs [--rounds 5] [--threads 2,4,8] [--busy 0,1,2] [--generate 16]
//                         [--prompt 0] [--other PATH] [--peer] [--json] MODEL
// --other: a second llama-bench, of another commit for example. --peer: llama.cpp (bench/peer).
import { execFileSync, spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { values, positionals } = parseArgs({ allowPositionals: true, options: {
  rounds: { type: "string", default: "5" }, threads: { type: "string", default: "2,4,8" },
  busy: { type: "string", default: "0,1,2" }, generate: { type: "string", default: "16" },
  prompt: { type: "string", default: "0" }, other: { type: "string" },
  peer: { type: "boolean", default: false }, json: { type: "boolean", default: false },
} });
if (positionals.length !== 1) {
  console.error("loaded: name one model file");
  process.exit(1);
}
const [model] = positionals;
const numbers = (text) => text.split(",").map(Number);
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const quiet = { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] };

/** Tokens per second of one llama-bench. */
const bench = (program) => (threads) => {
  const report = JSON.parse(execFileSync(program, ["-m", model, "-t", threads, "-p", values.prompt,
    "-n", values.generate, "-r", "1", "-o", "json"], quiet));
  const rate = (kind) => report.results.find((row) => row.test.startsWith(kind))?.tokens_per_s;
  return { pp: rate("pp"), tg: rate("tg") };
};
const peer = (threads) => JSON.parse(execFileSync("node", [join(root, "bench/peer/measure.mjs"), model,
  threads, values.prompt, values.generate], quiet).trim().split("\n").at(-1));

const sides = { ours: bench(join(root, "build/bin/llama-bench")) };
if (values.other) sides.other = bench(values.other);
if (values.peer) sides.peer = peer;

/** What work() returns while that many processes do nothing, busily. */
function beside(count, work) {
  const children = Array.from({ length: count }, () =>
    spawn("sh", ["-c", "while :; do :; done"], { stdio: "ignore" }));
  try {
    return work();
  } finally {
    children.forEach((child) => child.kill("SIGKILL"));
  }
}

const runs = new Map();
for (let round = 0; round < Number(values.rounds); ++round) {
  for (const threads of numbers(values.threads)) {
    for (const busy of numbers(values.busy)) {
      const order = Object.entries(sides);
      for (const [side, measure] of round % 2 === 0 ? order : order.reverse()) {
        const key = JSON.stringify({ side, threads, busy });
        runs.set(key, [...runs.get(key) ?? [], beside(busy, () => measure(String(threads)))]);
      }
    }
  }
}

const rows = [...runs].map(([key, list]) => {
  const one = (kind) => (list[0][kind] ? median(list.map((run) => run[kind])) : undefined);
  return { ...JSON.parse(key), tg: one("tg"), pp: one("pp") };
}).sort((a, b) => a.side.localeCompare(b.side) || a.threads - b.threads || a.busy - b.busy);
const first = (row, kind) => rows.find((r) => r.side === row.side)?.[kind];

if (values.json) {
  console.log(JSON.stringify({ ...values, rows }, null, 2));
} else {
  const kinds = ["tg", "pp"].filter((kind) => rows[0][kind]);
  const wide = (kind) => `${kind}${kind === "tg" ? values.generate : values.prompt}`;
  console.log(`| side | threads | busy | ${kinds.map((k) => `${wide(k)} | of the first`).join(" | ")} |`);
  console.log(`|---|--:|--:|${"--:|--:|".repeat(kinds.length)}`);
  for (const row of rows) {
    const cells = kinds.flatMap((k) => [row[k].toFixed(2), (row[k] / first(row, k)).toFixed(2)]);
    console.log(`| ${row.side} | ${row.threads} | ${row.busy} | ${cells.join(" | ")} |`);
  }
}
