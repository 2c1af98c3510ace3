// Slots as files, prompts that come back from memory, pieces and contexts that move.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync,
  writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { demoModel, hasModel, model, needs, program, smallModel } from "./lib/places.js";
import { Server } from "./lib/server.js";

const skip = needs(hasModel, "a model");
const STORY = "Once upon a time, there was a little girl named Lily. She loved to play outside. ".repeat(4);
const small = smallModel();

function folder() {
  return mkdtempSync(join(tmpdir(), "llama-slots-"));
}

const greedy = (prompt, more = {}) => ({ prompt, n_predict: 24, temperature: 0, ...more });
const action = (server, slot, name, filename) =>
  server.json(`/slots/${slot}?action=${name}`, filename === undefined ? {} : { filename });

describe("slot files", { skip }, () => {
  let server, place, fresh;
  before(async () => {
    place = folder();
    server = await Server.start(["-np", "2", "-c", "1024", "--slot-save-path", place]);
    fresh = await server.json("/completion", greedy(STORY, { id_slot: 0 }));
  });
  after(async () => {
    await server?.stop();
    rmSync(place, { recursive: true });
  });

  test("a slot is saved, restored in another process and gives the same text", async () => {
    const saved = await action(server, 0, "save", "story.bin");
    assert.equal(saved.status, 200);
    assert.deepEqual(Object.keys(saved.body), ["id_slot", "filename", "n_saved", "n_written", "timings"]);
    assert.equal(saved.body.n_saved, fresh.body.tokens_cached);
    assert.equal(saved.body.n_written, readFileSync(join(place, "story.bin")).length);
    assert.deepEqual(readdirSync(place), ["story.bin"]);
    const other = await Server.start(["-np", "3", "-c", "2048", "-kvu", "--slot-save-path", place]);
    try {
      const restored = await action(other, 1, "restore", "story.bin");
      assert.deepEqual(Object.keys(restored.body), ["id_slot", "filename", "n_restored", "n_read", "timings"]);
      assert.equal(restored.body.n_restored, saved.body.n_saved);
      assert.equal(restored.body.n_read, saved.body.n_written);
      assert.equal((await other.json("/slots")).body[1].n_prompt_tokens ?? saved.body.n_saved, saved.body.n_saved);
      const again = await other.json("/completion", greedy(STORY));
      assert.equal(again.body.content, fresh.body.content);
      assert.equal(again.body.timings.prompt_n, 1);
      assert.equal(again.body.id_slot, 1);
    } finally {
      await other.stop();
    }
  });

  test("erasing a slot makes it compute again", async () => {
    await server.json("/completion", greedy("The dog ran. " + STORY, { id_slot: 1 }));
    const erased = await action(server, 1, "erase");
    assert.deepEqual(Object.keys(erased.body), ["id_slot", "n_erased"]);
    assert.ok(erased.body.n_erased > 100);
    const again = await server.json("/completion", greedy("The dog ran. " + STORY, { id_slot: 1 }));
    assert.ok(again.body.timings.cache_n < 32, `${again.body.timings.cache_n} tokens were cached`);
  });

  test("the number of a slot is taken modulo, anything but a number is refused", async () => {
    assert.deepEqual((await action(server, 7, "erase")).body.id_slot, 7);
    for (const id of ["first", "-1", "1x", "99999999999"]) {
      const reply = await action(server, id, "erase");
      assert.equal(reply.status, 400);
      assert.equal(reply.body.error.message, "Invalid slot ID");
    }
    for (const name of ["freeze", ""]) {
      assert.equal((await action(server, 0, name)).body.error.message, "Invalid action");
    }
  });

  test("names that leave the folder or are no names are refused", async () => {
    for (const name of ["", ".", "..", "../x", "a/b", "/etc/passwd", "a\\b", "a:b", "a*", " a", "a ", "a.",
      "a\nb", "a\u0000b", "a\u0085b", "x".repeat(256), "ü".repeat(128)]) {
      for (const what of ["save", "restore"]) {
        const reply = await action(server, 0, what, name);
        assert.equal(reply.status, 400, JSON.stringify(name));
        assert.equal(reply.body.error.message, "Invalid filename");
      }
    }
    for (const body of [{}, { filename: 3 }, { filename: null }, { filename: ["a"] }, "[]", "nonsense"]) {
      const reply = await server.json("/slots/0?action=save", body);
      assert.equal(reply.status, 400, JSON.stringify(body));
    }
    assert.deepEqual(readdirSync(place).filter((name) => name !== "story.bin"), []);
  });

  test("damaged, foreign and missing files are refused and change nothing", async () => {
    await server.json("/completion", greedy(STORY, { id_slot: 0 }));
    await action(server, 0, "save", "good.bin");
    const good = readFileSync(join(place, "good.bin"));
    const variants = { empty: Buffer.alloc(0), text: Buffer.from("hello"), cut: good.subarray(0, good.length - 9) };
    for (const at of [0, 9, 20, 30, 36, 60, 300, good.length >> 1, good.length - 1]) {
      variants[`flip${at}`] = Buffer.from(good);
      variants[`flip${at}`][at] ^= 16;
    }
    for (const [name, bytes] of Object.entries(variants)) {
      writeFileSync(join(place, name), bytes);
      const reply = await action(server, 1, "restore", name);
      assert.equal(reply.status, 400, name);
      assert.match(reply.body.error.message, /^Unable to restore slot, no available space in KV cache or invalid slot save file: /);
      rmSync(join(place, name));
    }
    symlinkSync("/dev/zero", join(place, "zero"));
    assert.equal((await action(server, 1, "restore", "zero")).status, 400);
    rmSync(join(place, "zero"));
    execFileSync("mkfifo", [join(place, "pipe")]);
    assert.equal((await action(server, 1, "restore", "pipe")).status, 400);
    rmSync(join(place, "pipe"));
    const missing = await action(server, 1, "restore", "nothing.bin");
    assert.equal(missing.body.error.message, "Unable to restore slot, no available space in KV cache or invalid slot save file");
    assert.equal((await server.json("/completion", greedy(STORY))).body.content, fresh.body.content);
  });

  test("a file of another model or cache type is refused with the reason", async (t) => {
    await server.json("/completion", greedy(STORY, { id_slot: 0 }));
    await action(server, 0, "save", "mine.bin");
    const others = [["-ctk", "q8_0"], ...(small ? [["-m", small]] : []), ...(demoModel && demoModel !== model ? [["-m", demoModel]] : [])];
    for (const args of others) {
      const other = await Server.start(["-np", "1", "-c", "1024", "--slot-save-path", place, ...args]);
      const reply = await action(other, 0, "restore", "mine.bin");
      await other.stop();
      assert.equal(reply.status, 400, args.join(" "));
      assert.match(reply.body.error.message, /another model or with other cache types/);
    }
  });

  test("a slot that is too long for the other server is refused", async () => {
    await server.json("/completion", greedy(STORY.repeat(3), { id_slot: 0 }));
    await action(server, 0, "save", "long.bin");
    const other = await Server.start(["-np", "1", "-c", "256", "--slot-save-path", place]);
    const reply = await action(other, 0, "restore", "long.bin");
    await other.stop();
    assert.equal(reply.status, 400);
    assert.match(reply.body.error.message, /a slot holds 256/);
  });

  test("actions wait for a busy slot and others go on meanwhile", async () => {
    const running = server.json("/completion", greedy("A cat", { id_slot: 0, n_predict: 300, ignore_eos: true }));
    while (!(await server.json("/slots")).body[0].is_processing) continue;
    const saved = action(server, 0, "save", "busy.bin");
    const beside = await server.json("/completion", greedy("A dog", { id_slot: 1, n_predict: 4 }));
    assert.equal(beside.status, 200);
    const [whole, file] = await Promise.all([running, saved]);
    assert.equal(file.body.n_saved, whole.body.tokens_cached);
  });

  test("many saves and restores beside requests disturb nothing", async () => {
    const work = [];
    for (let i = 0; i < 12; ++i) {
      work.push(action(server, i % 2, "save", `many${i % 3}.bin`));
      work.push(server.json("/completion", greedy(STORY, { id_slot: i % 2 })));
      work.push(action(server, i % 2, "restore", "story.bin"));
    }
    for (const reply of await Promise.all(work)) {
      assert.equal(reply.status, 200, JSON.stringify(reply.body));
      if (reply.body.content !== undefined) assert.equal(reply.body.content, fresh.body.content);
    }
  });
});

test("a disk that is full leaves the old file and nothing else", { skip }, async () => {
  const place = folder();
  const args = ["-m", model, "--port", "0", "-np", "1", "-c", "1024", "--slot-save-path", place];
  // No file may become larger than 256 KiB: one page fits, many do not.
  const child = spawn("bash", ["-c", 'ulimit -f 256; exec "$@"', "bash", program, ...args]);
  try {
    let log = "";
    const url = await new Promise((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (text) => {
          log += text;
          const ready = /ready: (\S+)/.exec(log);
          if (ready) resolve(ready[1]);
        });
      }
      child.on("exit", () => reject(new Error(log)));
    });
    const post = async (path, body) => {
      const reply = await fetch(url + path, { method: "POST", body: JSON.stringify(body) });
      return { status: reply.status, body: await reply.json() };
    };
    await post("/completion", greedy("Hi", { n_predict: 4 }));
    assert.equal((await post("/slots/0?action=save", { filename: "a" })).status, 200);
    const before = readFileSync(join(place, "a"));
    await post("/completion", greedy(STORY + STORY));
    const failed = await post("/slots/0?action=save", { filename: "a" });
    assert.equal(failed.status, 500);
    assert.match(failed.body.error.message, /^Unable to save slot, cannot write the file: /);
    assert.deepEqual(readFileSync(join(place, "a")), before);
    assert.deepEqual(readdirSync(place), ["a"]);
    assert.equal((await post("/completion", greedy("Hi", { n_predict: 4 }))).status, 200);
  } finally {
    const ended = once(child, "exit");
    child.kill();
    await ended;
    rmSync(place, { recursive: true });
  }
});

test("kill -9 during saves leaves whole files only", { skip: needs(small, "a model of random weights") }, async () => {
  const place = folder();
  const start = () => Server.start(["-m", small, "-np", "1", "-c", "2048", "--slot-save-path", place]);
  const prompt = Array.from({ length: 1200 }, (_, i) => 5 + i % 90);
  let saved = 0;
  for (let round = 0; round < 4; ++round) {
    const server = await start();
    await server.json("/completion", { prompt, n_predict: 1 });
    const saves = (async () => {
      for (;;) saved += (await action(server, 0, "save", "a")).status === 200;
    })().catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 20 + 13 * round));
    await server.stop("SIGKILL");
    await saves;
    assert.deepEqual(readdirSync(place).filter((name) => name !== "a" && !name.startsWith(":slot-part")), []);
  }
  assert.ok(saved > 0);
  const server = await start();
  assert.ok(existsSync(join(place, "a")));
  const restored = await action(server, 0, "restore", "a");
  assert.equal(restored.status, 200, JSON.stringify(restored.body));
  assert.equal(restored.body.n_restored, 1200);
  await server.stop();
  rmSync(place, { recursive: true });
});

describe("prompts that left the cache", { skip }, () => {
  const stories = Array.from({ length: 6 }, (_, i) => `Story ${i}. ${STORY}`);
  async function run(args) {
    const server = await Server.start(["-np", "1", "-c", "512", "--metrics", ...args]);
    const replies = [];
    for (let round = 0; round < 2; ++round) {
      for (const story of stories) replies.push((await server.json("/completion", greedy(story))).body);
    }
    const metrics = await server.metrics();
    await server.stop();
    return { replies, metrics };
  }

  test("come back from memory with the same text", async () => {
    const with_ram = await run(["--cache-ram", "64"]);
    const without = await run(["--cache-ram", "0"]);
    assert.deepEqual(with_ram.replies.map(({ content }) => content), without.replies.map(({ content }) => content));
    for (const reply of with_ram.replies.slice(6)) assert.equal(reply.timings.prompt_n, 1);
    assert.ok(without.replies.slice(6).some(({ timings }) => timings.prompt_n > 50));
    assert.ok(with_ram.metrics.kv_pages_revived_total > 10);
    assert.ok(with_ram.metrics.kv_stored_bytes > 0);
    assert.equal(without.metrics.kv_pages_stored, 0);
  });

  test("stay below the limit", async () => {
    const { metrics } = await run(["--cache-ram", "1"]);
    assert.ok(metrics.kv_stored_bytes <= 1 << 20);
  });
});

describe("pieces that move", { skip }, () => {
  test("are reused behind something that was taken out", async () => {
    const server = await Server.start(["-np", "1", "-c", "2048", "--cache-reuse", "16", "--metrics"]);
    const head = "You are a helpful storyteller. ".repeat(4);
    const gone = "This sentence will be taken out later, all of it. ".repeat(3);
    await server.json("/completion", greedy(head + gone + STORY));
    const moved = await server.json("/completion", greedy(head + STORY));
    const plain = await server.json("/completion", greedy(head + STORY, { n_cache_reuse: 0 }));
    const { timings } = moved.body;
    assert.ok(timings.cache_n > 0.9 * (timings.cache_n + timings.prompt_n), JSON.stringify(timings));
    assert.ok(plain.body.timings.cache_n < 0.7 * timings.cache_n, "moved keys are for those who ask");
    assert.ok((await server.metrics()).kv_tokens_moved_total > 50);
    await server.stop();
  });

  test("bad numbers are refused", async () => {
    const server = await Server.start([]);
    for (const n_cache_reuse of [-1, "many"]) {
      const reply = await server.json("/completion", greedy("Hi", { n_cache_reuse }));
      assert.equal(reply.status, 400);
      assert.match(reply.body.error.message, /n_cache_reuse/);
    }
    await server.stop();
  });
});

test("a context that is shifted again and again gives one text, alone and beside others", { skip }, async () => {
  const server = await Server.start(["-np", "3", "-c", "768", "--context-shift"]);
  const ask = (keep) => server.json("/completion", greedy("Once upon a time", { n_predict: 700, n_keep: keep, ignore_eos: true }));
  const alone = [(await ask(0)).body, (await ask(5)).body];
  const together = (await Promise.all([ask(0), ask(5), ask(0)])).map(({ body }) => body);
  assert.ok(alone[0].truncated);
  assert.equal(alone[0].tokens_predicted, 700);
  assert.deepEqual(together.map(({ content }) => content), [alone[0].content, alone[1].content, alone[0].content]);
  await server.stop();
});

test("a folder for slots has to be there", { skip }, async () => {
  const child = spawn(program, ["-m", model, "--slot-save-path", "/nowhere/at/all"]);
  let text = "";
  child.stderr.on("data", (some) => { text += some; });
  const [code] = await once(child, "exit");
  assert.equal(code, 1);
  assert.match(text, /--slot-save-path: '\/nowhere\/at\/all' is not a directory/);
});
