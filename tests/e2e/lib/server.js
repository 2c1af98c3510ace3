// Starts the real program on a free port and stops it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { model, program } from "./places.js";

const START_TIMEOUT_MS = 60_000;

/** A port that nobody listens on at this moment. */
export async function freePort() {
  const socket = createServer().listen(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}

export class Server {
  /** @param {string[]} args besides host, port and (unless it names one, or many) the model */
  static async start(args = [], { env = {}, cwd, untilReady = true } = {}) {
    const server = new Server(args, env, cwd);
    await server.waitFor(untilReady ? /ready: ([^\s"]+)/ : /listening on ([^\s"]+)/);
    return server;
  }

  constructor(args, env, cwd) {
    const sources = ["-m", "--model", "-hf", "--hf-repo", "-mu", "--model-url", "-dr", "--docker-repo", "--models-dir", "--models-preset"];
    const hasModel = args.some((arg) => sources.includes(arg));
    this.args = [
      ...(hasModel ? [] : ["-m", model]),
      ...["--host", "127.0.0.1", "--port", "0"],
      ...args,
    ];
    this.log = "";
    this.child = spawn(program, this.args, {
      cwd,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.exited = once(this.child, "exit");
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => {
        this.log += text;
        this.wake?.();
      });
    }
  }

  /** Resolves with the match of `pattern` in the log; rejects when the program ends first. */
  async waitFor(pattern) {
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const match = pattern.exec(this.log);
      if (match) {
        const address = /listening on ([^\s"]+)/.exec(this.log);
        if (address) this.url = address[1];
        return match;
      }
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`llama-server ${this.args.join(" ")} ended:\n${this.log}`);
      }
      if (Date.now() > deadline) throw new Error(`no ${pattern} in the log:\n${this.log}`);
      await Promise.race([
        new Promise((resolve) => {
          this.wake = resolve;
        }),
        this.exited,
        new Promise((resolve) => setTimeout(resolve, 1000).unref()),
      ]);
    }
  }

  get pid() {
    return this.child.pid;
  }

  /** A sanitizer keeps freed memory for a while, so its size says nothing. */
  isSanitized() {
    // GCC links the sanitizer's library; Clang has it inside, and the end of address sanitizer's
    // shadow memory on x86-64 shows it.
    return /lib(a|t)san|-10007fff8000 /.test(readFileSync(`/proc/${this.pid}/maps`, "utf8"));
  }

  /** Resident memory in KiB. */
  residentKib() {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, "utf8"))[1]);
  }

  /** Sends the signal and returns {code, signal} of the end. */
  async stop(signal = "SIGTERM") {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    const [code, by] = await this.exited;
    return { code, signal: by };
  }

  /** fetch() of a path; `body` objects are sent as JSON. */
  fetch(path, { method, body, headers = {}, ...more } = {}) {
    const asItIs = body === undefined || typeof body === "string" || Buffer.isBuffer(body);
    const text = asItIs ? body : JSON.stringify(body);
    return fetch(this.url + path, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: { "Content-Type": "application/json", ...headers },
      body: text,
      ...more,
    });
  }

  /** Status and parsed JSON of one exchange. */
  async json(path, body, more = {}) {
    const reply = await this.fetch(path, { body, ...more });
    return { status: reply.status, headers: reply.headers, body: await reply.json() };
  }

  /** The `data:` texts of a streamed reply. */
  async stream(path, body, more = {}) {
    const reply = await this.fetch(path, { body, ...more });
    const text = await reply.text();
    return {
      status: reply.status,
      headers: reply.headers,
      text,
      events: text.split("\n\n").filter((part) => part.startsWith("data: ")).map((part) => part.slice(6)),
    };
  }

  /** Values of /metrics by name. */
  async metrics() {
    const text = await (await this.fetch("/metrics")).text();
    return Object.fromEntries(
      [...text.matchAll(/^llamacpp:(\S+) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]),
    );
  }
}
