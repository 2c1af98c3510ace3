// llama.cpp as node-llama-cpp ships it, on the CPU.
import {getLlama, LlamaLogLevel} from "node-llama-cpp";

export async function open(modelPath, threads, options = {}) {
  const llama = await getLlama({gpu: false, build: "never", logLevel: LlamaLogLevel.error, maxThreads: threads});
  const model = await llama.loadModel({modelPath, gpuLayers: 0, ...options});
  const createContext = (of, {tokens, sequences = 1}) => of.createContext({
    contextSize: tokens, sequences, batchSize: 512, threads: {ideal: threads, min: threads}, flashAttention: true,
  });
  return {model, createContext};
}
