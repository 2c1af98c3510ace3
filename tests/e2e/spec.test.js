// Every curl command of the product's specification, as it stands but for the address.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { demoModel, needs, shared } from "./lib/places.js";
import { Server } from "./lib/server.js";

const skip = needs(demoModel, "the demo model") || needs(shared, "the specification");

/** Examples of features that are to come: pattern of the command, area. */
const LATER = [
  [/"lora"/, "adapters: ids that are not loaded are accepted and have no effect"],
  [/\/v1\/messages|\/v1\/responses/, "Anthropic and OpenAI responses"],
];

/** Every command of the text that begins with `curl`, continued lines joined. */
function curlCommands(text) {
  const commands = [];
  const lines = text.split("\n");
  for (let i = 0; i < lines.length; ++i) {
    const start = lines[i].indexOf("curl ");
    if (start < 0 || lines[i].startsWith("#")) continue;
    let command = lines[i].slice(start);
    const quotes = () => (command.match(/'/g) ?? []).length;
    while (command.endsWith("\\") || quotes() % 2 === 1) command += `\n${lines[++i]}`;
    commands.push(command);
  }
  return commands;
}

let server;
before(async () => {
  if (!skip) server = await Server.start(["-m", demoModel, "-c", "4096", "-np", "4", "-n", "24", "--metrics", "--props"]);
});
after(() => server?.stop());

const commands = skip ? [] : curlCommands(readFileSync(join(shared, "spec/llama-server.md"), "utf8"));

test("the examples were found", { skip }, () => assert.ok(commands.length >= 15, `${commands.length}`));

for (const command of commands) {
  const later = LATER.find(([pattern]) => pattern.test(command))?.[1];
  test(command.split("\n").join(" ").slice(0, 160), { skip: later ?? false }, async () => {
    const here = command.replace(/http:\/\/(localhost|127\.0\.0\.1):8080/, server.url)
      .replace(/^curl/, "curl --silent --show-error --fail-with-body");
    const { stdout } = await promisify(execFile)("bash", ["-c", here], { timeout: 60_000 });
    assert.ok(stdout.length > 0);
    if (stdout.startsWith("{") || stdout.startsWith("[")) {
      assert.equal(JSON.parse(stdout).error, undefined);
    } else {
      assert.match(stdout, /^(data: |# HELP)/);
    }
  });
}
