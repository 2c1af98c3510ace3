// Seconds from the beginning of loading to the first token of llama.cpp, and the memory that took.
//   node first_token.mjs MODEL THREADS
import {readFileSync} from "node:fs";
import {getLlama} from "node-llama-cpp";
import {open} from "./open.mjs";

const memory = (field) => Number(new RegExp(`${field}:\\s*(\\d+)`).exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1024;
const [modelPath, threads] = process.argv.slice(2);
await getLlama({gpu: false, build: "never"}).catch(() => {});
const before = memory("VmRSS");
const begin = performance.now();
const {model, createContext} = await open(modelPath, Number(threads));
const sequence = (await createContext(model, {tokens: 4096})).getSequence();
for await (const _ of sequence.evaluate([300, 301, 302, 303, 304], {temperature: 0, yieldEogToken: true})) break;
console.log(JSON.stringify({seconds: (performance.now() - begin) / 1000, peakMiB: memory("VmHWM") - before}));
process.exit(0);
