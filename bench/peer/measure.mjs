// Prompt and generation speed of llama.cpp (the build that node-llama-cpp ships) on a model file.
//   node measure.mjs MODEL THREADS '[{"name": "tg64", "kind": "tg", "tokens": 64, "parallel": 1, "depth": 0}]'
// Prints one JSON object: tokens/s by name.
import {open} from "./open.mjs";

const [modelPath, threads, tests] = process.argv.slice(2);

const randomTokens = (count, seed = 0) => Array.from({length: count}, (_, i) => 300 + (seed * 131 + i * 7919) % 20000);

async function readPrompt(sequence, count) {
  const begin = performance.now();
  await sequence.evaluateWithoutGeneratingNewTokens(randomTokens(count));
  return count / (performance.now() - begin) * 1000;
}

/// Generates in all sequences; the clock runs from the moment in which each has its first token.
async function generate(sequences, count) {
  let waiting = sequences.length, go;
  const all = new Promise((resolve) => { go = resolve; });
  let begin;
  await Promise.all(sequences.map(async (sequence, i) => {
    let done = 0;
    for await (const _ of sequence.evaluate(randomTokens(1, i), {temperature: 0, yieldEogToken: true})) {
      if (done === 0) {
        if (--waiting === 0) {
          begin = performance.now();
          go();
        }
        await all;
      }
      if (done++ === count) break;
    }
  }));
  return count * sequences.length / (performance.now() - begin) * 1000;
}

const results = {};
const {model, createContext} = await open(modelPath, Number(threads));
for (const {name, kind, tokens, parallel, depth} of JSON.parse(tests)) {
  const context = await createContext(model, {tokens: depth + tokens + 64, sequences: parallel});
  const sequences = Array.from({length: parallel}, () => context.getSequence());
  await readPrompt(sequences[0], 32);  // warm up
  await sequences[0].clearHistory();
  for (const sequence of sequences) if (depth > 0) await readPrompt(sequence, depth);
  results[name] = kind === "pp" ? await readPrompt(sequences[0], tokens) : await generate(sequences, tokens);
  await context.dispose();
}
console.log(JSON.stringify(results));
process.exit(0);
