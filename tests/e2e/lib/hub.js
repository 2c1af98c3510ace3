// A hub of models on this machine: speaks the API of Hugging Face, or just serves files, and breaks
// in the ways that networks do.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";

export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

export class Hub {
  /**
   * @param {Record<string, Buffer>} files of the one repository, by path
   * @param {object} behaviour `token`: needed for everything; `etag`; `lfs(path, file)`: what the
   *   list says of a file; `content(request, reply, file, hub)`: answers a request for a file, true
   *   when it did; `before(request, reply, hub)`: the same for every request; `tls`: {key, cert};
   *   `others`: files of further repositories, by their name
   */
  static async start(files = {}, behaviour = {}) {
    const hub = new Hub();
    Object.assign(hub, { files, behaviour, requests: [], commit: "c0ffee".padEnd(40, "0") });
    const answer = (request, reply) => hub.answer(request, reply);
    hub.server = behaviour.tls ? createTlsServer(behaviour.tls, answer) : createServer(answer);
    await new Promise((resolve) => hub.server.listen(0, "127.0.0.1", resolve));
    const scheme = behaviour.tls ? "https" : "http";
    hub.url = `${scheme}://127.0.0.1:${hub.server.address().port}`;
    return hub;
  }

  async stop() {
    this.server.closeAllConnections?.();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Requests for contents of files. */
  get downloads() {
    return this.requests.filter(({ url }) => url.includes("/resolve/") || url.endsWith(".gguf"));
  }

  answer(request, reply) {
    const { url, headers } = request;
    this.requests.push({ url, headers });
    if (this.behaviour.before?.(request, reply, this)) return;
    if (this.behaviour.token && headers.authorization !== `Bearer ${this.behaviour.token}`) {
      reply.writeHead(401).end();
      return;
    }
    const path = decodeURIComponent(url.split("?")[0]);
    const json = (value) => reply.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(value));
    const [, repository, rest] = /^\/(?:api\/models\/)?([^/]+\/[^/]+)\/((?:refs|tree|resolve)\b.*)$/.exec(path) ?? [];
    const files = this.behaviour.others?.[repository] ?? this.files;
    const isKnown = repository === "me/tiny" || this.behaviour.others?.[repository];
    if (isKnown && rest === "refs") {
      json({ branches: [{ name: "main", ref: "refs/heads/main", targetCommit: this.commit }] });
    } else if (isKnown && rest === `tree/${this.commit}`) {
      const page = Number(new URL(url, this.url).searchParams.get("cursor") ?? 0);
      const { perPage = 1000 } = this.behaviour;
      const entries = Object.entries(files).slice(page * perPage);
      // As behind a mirror: the link names another host.
      if (entries.length > perPage) reply.setHeader("Link", `<https://huggingface.invalid${path}?cursor=${page + 1}>; rel="next"`);
      json(entries.slice(0, perPage).map(([name, file]) => ({
        type: "file",
        path: name,
        oid: "0".repeat(40),
        size: 130,
        lfs: { oid: sha256(file), size: file.length, ...this.behaviour.lfs?.(name, file) },
      })));
    } else {
      const name = path.replace(`/${repository}/resolve/${this.commit}/`, "").replace(/^\//, "");
      const file = files[name];
      if (!file) reply.writeHead(404).end();
      else if (!this.behaviour.content?.(request, reply, file, this)) this.send(request, reply, file);
    }
  }

  /** A file, or the range of it that is asked for; `until`: breaks the connection there. */
  send(request, reply, file, { until, hold } = {}) {
    const etag = this.behaviour.etag ?? `"${sha256(file).slice(0, 16)}"`;
    if (request.headers["if-none-match"] === etag) {
      reply.writeHead(304, { ETag: etag }).end();
      return;
    }
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
    const isSame = (request.headers["if-range"] ?? etag) === etag;
    const from = range && isSame ? Number(range[1]) : 0;
    if (from >= file.length) {
      reply.writeHead(416, { "Content-Range": `bytes */${file.length}` }).end();
      return;
    }
    reply.writeHead(from > 0 ? 206 : 200, {
      ETag: etag,
      "Content-Length": file.length - from,
      ...(from > 0 ? { "Content-Range": `bytes ${from}-${file.length - 1}/${file.length}` } : {}),
    });
    if (until === undefined || until >= file.length) {
      reply.end(file.subarray(from));
    } else {
      // What was written goes out before the connection breaks, or stalls.
      reply.write(file.subarray(from, Math.max(from, until)), () => {
        if (!hold) setTimeout(() => request.socket.destroy(), 50);
      });
    }
  }
}
