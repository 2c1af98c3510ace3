// Where things are. The build runs a copy of this folder, so nothing is relative to it.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

/** The repository. */
export const source = resolve(process.env.LLAMA_SOURCE ?? join(here, "../../.."));
export const program = resolve(
  process.env.LLAMA_SERVER ?? join(source, "build/bin/llama-server"),
);

/** Expected data that is kept outside the repository; null where it is not. */
export const shared = [process.env.LLAMA_SHARED, join(source, "../shared")]
  .filter(Boolean)
  .map((path) => resolve(path))
  .find((path) => existsSync(path)) ?? null;

const demo = join(source, "models/demo.gguf");
const stories = shared && join(shared, "models/stories260K.gguf");

/** A small model that writes English: the one whose every token is known, or the one that ships. */
export const model = stories && existsSync(stories) ? stories : demo;
export const hasModel = existsSync(model);
export const isStories = model === stories;
export const demoModel = existsSync(demo) ? demo : null;

/** A small model of random weights, of width 256; null where it cannot be made. */
export function smallModel() {
  const generator = join(dirname(program), "llama-random-model");
  const path = join(here, "small.gguf");
  if (!existsSync(path) && existsSync(generator)) {
    execFileSync(generator, ["--arch", "llama", "--type", "Q8_0", "--seed", "5", "--quiet", "-o", path]);
  }
  return existsSync(path) ? path : null;
}

/** A model of random weights that takes seconds to fill its context; null where it cannot be made. */
export function slowModel() {
  const generator = join(dirname(program), "llama-random-model");
  const path = join(here, "slow.gguf");
  if (!existsSync(path) && existsSync(generator)) {
    execFileSync(generator, ["--arch", "llama", "--type", "Q8_0", "--layers", "8", "--width", "1024",
      "--heads", "16", "--kv-heads", "4", "--head-dim", "64", "--ffn", "2816", "--vocab", "8192",
      "--context", "4096", "--seed", "3", "--quiet", "-o", path]);
  }
  return existsSync(path) ? path : null;
}

/** For node:test: `{ skip: needs(shared, "the shared files") }`. */
export function needs(thing, name) {
  return thing ? false : `${name} are not here`;
}
