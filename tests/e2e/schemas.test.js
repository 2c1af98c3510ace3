// What a schema's grammar lets through is valid under the schema: random texts of many schemas,
// checked by an independent validator.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const program = process.env.SCHEMA_SAMPLES ?? "";
const file = `${process.env.LLAMA_SOURCE}/tests/data/schemas.json`;
const skip = existsSync(program) && existsSync(file) ? false : "the sampler is not built";
const seed = process.env.SCHEMA_SEED ?? "1";

test("random texts are valid under their schemas", { skip }, () => {
  const schemas = JSON.parse(readFileSync(file, "utf8"));
  assert.ok(schemas.length >= 200);
  const { status, stdout, stderr } = spawnSync(program, [file, "10", seed], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  assert.equal(status, 0, stderr);
  const validators = schemas.map((schema) => {
    const ajv = new Ajv({ strict: false });
    addFormats(ajv);
    return ajv.compile(schema);
  });
  const lines = stdout.trim().split("\n");
  assert.ok(lines.length > schemas.length * 9, `${lines.length} texts`);
  for (const line of lines) {
    const { schema, text } = JSON.parse(line);
    const validate = validators[schema];
    assert.ok(
      validate(JSON.parse(text)),
      `${JSON.stringify(schemas[schema])}\n${text}\n${JSON.stringify(validate.errors)}`,
    );
  }
});
