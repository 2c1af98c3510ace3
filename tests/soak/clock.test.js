// The wall clock jumps: nothing that waits may notice. With libfaketime the server's clock really
// jumps; everywhere it is checked that waiting is left to the steady clock.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { hasModel, needs, source } from "../lib/places.js";
import { Server } from "../lib/server.js";
import { events } from "../lib/sse.js";

const library = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
  .map((machine) => `/usr/lib/${machine}/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

test("a day forward and a week back: streams, connections and limits go on",
  { skip: needs(hasModel, "models") || needs(library, "libfaketime"), timeout: 60_000 }, async () => {
    const place = mkdtempSync(join(tmpdir(), "llama-clock-"));
    const clock = join(place, "clock");
    const limits = join(place, "limits.json");
    writeFileSync(clock, "+0");
    writeFileSync(limits, '{"k":{"requests_per_minute":3}}');
    const server = await Server.start(["-c", "1024", "-np", "2", "--api-key", "k,free", "--api-key-limits", limits], {
      env: {
        LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1", DONT_FAKE_MONOTONIC: "1",
      },
    });
    const headers = (key) => ({ headers: { Authorization: `Bearer ${key}` } });
    const ask = (key) => server.json("/completion", { prompt: "Hi", n_predict: 2 }, headers(key));
    const created = async () => (await server.json("/v1/chat/completions",
      { messages: [{ role: "user", content: "Hi" }], max_tokens: 1 }, headers("free"))).body.created;
    try {
      const start = await created();
      for (let i = 0; i < 3; ++i) assert.equal((await ask("k")).status, 200);
      const reply = await server.fetch("/completion",
        { body: { prompt: "Hi", n_predict: 400, ignore_eos: true, stream: true, t_max_predict_ms: 600_000 }, ...headers("free") });
      let count = 0, last;
      for await (const event of events(reply)) {
        last = event;
        ++count;
        if (count === 20) writeFileSync(clock, "+1d");
        if (count === 200) writeFileSync(clock, "-7d");
      }
      assert.equal(last.stop, true);
      assert.equal(last.tokens_predicted, 400);
      assert.ok(last.timings.predicted_ms > 0 && last.timings.predicted_ms < 60_000, JSON.stringify(last.timings));
      writeFileSync(clock, "+1d");
      await pause(50);
      const later = await created();
      assert.ok(later - start > 80_000, `the clock did not jump: ${later - start} s`);
      assert.equal((await ask("k")).status, 429, "a jump gives no new budget");
      writeFileSync(clock, "-7d");
      assert.equal((await ask("free")).status, 200);
      assert.equal((await server.stop()).code, 0);
    } finally {
      await server.stop();
      rmSync(place, { recursive: true });
    }
  });

test("the wall clock is read only where a time of day is shown", () => {
  const found = execFileSync("grep", ["-rnE", "system_clock|gettimeofday|CLOCK_REALTIME|[^a-z_]time\\((nullptr|NULL|0)\\)",
    join(source, "src"), "--include=*.h", "--include=*.cpp"], { encoding: "utf8" }).trim().split("\n")
    .map((line) => line.slice(source.length + 1).split(":")[0]);
  // The log's lines, records and files; `created` and the like of replies; today's date in prompts.
  const shown = /^src\/(base\/(log\.cpp|utc\.(cpp|h))|server\/observe\/(request_log\.h|observer\.cpp|prompt_files\.cpp)|chat\/template(_variables)?\.cpp)$/;
  assert.deepEqual([...new Set(found)].filter((path) => !shown.test(path)), []);
  assert.ok(readFileSync(join(source, "src/http/connection.h"), "utf8").includes("steady_clock"));
});
