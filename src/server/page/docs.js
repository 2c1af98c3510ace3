// Shows openapi.json: one entry per endpoint, its fields and statuses.

function element(tag, content = [], attributes = {}) {
  const node = Object.assign(document.createElement(tag), attributes);
  node.append(...[content].flat());
  return node;
}

function row(cells, tag = "td") {
  return element("tr", cells.map((cell) => element(tag, cell)));
}

/** "integer, -1 to 10, default 3" */
function describe(schema) {
  const parts = [];
  if (schema.$ref) parts.push(schema.$ref.split("/").pop());
  if (schema.type) parts.push([schema.type].flat().join(" or "));
  if (schema.enum) parts.push(schema.enum.join(" | "));
  if (schema.minimum !== undefined || schema.maximum !== undefined) {
    parts.push(`${schema.minimum ?? ""} to ${schema.maximum ?? ""}`);
  }
  if (schema.default !== undefined) parts.push(`default ${JSON.stringify(schema.default)}`);
  return parts.join(", ");
}

function fields(schema) {
  const required = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties ?? {}).map(([name, value]) => row([
    element("code", name), required.has(name) ? "required" : "", describe(value), value.description ?? "",
  ]));
  if (rows.length === 0) return [];
  return [element("table", [row(["field", "", "value", "meaning"], "th"), ...rows])];
}

function statuses(responses) {
  const rows = Object.entries(responses).map(([status, { description }]) => row([status, description]));
  return element("table", [row(["status", "meaning"], "th"), ...rows]);
}

function operation(description, path, method, entry) {
  const reference = entry.requestBody?.content["application/json"].schema.$ref;
  const schema = reference ? description.components.schemas[reference.split("/").pop()] : {};
  const parameters = (entry.parameters ?? []).map(({ name, in: place, description: about }) =>
    row([element("code", name), place, about]));
  const node = element("details", [
    element("summary", [
      element("span", method.toUpperCase(), { className: "method" }), element("code", path), ` ${entry.summary}`,
    ]),
    ...(parameters.length > 0 ? [element("table", parameters)] : []),
    ...fields(schema),
    statuses(entry.responses),
  ]);
  const words = [path, entry.summary, ...Object.keys(schema.properties ?? {})].join(" ").toLowerCase();
  return { tag: entry.tags[0], node, words };
}

const description = await (await fetch("openapi.json")).json();
document.getElementById("version").textContent = description.info.version;
const all = Object.entries(description.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, entry]) => operation(description, path, method, entry)));
const main = document.getElementById("operations");
for (const tag of new Set(all.map((one) => one.tag))) {
  main.append(element("section", [
    element("h2", tag), ...all.filter((one) => one.tag === tag).map((one) => one.node),
  ]));
}
document.getElementById("filter").addEventListener("input", ({ target }) => {
  const text = target.value.trim().toLowerCase();
  for (const one of all) one.node.hidden = !one.words.includes(text);
});
