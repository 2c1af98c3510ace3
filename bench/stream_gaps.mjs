// How much a long prompt disturbs running streams.
//   node bench/stream_gaps.mjs MODEL [--streams 4] [--prompt 16384] [--tokens 200] [--threads 2]
// Starts the server, measures the gaps between the tokens of some streams alone and then while a
// long prompt is read beside them, and prints medians, 99th percentiles and their ratio.
import {parseArgs} from "node:util";
import {Server} from "./lib/runs.mjs";

const {values, positionals: [model]} = parseArgs({allowPositionals: true, options: {
  streams: {type: "string", default: "4"}, prompt: {type: "string", default: "16384"},
  tokens: {type: "string", default: "200"}, threads: {type: "string", default: "2"},
  port: {type: "string", default: "18431"},
}});
const streams = Number(values.streams), promptTokens = Number(values.prompt);
const server = new Server(["-m", model, "-t", values.threads, "-c", String(promptTokens + 4096 * streams)], values.port);

const tokens = (count, seed) => Array.from({length: count}, (_, i) => 300 + (seed * 131 + i * 7919) % 20000);

/// Streams until `stop` resolves or the limit is reached; gives the gaps in ms, with their times.
async function stream(seed, limit, stop) {
  const abort = new AbortController();
  stop?.then(() => abort.abort());
  const gaps = [];
  try {
    const answer = await fetch(`${server.url}/completion`, {method: "POST", signal: abort.signal,
      body: JSON.stringify({prompt: tokens(16, seed), n_predict: limit, stream: true, temperature: 0,
                            ignore_eos: true, return_tokens: true})});
    let last = 0;
    for await (const chunk of answer.body) {
      const now = performance.now();
      const events = Buffer.from(chunk).toString().split("data: ").length - 1;
      if (last > 0 && events > 0) gaps.push({at: now, ms: now - last});
      last = now;
    }
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
  return gaps.slice(5);
}

function summary(gaps) {
  const sorted = gaps.map((gap) => gap.ms).sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return {count: sorted.length, median: at(0.5), p99: at(0.99), max: sorted.at(-1)};
}

try {
  await server.ready();
  const all = (limit, stop) => Promise.all(Array.from({length: streams}, (_, i) => stream(i + 1, limit, stop)));
  const alone = summary((await all(Number(values.tokens))).flat());
  let begin, end, refused;
  const gaps = (await all(100000, (async () => {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    begin = performance.now();
    // As a stream: fetch waits for the head of an answer for five minutes only.
    const reply = await fetch(`${server.url}/completion`, {method: "POST", body: JSON.stringify(
      {prompt: tokens(promptTokens, 99), n_predict: 1, temperature: 0, stream: true, return_progress: true})});
    const text = await reply.text();
    if (!reply.ok || text.includes('"error"')) refused = text;
    end = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 10000));
  })())).flat();
  if (refused) throw new Error(refused);
  const loaded = summary(gaps.filter(({at}) => at > begin && at < end));
  // Their texts are longer now, and so are the steps of each of them.
  const after = summary(gaps.filter(({at}) => at > end + 500));
  const show = (s) => `${s.count} gaps, median ${s.median.toFixed(1)} ms, p99 ${s.p99.toFixed(1)} ms, max ${s.max.toFixed(1)} ms`;
  console.log(`${streams} streams alone, before: ${show(alone)}`);
  console.log(`beside a ${promptTokens}-token prompt (${((end - begin) / 1000).toFixed(1)} s): ${show(loaded)}`);
  console.log(`alone, behind it:      ${show(after)}`);
  const ratio = (of) => `${(loaded.p99 / of.p99).toFixed(2)}, of medians ${(loaded.median / of.median).toFixed(2)}`;
  console.log(`ratios of p99 to those before ${ratio(alone)}; to those behind ${ratio(after)}`);
} finally {
  await server.stop();
}
