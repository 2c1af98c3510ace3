// Seconds that llama.cpp takes for the tokens of a text.
//   node tokenise.mjs VOCABULARY TEXT-FILE
import {readFileSync} from "node:fs";
import {open} from "./open.mjs";

const [vocabulary, file] = process.argv.slice(2);
const {model} = await open(vocabulary, 1, {vocabOnly: true});
const text = readFileSync(file, "utf8");
model.tokenize(text.slice(0, 1000));  // warm up
const begin = performance.now();
const tokens = model.tokenize(text);
console.log(JSON.stringify({seconds: (performance.now() - begin) / 1000, tokens: tokens.length}));
process.exit(0);
