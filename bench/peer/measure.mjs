// Prompt and generation speed of llama.cpp (the build that node-llama-cpp ships) on a model file.
//   node measure.mjs MODEL THREADS PROMPT_TOKENS GENERATED_TOKENS
// Prints one JSON object: {"pp": tokens/s, "tg": tokens/s}.
import {getLlama, LlamaLogLevel} from "node-llama-cpp";

const [modelPath, threads, promptTokens, generatedTokens] = process.argv.slice(2);

const llama = await getLlama({gpu: false, build: "never", logLevel: LlamaLogLevel.error,
                              maxThreads: Number(threads)});
const model = await llama.loadModel({modelPath, gpuLayers: 0});
const context = await model.createContext({
  contextSize: Number(promptTokens) + Number(generatedTokens) + 64,
  batchSize: 512, threads: {ideal: Number(threads), min: Number(threads)}, flashAttention: true,
});
const sequence = context.getSequence();
const randomTokens = (count) => Array.from({length: count}, (_, i) => 300 + (i * 7919) % 20000);

async function readPrompt(count) {
  await sequence.clearHistory();
  const begin = performance.now();
  await sequence.evaluateWithoutGeneratingNewTokens(randomTokens(count));
  return count / (performance.now() - begin) * 1000;
}

async function generate(count) {
  await sequence.clearHistory();
  let done = 0, begin = 0;
  for await (const _ of sequence.evaluate(randomTokens(1), {temperature: 0, yieldEogToken: true})) {
    if (done === 0) begin = performance.now();
    if (done++ === count) break;
  }
  return count / (performance.now() - begin) * 1000;
}

await readPrompt(32);  // warm up
console.log(JSON.stringify({pp: await readPrompt(Number(promptTokens)),
                            tg: await generate(Number(generatedTokens))}));
process.exit(0);
