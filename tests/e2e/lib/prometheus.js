// A strict reader of the Prometheus text format 0.0.4: throws where a scraper could stumble.
import assert from "node:assert/strict";

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
const NUMBER = /^(?:[+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|Inf)|NaN)$/;

function parseLabels(text) {
  const labels = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const at = LABEL.lastIndex;
    const match = LABEL.exec(text);
    assert.ok(match, `label expected at ${at} of ${text}`);
    assert.ok(!(match[1] in labels), `label ${match[1]} twice`);
    labels[match[1]] = match[2].replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
  }
  return labels;
}

function parseSample(line) {
  const match = /^([^\s{]+)(?:\{(.*)\})? (\S+)$/.exec(line);
  assert.ok(match, `no sample: ${line}`);
  assert.match(match[1], NAME);
  assert.match(match[3], NUMBER, line);
  return {
    name: match[1],
    labels: match[2] === undefined ? {} : parseLabels(match[2]),
    value: Number(match[3].replace("Inf", "Infinity")),
  };
}

const SUFFIXES = { histogram: ["_bucket", "_sum", "_count"], counter: [""], gauge: [""] };

/** Buckets rise, end in +Inf, and agree with the count; one such group per set of labels. */
function checkHistogram(family) {
  const groups = new Map();
  for (const { name, labels, value } of family.samples) {
    const { le, ...others } = labels;
    const key = JSON.stringify(others);
    if (!groups.has(key)) groups.set(key, { bounds: [], counts: [] });
    const group = groups.get(key);
    if (name.endsWith("_bucket")) {
      group.bounds.push(Number(le.replace("Inf", "Infinity")));
      group.counts.push(value);
    } else {
      group[name.endsWith("_sum") ? "sum" : "count"] = value;
    }
  }
  for (const [key, { bounds, counts, sum, count }] of groups) {
    const where = `${family.name} ${key}`;
    assert.equal(bounds.at(-1), Infinity, `${where}: no +Inf`);
    bounds.forEach((bound, i) => assert.ok(i === 0 || bound > bounds[i - 1], `${where}: bounds`));
    counts.forEach((one, i) => assert.ok(i === 0 || one >= counts[i - 1], `${where}: counts`));
    assert.equal(counts.at(-1), count, `${where}: +Inf and count`);
    assert.ok(sum >= 0, `${where}: sum`);
  }
}

/** Families by name: {name, help, type, samples: [{name, labels, value}]}. */
export function parseMetrics(text) {
  assert.ok(text.endsWith("\n"), "the last line must end");
  const families = new Map();
  const seen = new Set();
  let family;
  for (const line of text.split("\n").slice(0, -1)) {
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment) {
      const [, kind, name, rest] = comment;
      assert.match(name, NAME);
      if (kind === "HELP") {
        assert.ok(!families.has(name), `family ${name} twice`);
        assert.doesNotMatch(rest, /\\[^\\n]/, `help of ${name}`);
        family = { name, help: rest, samples: [] };
        families.set(name, family);
      } else {
        assert.equal(family?.name, name, `TYPE of ${name} does not follow its HELP`);
        assert.ok(rest in SUFFIXES, `type ${rest}`);
        family.type = rest;
      }
      continue;
    }
    assert.doesNotMatch(line, /^#/, `comment: ${line}`);
    const sample = parseSample(line);
    assert.ok(SUFFIXES[family.type].some((suffix) => sample.name === family.name + suffix),
      `${sample.name} is not of ${family.name}`);
    const key = sample.name + JSON.stringify(sample.labels);
    assert.ok(!seen.has(key), `twice: ${line}`);
    seen.add(key);
    if (family.type === "counter") assert.ok(sample.value >= 0, line);
    family.samples.push(sample);
  }
  for (const one of families.values()) {
    assert.ok(one.type, `${one.name} has no type`);
    if (one.type === "histogram") checkHistogram(one);
  }
  return families;
}

/** The value of the only sample with this name and these labels. */
export function valueOf(families, name, labels = {}) {
  const found = [...families.values()].flatMap(({ samples }) => samples).filter((sample) =>
    sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value));
  assert.equal(found.length, 1, `${name} ${JSON.stringify(labels)}: ${found.length} samples`);
  return found[0].value;
}
