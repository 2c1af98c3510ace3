// docs/compatibility.md says what is so: its commands are run, its tests exist, nothing is left out.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { demoModel, needs, program, shared, smallModel, source } from "./lib/places.js";
import { Server } from "./lib/server.js";

const skip = needs(demoModel, "the demo model");
const text = readFileSync(join(source, "docs/compatibility.md"), "utf8");

/** Rows of the table under a heading: what, state, why. */
function rows(heading) {
  const part = text.split(`## ${heading}\n`)[1].split("\n## ")[0];
  return part.split("\n").filter((line) => line.startsWith("| ")).slice(1)
    .map((line) => line.slice(2, -2).split(/ \| /)).map(([what, state, why]) => ({ what, state, why }));
}
const SECTIONS = ["Command lines", "Calls", "Variables", "Endpoints"];
const bare = (what) => what.replace(/^`|`$/g, "").replaceAll("\\|", "|");

let place;
before(() => {
  if (skip) return;
  place = mkdtempSync(join(tmpdir(), "llama-commands-"));
  for (const folder of ["models", "cache", "public"]) mkdirSync(join(place, folder));
  for (const name of ["model.gguf", "models/model.gguf"]) symlinkSync(demoModel, join(place, name));
  // Adapters are made for the small model of random weights, which stands in for the model then.
  const small = smallModel();
  if (small) {
    symlinkSync(small, join(place, "small.gguf"));
    for (const name of ["adapter", "adapter1", "adapter2"]) {
      execFileSync(join(dirname(program), "llama-random-model"), ["--lora", "4", "--quiet", "-o", join(place, `${name}.gguf`)]);
    }
  }
  writeFileSync(join(place, "keys.txt"), "key\n");
  writeFileSync(join(place, "config.json"), '{"theme":"dark"}');
  writeFileSync(join(place, "presets.ini"), "version = 1\n");
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", join(place, "server-key.pem"),
    "-out", join(place, "server-cert.pem"), "-days", "1", "-subj", "/CN=localhost"], { stdio: "ignore" });
});
after(() => place && rmSync(place, { recursive: true }));

/** The words of a command, without what tests choose themselves. */
function wordsOf(command) {
  const words = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word).slice(1);
  for (const flag of ["--host", "--port"]) {
    const at = words.indexOf(flag);
    if (at >= 0) words.splice(at, 2);
  }
  return words;
}

/** Until it is ready, or has ended. */
async function run(words, env = {}) {
  const child = spawn(program, [...words, "--host", "127.0.0.1", "--port", "0"],
    { cwd: place, env: { PATH: process.env.PATH, HOME: place, ...env } });
  let log = "";
  const ready = new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (piece) => {
        log += piece;
        if (/(ready|listening on)[: ]/.test(log)) resolve("ready");
      });
    }
  });
  const exited = once(child, "exit");
  const result = await Promise.race([ready, exited]);
  if (result === "ready") child.kill("SIGTERM");
  const [code] = await exited;
  return { isReady: result === "ready", code, log };
}

test("states are those that are explained, and every row says more", () => {
  for (const { what, state, why } of SECTIONS.flatMap(rows)) {
    assert.ok(["works", "differs", "not yet"].includes(state), what);
    assert.ok(why?.length > 2, what);
  }
});

const folders = ["tests/e2e", "tests/options", "tests/http", "tests/server", "tests/soak", "tests/deploy", "tests"];
test("what works names a test that exists", () => {
  for (const { what, state, why } of SECTIONS.flatMap(rows)) {
    if (state !== "works") continue;
    const [, file, name] = /^([\w./-]+)(?:: (.*))?$/.exec(why) ?? assert.fail(`${what}: ${why}`);
    const path = folders.map((folder) => join(source, folder, file)).find((candidate) => existsSync(candidate));
    assert.ok(path, `${what}: there is no ${file}`);
    if (name) assert.ok(readFileSync(path, "utf8").includes(name), `${what}: ${file} has no "${name}"`);
  }
});

for (const { what, state } of rows("Command lines")) {
  const command = bare(what);
  if (!command.startsWith("./llama-server")) continue;
  test(`${state}: ${command}`, { skip, timeout: 60_000 }, async () => {
    const withAdapters = command.includes("--lora");
    if (withAdapters && !existsSync(join(place, "small.gguf"))) return;
    const words = wordsOf(command).map((word) => withAdapters && word === "model.gguf" ? "small.gguf" : word);
    const { isReady, code, log } = await run(words);
    if (state !== "not yet") {
      assert.ok(isReady, log);
      assert.equal(code, 0, log);
      return;
    }
    assert.equal(code, 1, log);
    const last = log.trim().split("\n").at(-1);
    assert.match(last, /not supported yet|no GPU here/);
    assert.ok(command.split(" ").some((word) => word.startsWith("-") && readFileSync(join(source, "docs/flags.md"), "utf8")
      .split("## Not supported yet")[1].includes(`\`${word}\``)) || /GPU/.test(last), last);
  });
}

test("words of switches in variables", { skip, timeout: 60_000 }, async () => {
  for (const word of ["true", "1", "on", "enabled", "false", "0", "off", "disabled"]) {
    assert.ok((await run(["-m", "model.gguf", "-c", "256"], { LLAMA_ARG_MMAP: word })).isReady, word);
  }
  assert.equal((await run(["-m", "model.gguf"], { LLAMA_ARG_MMAP: "maybe" })).code, 1);
});

test("LLAMA_LOG_FILE", { skip }, async () => {
  const log = join(place, "server.log");
  await run(["-m", "model.gguf", "-c", "256"], { LLAMA_LOG_FILE: log });
  assert.match(readFileSync(log, "utf8"), /listening on/);
});

test("endpoints that work are there, those that do not say so", { skip }, async () => {
  const server = await Server.start(["-m", demoModel, "-c", "512", "--metrics", "--props"]);
  try {
    const { body } = await server.json("/openapi.json");
    for (const { what, state } of rows("Endpoints")) {
      const methods = /^((?:GET|POST|DELETE)(?:, (?:GET|POST|DELETE))*) `\//.exec(what)?.[1].split(", ");
      if (!methods || what.endsWith("of a router")) continue;
      for (const [, path] of what.matchAll(/`(\/[^`]*)`/g)) {
        if (state === "not yet" || path === "/" || path === "/docs") continue;
        const known = Object.keys(body.paths[path] ?? {}).map((method) => method.toUpperCase());
        assert.ok(methods.some((method) => known.includes(method)), `${methods} ${path}`);
      }
    }
  } finally {
    await server.stop();
  }
});

test("endpoints of a router are there", { skip }, async () => {
  const router = await Server.start(["--models-dir", join(place, "models")]);
  try {
    const [row] = rows("Endpoints").filter(({ what }) => what.endsWith("of a router"));
    for (const [, path] of row.what.matchAll(/`(\/[^`]*)`/g)) {
      // Of a path that is known a wrong method is 405.
      assert.equal((await router.fetch(path, { method: "PUT" })).status, 405, path);
    }
    assert.equal((await router.fetch("/models/none", { method: "PUT" })).status, 404);
  } finally {
    await router.stop();
  }
});

const spec = shared && join(shared, "spec/llama-server.md");
test("every command, call and variable of the specification has its row", { skip: needs(spec && existsSync(spec), "the specification") }, () => {
  const known = new Set(SECTIONS.flatMap(rows).map(({ what }) => bare(what)));
  const lines = readFileSync(spec, "utf8").split("\n");
  let count = 0;
  for (let i = 0; i < lines.length; ++i) {
    const begin = /(\.\/llama-server |docker run |curl )/.exec(lines[i]);
    if (!begin || lines[i].trim().startsWith("#")) continue;
    let command = lines[i].slice(begin.index);
    while (command.endsWith("\\") || (command.match(/'/g) ?? []).length % 2 === 1) command += `\n${lines[++i]}`;
    command = command.replace(/\\\n/g, " ").replace(/\s+/g, " ").trim();
    assert.ok(known.has(command), command);
    ++count;
  }
  assert.ok(count > 70, `${count}`);
  for (const [name] of readFileSync(spec, "utf8").matchAll(/\bLLAMA_[A-Z_]+\b/g)) assert.ok(text.includes(`\`${name}\``), name);
});

const api = shared && join(shared, "reference/http-api.md");
test("every endpoint of the reference is in a row", { skip: needs(api && existsSync(api), "the reference") }, () => {
  const paths = [...readFileSync(api, "utf8").matchAll(/\b(?:GET|POST|DELETE)\b[A-Z, ]*((?:`\/[^`]*`(?:, )?)+)/g)]
    .flatMap(([, list]) => [...list.matchAll(/`(\/[^`?[]*)/g)].map(([, path]) => path));
  assert.ok(paths.length > 40, `${paths.length}`);
  for (const path of paths) assert.ok(text.includes(`\`${path}\``), path);
});

test("the recordings that are replayed are all but those of parts that are to come", { skip: needs(shared, "the recordings") }, () => {
  const groups = readdirSync(join(shared, "captures")).filter((name) => !name.includes(".") && name !== "fixtures");
  const replayed = readFileSync(join(source, "tests/e2e/captures.test.js"), "utf8");
  // Groups of parts that are to come, or that tests of their own replay.
  const elsewhere = ["builtin-tools", "cors-proxy", "mcp", "multimodal", "speculative",
    "loading", "tls", "unix-socket", "lora", "router", "sleeping"];
  for (const group of groups) assert.ok(replayed.includes(`"${group}"`) || elsewhere.includes(group), group);
});
