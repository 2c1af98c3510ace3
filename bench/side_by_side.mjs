// llama-bench and llama.cpp alternately on the same files: medians and ratios.
//   cd bench/peer && npm install && cd ../..
//   node bench/side_by_side.mjs [--rounds 5] [--threads 2] [--tests pp512,tg64,tg32x8,tg16@8192] MODEL...
// pp512 reads a prompt of 512 tokens; tg64 generates 64, x8: in 8 sequences at once, @8192: behind
// as many tokens of context. Absolute times on a shared machine are noise; the ratios of one run hold.
import {execFileSync} from "node:child_process";
import {basename} from "node:path";
import {parseArgs} from "node:util";
import {alternate, median, peerScript, program} from "./lib/runs.mjs";

const {values, positionals} = parseArgs({allowPositionals: true, options: {
  rounds: {type: "string", default: "5"}, threads: {type: "string", default: "2"},
  tests: {type: "string", default: "pp512,tg64"}, json: {type: "boolean", default: false},
}});
const tests = values.tests.split(",").map((name) => {
  const [, kind, tokens, parallel, depth] = /^(pp|tg)(\d+)(?:x(\d+))?(?:@(\d+))?$/.exec(name) ?? [];
  if (!kind) {
    console.error(`side_by_side: '${name}' is not a test; examples are pp512, tg64, tg32x8 and tg16@8192`);
    process.exit(1);
  }
  return {name, kind, tokens: Number(tokens), parallel: Number(parallel ?? 1), depth: Number(depth ?? 0)};
});
if (positionals.length === 0) {
  console.error("side_by_side: name at least one model file");
  process.exit(1);
}

function ours(model) {
  return Object.fromEntries(tests.map(({name, kind, tokens, parallel, depth}) => {
    const [prompt, generate] = kind === "pp" ? [tokens, 0] : [0, tokens];
    const report = JSON.parse(execFileSync(program("llama-bench"), ["-m", model, "-t", values.threads,
      "-p", String(prompt), "-n", String(generate), "-np", String(parallel), "-d", String(depth),
      "-r", "1", "-o", "json"], {encoding: "utf8", stdio: ["ignore", "pipe", "inherit"]}));
    return [name, report.results[0].tokens_per_s];
  }));
}

function peer(model) {
  const text = execFileSync("node", [peerScript("measure.mjs"), model, values.threads, JSON.stringify(tests)],
    {encoding: "utf8", stdio: ["ignore", "pipe", "ignore"]});
  return JSON.parse(text.trim().split("\n").at(-1));
}

const rows = [];
for (const model of positionals) {
  const runs = await alternate(Number(values.rounds), () => ours(model), () => peer(model));
  for (const {name} of tests) {
    rows.push({model: basename(model), test: name, ours: median(runs.map(([a]) => a[name])),
               peer: median(runs.map(([, b]) => b[name])), ratio: median(runs.map(([a, b]) => a[name] / b[name]))});
  }
}

if (values.json) {
  console.log(JSON.stringify({...values, rows}, null, 2));
} else {
  console.log("| model | test | ours, tokens/s | llama.cpp | ratio |\n|---|---|--:|--:|--:|");
  for (const row of rows) {
    console.log(`| ${row.model} | ${row.test} | ${row.ours.toFixed(1)} | ${row.peer.toFixed(1)} | ${row.ratio.toFixed(2)}x |`);
  }
}
