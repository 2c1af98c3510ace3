// llama-bench and llama.cpp alternately on the same files: medians and ratios.
//   cd bench/peer && npm install && cd ../..
//   node bench/side_by_side.mjs [--rounds 5] [--threads 2] [--prompt 512] [--generate 64] MODEL...
// Absolute times on a shared machine are noise; the ratios of one run hold.
import {execFileSync} from "node:child_process";
import {basename, dirname, join} from "node:path";
import {fileURLToPath} from "node:url";
import {parseArgs} from "node:util";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const {values, positionals} = parseArgs({allowPositionals: true, options: {
  rounds: {type: "string", default: "5"}, threads: {type: "string", default: "2"},
  prompt: {type: "string", default: "512"}, generate: {type: "string", default: "64"},
  json: {type: "boolean", default: false},
}});
if (positionals.length === 0) {
  console.error("side_by_side: name at least one model file");
  process.exit(1);
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

function ours(model) {
  const report = JSON.parse(execFileSync(join(root, "build/bin/llama-bench"), [
    "-m", model, "-t", values.threads, "-p", values.prompt, "-n", values.generate, "-r", "1",
    "-o", "json"], {encoding: "utf8", stdio: ["ignore", "pipe", "inherit"]}));
  const rate = (kind) => report.results.find((row) => row.test.startsWith(kind)).tokens_per_s;
  return {pp: rate("pp"), tg: rate("tg")};
}

function peer(model) {
  const text = execFileSync("node", [join(root, "bench/peer/measure.mjs"), model, values.threads,
    values.prompt, values.generate], {encoding: "utf8", stdio: ["ignore", "pipe", "ignore"]});
  return JSON.parse(text.trim().split("\n").at(-1));
}

const rows = positionals.map((model) => {
  const runs = [];
  for (let round = 0; round < Number(values.rounds); ++round) {
    // The order alternates, so that neither side always meets the warmer machine.
    const order = round % 2 === 0 ? [ours, peer] : [peer, ours];
    const results = order.map((side) => side(model));
    runs.push(round % 2 === 0 ? results : results.reverse());
  }
  const kind = (name) => ({
    ours: median(runs.map(([a]) => a[name])), peer: median(runs.map(([, b]) => b[name])),
    ratio: median(runs.map(([a, b]) => a[name] / b[name])),
  });
  return {model: basename(model), pp: kind("pp"), tg: kind("tg")};
});

if (values.json) {
  console.log(JSON.stringify({...values, rows}, null, 2));
} else {
  console.log(`| model | pp${values.prompt} ours | peer | ratio | tg${values.generate} ours | peer | ratio |`);
  console.log("|---|--:|--:|--:|--:|--:|--:|");
  for (const {model, pp, tg} of rows) {
    const cells = [pp, tg].flatMap((k) => [k.ours.toFixed(1), k.peer.toFixed(1), `${k.ratio.toFixed(2)}x`]);
    console.log(`| ${model} | ${cells.join(" | ")} |`);
  }
}
