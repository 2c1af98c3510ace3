// How fast texts become tokens: llama-inspect, with the start of its process and its JSON, beside the
// bare call of llama.cpp, one thread each.
//   node bench/tokenise.mjs [--rounds 3] [--megabytes 10] VOCABULARY...
// The texts are the documents and the sources of this project, and made-up Chinese.
import {execFileSync} from "node:child_process";
import {mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {basename, join} from "node:path";
import {parseArgs} from "node:util";
import {alternate, median, peerScript, program, root} from "./lib/runs.mjs";

const {values, positionals} = parseArgs({allowPositionals: true, options: {
  rounds: {type: "string", default: "3"}, megabytes: {type: "string", default: "10"},
}});
const bytes = Number(values.megabytes) * 1e6;
const filesOf = (folder, ending) => readdirSync(join(root, folder), {recursive: true})
  .filter((name) => name.endsWith(ending)).sort().map((name) => readFileSync(join(root, folder, name), "utf8")).join("\n");

const words = "我们 今天 天气 很好 他 说 中国 的 人口 比较 多 所以 城市 里 有 许多 新 建筑 学生 在 学校 学习 数学 和 历史 时间 过得 快 如果 明天 下雨 就 不 去 公园 了 电脑 程序 可以 帮助 大家 工作 并且 提高 效率".split(" ");
function chinese() {
  let text = "", state = 1;
  while (text.length < bytes / 3) {
    for (let i = 0; i < 12; ++i) {
      state = (state * 48271) % 2147483647;
      text += words[state % words.length];
    }
    text += state % 3 === 0 ? "。\n" : "，";
  }
  return text;
}
const filled = (text) => text.repeat(Math.ceil(bytes / text.length)).slice(0, bytes);
const texts = {English: filled(filesOf("docs", ".md")), code: filled(filesOf("src", ".cpp")), Chinese: chinese()};

const folder = mkdtempSync(join(tmpdir(), "tokenise-"));
const plain = join(folder, "text"), json = join(folder, "json");
function ours(vocabulary) {
  const begin = performance.now();
  const out = execFileSync(program("llama-inspect"), ["tokenize", vocabulary],
    {stdio: [openSync(json, "r"), "pipe", "inherit"], maxBuffer: 1 << 30});
  return {seconds: (performance.now() - begin) / 1000, tokens: JSON.parse(out).ids.length};
}
const peer = (vocabulary) => JSON.parse(execFileSync("node", [peerScript("tokenise.mjs"), vocabulary, plain],
  {encoding: "utf8", stdio: ["ignore", "pipe", "ignore"]}).trim().split("\n").at(-1));

console.log("| vocabulary | text | ours, MB/s | llama.cpp | ratio |\n|---|---|--:|--:|--:|");
for (const vocabulary of positionals) {
  for (const [name, text] of Object.entries(texts)) {
    writeFileSync(plain, text);
    writeFileSync(json, JSON.stringify({text}) + "\n");
    const size = Buffer.byteLength(text) / 1e6;
    const runs = await alternate(Number(values.rounds), () => ours(vocabulary), () => peer(vocabulary));
    const rate = (side) => (size / median(runs.map((run) => run[side].seconds))).toFixed(1);
    const ratio = median(runs.map(([a, b]) => b.seconds / a.seconds)).toFixed(1);
    const [a, b] = runs[0];
    const differ = Math.abs(a.tokens - b.tokens) > 1 ? ` (${a.tokens} and ${b.tokens} tokens)` : "";
    console.log(`| ${basename(vocabulary)} | ${name} | ${rate(0)} | ${rate(1)} | ${ratio}x${differ} |`);
  }
}
rmSync(folder, {recursive: true});
