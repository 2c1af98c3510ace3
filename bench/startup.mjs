// The time to a first token, from nothing, and the memory that it takes: llama-server from the start of
// the process, llama.cpp from the call that loads the model.
//   node bench/startup.mjs [--rounds 5] [--threads 2] MODEL...
import {execFileSync} from "node:child_process";
import {basename} from "node:path";
import {parseArgs} from "node:util";
import {alternate, median, peakMiB, peerScript, Server} from "./lib/runs.mjs";

const {values, positionals} = parseArgs({allowPositionals: true, options: {
  rounds: {type: "string", default: "5"}, threads: {type: "string", default: "2"}, port: {type: "string", default: "18432"},
}});

async function ours(model) {
  const begin = performance.now();
  const server = await new Server(["-m", model, "-t", values.threads, "-c", "4096", "-np", "1"], values.port).ready();
  await (await server.post("/completion", {prompt: [300, 301, 302, 303, 304], n_predict: 1, temperature: 0})).json();
  const seconds = (performance.now() - begin) / 1000;
  const memory = peakMiB(server.process.pid);
  await server.stop();
  return {seconds, peakMiB: memory};
}
const peer = (model) => JSON.parse(execFileSync("node", [peerScript("first_token.mjs"), model, values.threads],
  {encoding: "utf8", stdio: ["ignore", "pipe", "ignore"]}).trim().split("\n").at(-1));

console.log("| model | ours, s | llama.cpp | ratio | ours, MiB | llama.cpp | ratio |\n|---|--:|--:|--:|--:|--:|--:|");
for (const model of positionals) {
  const runs = await alternate(Number(values.rounds), () => ours(model), () => peer(model));
  const cells = ["seconds", "peakMiB"].flatMap((key) => [median(runs.map(([a]) => a[key])).toFixed(2),
    median(runs.map(([, b]) => b[key])).toFixed(2), `${median(runs.map(([a, b]) => a[key] / b[key])).toFixed(2)}x`]);
  console.log(`| ${basename(model)} | ${cells.join(" | ")} |`);
}
