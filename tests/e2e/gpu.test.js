// Placement of a model on GPUs, with the CUDA device's kernels on the CPU in place of a GPU
// (tests/compute/cuda_on_cpu): where layers go, what is refused, and that the answers are the same.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { program } from "./lib/places.js";
import { Server } from "./lib/server.js";

const env = { LLAMA_CUDA_LIBRARY: process.env.CUDA_ON_CPU };

const complete = async (server, prompt) => {
  const response = await fetch(`${server.url}/completion`, {
    method: "POST",
    body: JSON.stringify({ prompt, n_predict: 6, temperature: 0 }),
  });
  assert.equal(response.status, 200);
  return (await response.json()).content;
};

const runs = (args, more = env) => {
  const { status, stdout, stderr } = spawnSync(program, args, {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...more }, encoding: "utf8", timeout: 60_000,
  });
  return { status, stdout, last: stderr.trim().split("\n").at(-1) };
};

test("devices are listed", () => {
  const { status, stdout } = runs(["--list-devices"]);
  assert.equal(status, 0);
  assert.match(stdout, /^Available devices:\n {2}CUDA0: .+ \(1024 MiB, 1024 MiB free\)\n$/);
});

test("without the library there is no GPU, and it says why", () => {
  const nowhere = { LLAMA_CUDA_LIBRARY: "/nowhere/libllama-cuda.so" };
  const { status, stdout } = runs(["--list-devices"], nowhere);
  assert.equal(status, 0);
  assert.match(stdout, /^Available devices:\n {2}\(none\) .*\/nowhere\/libllama-cuda\.so/);
  const refused = runs(["-dev", "CUDA0", "--port", "0"], nowhere);
  assert.equal(refused.status, 1);
  assert.match(refused.last, /--device: there is no 'CUDA0': no GPU here/);
});

test("GPUs that are not there are named", () => {
  const { status, last } = runs(["-dev", "cuda:1", "--port", "0"]);
  assert.equal(status, 1);
  assert.match(last, /--device: there is no 'cuda:1', only CUDA0/);
  assert.match(runs(["-sm", "none", "-mg", "3", "--port", "0"]).last, /--main-gpu: there are 1 GPUs/);
  assert.match(runs(["-ts", "1,1", "--port", "0"]).last, /--tensor-split: 2 shares for 1 GPUs/);
});

test("what does not fit is refused with what would", () => {
  const { status, last } = runs(["-ngl", "all", "-fitt", "1023", "-c", "256", "--port", "0"]);
  assert.equal(status, 1);
  assert.match(last, /layers \(-ngl\) with a context of 256 tokens need \d+ MiB more GPU memory than is free; try .*-ngl auto/);
});

test("layers go where they are told, and answers stay the same", { timeout: 300_000 }, async () => {
  const prompt = "What is the capital of France?";
  const cpu = await Server.start(["-c", "256", "-dev", "none"], { env });
  const expected = await complete(cpu, prompt);
  await cpu.stop();
  assert.ok(expected.length > 0);
  for (const [args, where] of [
    [["-fitt", "64"], /CUDA0: layers 0-\d+, output: weights \d+ MiB, cache \d+ MiB, working memory \d+ MiB/],
    [["-fitt", "64", "-ngl", "3"], /CPU: layers 0-\d+: .*\n.*CUDA0: layers \d+-\d+, output/],
    [["-fitt", "64", "-nkvo"], /CPU: parts of layers: .*\n.*CUDA0: layers 0-\d+, output: weights \d+ MiB, cache 0 MiB/],
  ]) {
    const server = await Server.start(["-c", "256", "--no-warmup", ...args], { env });
    try {
      assert.match(server.log, where);
      assert.equal(await complete(server, prompt), expected, args.join(" "));
    } finally {
      await server.stop();
    }
  }
});

test("-ngl 0 and -dev none leave the GPU alone", async () => {
  for (const args of [["-ngl", "0"], ["-dev", "none"]]) {
    const server = await Server.start(["-c", "256", ...args], { env });
    await server.stop();
    assert.doesNotMatch(server.log, /CUDA0/);
  }
});
