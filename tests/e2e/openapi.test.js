// /openapi.json is valid, is what the server does, and knows what recorded clients send.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import parser from "@readme/openapi-parser";
import Ajv2020 from "ajv/dist/2020.js";
import { hasModel, needs, shared } from "./lib/places.js";
import { Server } from "./lib/server.js";

const skip = needs(hasModel, "models");
let server, description;
before(async () => {
  if (skip) return;
  server = await Server.start(["-c", "512", "-np", "2"]);
  ({ body: description } = await server.json("/openapi.json"));
});
after(() => server?.stop());

/** [path, method, operation] of all. */
const operations = () => Object.entries(description.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => [path, method.toUpperCase(), operation]));

function schemaOf(operation) {
  const reference = operation.requestBody?.content["application/json"].schema.$ref;
  return reference && description.components.schemas[reference.split("/").pop()];
}

test("it is valid OpenAPI 3.1", { skip }, async () => {
  assert.equal(description.openapi, "3.1.0");
  await parser.validate(structuredClone(description));
});

test("every schema compiles", { skip }, () => {
  const ajv = new Ajv2020({ strict: false });
  ajv.addSchema({ $id: "api", components: description.components });
  for (const name of Object.keys(description.components.schemas)) {
    ajv.compile({ $ref: `api#/components/schemas/${name}` });
  }
});

/** Bodies that a route takes, so that its good status is seen, too. */
const GOOD = {
  "/completion": { prompt: "Hi", n_predict: 1 }, "/completions": { prompt: "Hi", n_predict: 1 },
  "/v1/completions": { prompt: "Hi", max_tokens: 1 },
  "/v1/chat/completions": { messages: [{ role: "user", content: "Hi" }], max_tokens: 1 },
  "/chat/completions": { messages: [{ role: "user", content: "Hi" }], max_tokens: 1 },
  "/v1/messages": { messages: [{ role: "user", content: "Hi" }], max_tokens: 1 },
  "/v1/responses": { input: "Hi", max_output_tokens: 1 },
  "/tokenize": { content: "Hi" }, "/detokenize": { tokens: [5] },
  "/v1/chat/completions/control": { id: "x", action: "reasoning_end" },
};

test("every route answers with a status that is in its description", { skip }, async () => {
  for (const [path, method, operation] of operations()) {
    const bodies = method === "POST" ? [{}, "{", [], GOOD[path] ?? {}] : [undefined];
    for (const body of bodies) {
      const reply = await server.fetch(path.replace(/\{\w+\}/g, "0"), { method, body });
      await reply.arrayBuffer();
      assert.ok(String(reply.status) in operation.responses, `${method} ${path}: ${reply.status}`);
      if (GOOD[path] && body === GOOD[path]) assert.equal(reply.status, 200, path);
    }
  }
});

test("a field of a wrong type is refused and named, a required one that is missing too", { skip }, async () => {
  const wrong = [];
  let checked = 0;
  for (const [path, method, operation] of operations()) {
    const schema = schemaOf(operation);
    const good = GOOD[path];
    if (!schema?.properties || !good) continue;
    for (const [name, field] of Object.entries(schema.properties)) {
      const types = [field.type ?? []].flat();
      const value = types.length > 0 && [[], {}, 5, "x", true].find((candidate) => {
        const type = Array.isArray(candidate) ? "array" : typeof candidate;
        const is = type === "number" ? ["integer", "number"] : type === "boolean" ? ["boolean", "integer", "number"] : [type];
        return !is.some((one) => types.includes(one));
      });
      if (value === false || value === undefined) continue;
      // Of several names of one field the first one counts.
      const others = Object.entries(good)
        .filter(([other]) => schema.properties[other]?.description !== field.description && !(/tokens$/.test(name) && /tokens$/.test(other)));
      const { status, body } = await server.json(path, { ...Object.fromEntries(others), [name]: value });
      const last = name.split("_").pop();
      const isNamed = body.error?.message.includes(name) || body.error?.message.includes(last);
      if (status !== 400 || !isNamed) wrong.push(`${method} ${path} ${name} = ${JSON.stringify(value)}: ${status} ${body.error?.message}`);
      ++checked;
    }
    for (const name of schema.required ?? []) {
      const { [name]: gone, ...rest } = good;
      const { status, body } = await server.json(path, rest);
      assert.equal(status, 400, `${path} without ${name}`);
      assert.ok(body.error.message.includes(name), body.error.message);
      ++checked;
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(checked > 300, `${checked}`);
});

const folder = shared && join(shared, "captures");
/** Recorded requests that are not as described. */
const ODD = {
  "infill/prompt-not-string.json": "refused here",
  "oai-completions/logprobs-true.json": "a switch for an integer: accepted, not described",
};
test("fields of recorded requests are in the schema of their path", { skip: skip || needs(folder && existsSync(folder), "the recordings") }, () => {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  ajv.addSchema({ $id: "api", components: description.components });
  const unknown = new Set();
  const invalid = [];
  let fields = 0;
  for (const group of readdirSync(folder)) {
    if (group === "fixtures" || !existsSync(join(folder, group)) || group.endsWith(".md")) continue;
    for (const name of readdirSync(join(folder, group))) {
      const { request, response, launch } = JSON.parse(readFileSync(join(folder, group, name), "utf8"));
      const path = request.path.split("?")[0];
      const operation = description.paths[path]?.[request.method.toLowerCase()];
      const isObject = request.body && typeof request.body === "object" && !Array.isArray(request.body);
      if (response.status >= 300 || !isObject || !operation || launch.args.includes("--api-prefix")) continue;
      const schema = schemaOf(operation);
      if (!schema?.properties) continue;
      for (const field of Object.keys(request.body)) {
        ++fields;
        if (!(field in schema.properties) && !/^(unknown|foo|nonsense|no_such|x$)/.test(field)) unknown.add(`${path} ${field} (${group}/${name})`);
      }
      const body = Object.fromEntries(Object.entries(request.body).filter(([, value]) => value !== null));
      const check = ajv.compile({ $ref: `api#/components/schemas/${operation.requestBody.content["application/json"].schema.$ref.split("/").pop()}` });
      if (!check(body) && !(`${group}/${name}` in ODD)) invalid.push(`${group}/${name}: ${ajv.errorsText(check.errors)}`);
    }
  }
  assert.ok(fields > 500, `${fields}`);
  assert.deepEqual([...unknown], []);
  assert.deepEqual(invalid, []);
});

test("the page that shows it needs nothing from elsewhere", { skip }, async () => {
  for (const path of ["/docs", "/docs.js", "/docs.css"]) {
    const reply = await server.fetch(path);
    assert.equal(reply.status, 200, path);
    const text = await reply.text();
    assert.ok(!/(https?:)?\/\/[a-z]+\.[a-z]/i.test(text.replace(/^\s*\/\/.*$/gm, "")), path);
  }
  assert.match((await server.fetch("/docs")).headers.get("content-security-policy"), /default-src 'none'/);
});

test("behind a prefix it says so", { skip }, async () => {
  const other = await Server.start(["-c", "256", "--api-prefix", "/llm"]);
  try {
    const { body } = await other.json("/llm/openapi.json");
    assert.deepEqual(body.servers, [{ url: "/llm" }]);
    assert.equal((await other.fetch("/llm/docs")).status, 200);
    assert.equal((await other.fetch("/openapi.json")).status, 404);
    const moved = await other.fetch("/llm", { redirect: "manual" });
    assert.equal(moved.headers.get("location"), "/llm/");
  } finally {
    await other.stop();
  }
});
