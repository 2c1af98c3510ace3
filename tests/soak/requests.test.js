// Random requests from a grammar of valid and invalid bodies, made from /openapi.json: never a 500,
// always a documented status, and afterwards the server is as before. 1000 of them, with
// LLAMA_SOAK=1 10000; LLAMA_SEED repeats a run.
import assert from "node:assert/strict";
import { test } from "node:test";
import { hasModel, needs } from "../lib/places.js";
import { Server } from "../lib/server.js";
import { assertClean, generator, inParallel, isLong } from "./lib.js";

const skip = needs(hasModel, "models");
const COUNT = isLong ? 10_000 : 1000;
const SEED = Number(process.env.LLAMA_SEED ?? 1 + (Date.now() % 1_000_000));

const STRINGS = ["", "Hi", "a".repeat(3000), "\u0000\u0001", "é漢字🙂", "<s></s>", "{{ x }}", "root ::= \"a\"",
  "null", "-1", "../../etc/passwd", "%s%n", "auto", "none", "required", "user", "assistant", "text",
  "\ufffd\u202e", "\\", '"', "\n\n", "[INST]", "edskypmxt"];
const NUMBERS = [0, 1, -1, 2, 3, 0.5, -0.5, 1e9, -1e9, 2 ** 31, 2 ** 53, -(2 ** 63), 1e300, -1e300, 1e-300, 4294967295];

/** Any JSON. */
function junk(random, depth = 0) {
  const kind = random.below(depth > 3 ? 4 : 6);
  if (kind === 0) return null;
  if (kind === 1) return random.chance(0.5);
  if (kind === 2) return random.pick(NUMBERS);
  if (kind === 3) return random.pick(STRINGS);
  const count = random.below(4);
  if (kind === 4) return Array.from({ length: count }, () => junk(random, depth + 1));
  return Object.fromEntries(Array.from({ length: count }, () => [random.pick(STRINGS.slice(1, 10)), junk(random, depth + 1)]));
}

/** A value that the schema allows, mostly. */
function valueOf(random, schema, schemas, depth = 0) {
  if (schema === true || depth > 5 || random.chance(0.03)) return junk(random);
  if (schema.$ref) return valueOf(random, schemas[schema.$ref.split("/").pop()], schemas, depth + 1);
  if (schema.anyOf) return valueOf(random, random.pick(schema.anyOf), schemas, depth + 1);
  if (schema.enum) return random.pick(schema.enum);
  if (schema.const !== undefined) return schema.const;
  const type = random.pick([schema.type ?? ["string", "integer", "boolean", "object", "array"]].flat());
  switch (type) {
    case "boolean": return random.chance(0.5);
    case "integer": return Math.max(schema.minimum ?? 0, random.pick([0, 1, 2, 5, 40]));
    case "number": return random.pick([0, 0.1, 0.5, 0.95, 1, 1.5]);
    case "string": return random.pick(STRINGS);
    case "null": return null;
    case "array": return Array.from({ length: random.below(4) + (schema.minItems ?? 0) },
      () => valueOf(random, schema.items ?? {}, schemas, depth + 1));
    default: {
      const object = {};
      for (const [name, member] of Object.entries(schema.properties ?? {})) {
        if (schema.required?.includes(name) || random.chance(0.5)) object[name] = valueOf(random, member, schemas, depth + 1);
      }
      return object;
    }
  }
}

function chatMessages(random) {
  const count = 1 + random.below(3);
  return Array.from({ length: count }, (_, i) => ({ role: i % 2 ? "assistant" : "user", content: random.pick(["Hi", "What is 1 + 1?", ""]) }));
}

/** Fields that make the request a sensible one, so that not everything ends at the first check. */
function sane(random, path) {
  if (/messages|chat\/completions|apply-template/.test(path)) return { messages: chatMessages(random) };
  if (/responses/.test(path)) return { input: "Hi" };
  if (/completion/.test(path)) return { prompt: random.pick(["Hi", "Once upon a time", [5, 6, 7], ["a", "b"]]) };
  return {};
}

function bodyOf(random, path, schema, schemas) {
  const body = sane(random, path);
  const names = Object.keys(schema.properties ?? {});
  for (let i = random.below(6); i > 0 && names.length > 0; --i) {
    const name = random.pick(names);
    body[name] = random.chance(0.75) ? valueOf(random, schema.properties[name], schemas) : junk(random);
  }
  if (random.chance(0.05)) body[random.pick(STRINGS)] = junk(random);
  // Short replies: the number of requests is what counts.
  for (const name of ["n_predict", "max_tokens", "max_completion_tokens", "max_output_tokens"]) {
    if (name in body && !(typeof body[name] === "number" && body[name] > 8)) continue;
    if (name in (schema.properties ?? {})) body[name] = random.below(5);
  }
  if (random.chance(0.9)) delete body.id_slot;
  let text = JSON.stringify(body);
  if (random.chance(0.04)) text = text.slice(0, random.below(text.length + 1));
  if (random.chance(0.02)) text = "[".repeat(random.pick([10, 300, 5000])) + text;
  if (random.chance(0.02)) text = Buffer.concat([Buffer.from(text), Buffer.from([random.below(256)])]);
  return text;
}

test(`${COUNT} random requests, seed ${SEED}`, { skip, timeout: isLong ? 3_600_000 : 300_000 }, async () => {
  // Without --props: what it changes would not end with the request.
  const server = await Server.start(["-c", "1024", "-np", "4", "--metrics"]);
  try {
    const { body: description } = await server.json("/openapi.json");
    const { schemas } = description.components;
    const routes = Object.entries(description.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })));
    const posts = routes.filter(({ operation }) => operation.requestBody);
    const counts = {};
    let size;
    await inParallel(COUNT, 8, async (i) => {
      const random = generator(SEED + i);
      const { path, method, operation } = random.chance(0.9) ? random.pick(posts) : random.pick(routes);
      const reference = operation.requestBody?.content["application/json"].schema.$ref;
      const schema = reference ? schemas[reference.split("/").pop()] : {};
      const body = method === "POST" ? bodyOf(random, path, schema, schemas) : undefined;
      const target = path.replace(/\{\w+\}/g, () => encodeURIComponent(random.pick(["0", "1", "x", "-1", "é"])));
      const control = new AbortController();
      const leaves = random.chance(0.03);
      const timer = leaves && setTimeout(() => control.abort(), random.below(30));
      const show = () => `request ${i} of seed ${SEED}: ${method} ${target} ${String(body).slice(0, 500)}`;
      try {
        const reply = await server.fetch(target, { method, body, signal: control.signal });
        const text = await reply.text();
        counts[reply.status] = (counts[reply.status] ?? 0) + 1;
        assert.ok(reply.status !== 500 && String(reply.status) in operation.responses, `${reply.status} for ${show()}: ${text.slice(0, 300)}`);
        if (reply.status >= 400) assert.equal(typeof JSON.parse(text).error.message, "string", show());
      } catch (error) {
        if (!leaves || error.name !== "AbortError") throw new Error(`${show()}: ${error.message}`, { cause: error });
      } finally {
        clearTimeout(timer);
      }
      if (i === Math.floor(COUNT / 2)) size = server.residentKib();
    });
    assert.ok(counts[200] > COUNT / 20 && counts[400] > COUNT / 20, JSON.stringify(counts));
    assert.equal((await server.fetch("/health")).status, 200);
    const { status, body } = await server.json("/completion", { prompt: "Hi", n_predict: 2, temperature: 0 });
    assert.equal(status, 200);
    assert.equal(body.tokens_predicted, 2);
    const metrics = await server.metrics();
    assert.equal(metrics.requests_processing, 0);
    const grown = server.residentKib() - size;
    if (!server.isSanitized()) assert.ok(grown < 64 * 1024, `${grown} KiB more in the second half`);
    assert.equal((await server.stop()).code, 0);
    assertClean(server);
  } finally {
    await server.stop();
  }
});
