// What the benchmarks share: places, medians, rounds that alternate, a server to talk to.
import {spawn} from "node:child_process";
import {once} from "node:events";
import {readFileSync} from "node:fs";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
export const program = (name) => join(root, "build/bin", name);
export const peerScript = (name) => join(root, "bench/peer", name);

export const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/// Calls `ours` and `peer` in turn, each first as often as the other: neither always meets the
/// warmer machine. Returns [ours, peer] of every round.
export async function alternate(rounds, ours, peer) {
  const results = [];
  for (let round = 0; round < rounds; ++round) {
    if (round % 2 === 0) {
      const first = await ours();
      results.push([first, await peer()]);
    } else {
      const first = await peer();
      results.push([await ours(), first]);
    }
  }
  return results;
}

/// Highest resident memory of a process so far, in MiB.
export const peakMiB = (pid) =>
  Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;

/// llama-server on a port of this machine.
export class Server {
  constructor(args, port) {
    this.url = `http://127.0.0.1:${port}`;
    this.process = spawn(program("llama-server"), [...args, "--port", String(port)], {stdio: "ignore"});
  }
  async ready() {
    for (let tries = 0; tries < 60000; ++tries) {
      const answer = await fetch(`${this.url}/health`).catch(() => null);
      if (answer?.ok) return this;
      if (this.process.exitCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error("the server did not become ready");
  }
  async post(path, body) {
    const answer = await fetch(this.url + path, {method: "POST", body: JSON.stringify(body)});
    if (!answer.ok) throw new Error(await answer.text());
    return answer;
  }
  async stop() {
    const ended = once(this.process, "exit");
    this.process.kill();
    await ended;
  }
}
