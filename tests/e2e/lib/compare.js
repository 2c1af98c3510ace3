// Compares a reply with a recorded one: presence and order of keys, types, values.

/** One difference: `path` in the recording's notation, and what was found. */
function difference(path, expected, got) {
  const show = (value) => JSON.stringify(value)?.slice(0, 120) ?? "nothing";
  return { path, text: `${path}: expected ${show(expected)}, got ${show(got)}` };
}

function typeOf(value) {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

/** "body.a[3].b" and "sse[2].data.x" as recordings write them: "body.a[*].b", "sse[].data.x". */
function general(path) {
  return path.replace(/^sse\[\d+\]/, "sse[]").replace(/\[\d+\]/g, "[*]");
}

// The recorded server's log-probabilities differ from exact arithmetic by up to this much (ours do
// not: a computation in doubles gives the same digits).
const TOLERANCE = 5e-3;

/** Recordings name the list whose numbers are approximate, or the number. */
function isApproximate(place, rules) {
  return rules.approximate.has(place) || rules.approximate.has(place.replace(/(\[\*\])+$/, ""));
}

/** The floats of a vector that is sent as base64. */
function floats(text) {
  const bytes = Buffer.from(text, "base64");
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
}

/**
 * rules: { volatile, approximate, redacted: Set of paths, isText(path): value may differ }
 * Returns the list of differences.
 */
export function compare(expected, got, path, rules) {
  const place = general(path);
  if (rules.redacted.has(place) || rules.volatile.has(place) || rules.isText(place)) {
    // Absence is a difference, and so is another type; null stands for "not a number".
    const [a, b] = [typeOf(expected), typeOf(got)];
    return a === b || (a === "number" && b === "null") || (b === "number" && a === "null")
      ? [] : [difference(path, `a value of type ${a}`, got)];
  }
  if (typeOf(expected) !== typeOf(got)) return [difference(path, expected, got)];
  if (Array.isArray(expected)) {
    if (expected.length !== got.length) return [difference(`${path}.length`, expected.length, got.length)];
    return expected.flatMap((item, i) => compare(item, got[i], `${path}[${i}]`, rules));
  }
  if (typeOf(expected) === "object") return compareObjects(expected, got, path, rules);
  if (isApproximate(place, rules)) {
    if (typeof expected === "string") return compare(floats(expected), floats(got), path, rules);
    if (Math.abs(expected - got) <= TOLERANCE) return [];
  }
  return expected === got ? [] : [difference(path, expected, got)];
}

function compareObjects(expected, got, path, rules) {
  const list = [];
  for (const key of Object.keys(expected)) {
    if (key in got) list.push(...compare(expected[key], got[key], `${path}.${key}`, rules));
    else list.push(difference(`${path}.${key}`, expected[key], undefined));
  }
  for (const key of Object.keys(got)) {
    if (!(key in expected)) list.push(difference(`${path}.${key}`, undefined, got[key]));
  }
  const common = (a, b) => Object.keys(a).filter((key) => key in b).join(" ");
  if (common(expected, got) !== common(got, expected)) {
    list.push(difference(`${path} (order)`, common(expected, got), common(got, expected)));
  }
  return list;
}
