// Tools and small helpers that the tests of tool calls share.

const text = { type: "string" };

/** name, description, parameters */
export const TOOLS = [
  ["get_weather", "Weather report for a city", {
    type: "object",
    properties: { city: { type: "string", maxLength: 20 }, unit: { enum: ["celsius", "fahrenheit"] } },
    required: ["city"],
    additionalProperties: false,
  }],
  ["add", "Add two numbers", {
    type: "object",
    properties: { a: { type: "integer", minimum: 0, maximum: 99 }, b: { type: "integer", minimum: 0, maximum: 99 } },
    required: ["a", "b"],
    additionalProperties: false,
  }],
  ["ping", "Check the connection", { type: "object", properties: {}, additionalProperties: false }],
].map(([name, description, parameters]) => ({ name, description, parameters }));

export const openaiTools = TOOLS.map((tool) => ({ type: "function", function: tool }));
export const responsesTools = TOOLS.map((tool) => ({ type: "function", strict: false, ...tool }));
export const anthropicTools = TOOLS.map(({ name, description, parameters }) =>
  ({ name, description, input_schema: parameters }));

/** What the tools give. */
export const RESULTS = {
  get_weather: ({ city }) => `12 degrees in ${city}`,
  add: ({ a, b }) => String(a + b),
  ping: () => "pong",
};

/** Throws unless `args` is what the tool's schema says; returns it. */
export function checkArguments(name, args) {
  const { parameters } = TOOLS.find((tool) => tool.name === name);
  for (const key of parameters.required ?? []) {
    if (!(key in args)) throw new Error(`${name}: ${key} is missing in ${JSON.stringify(args)}`);
  }
  for (const [key, value] of Object.entries(args)) {
    const schema = parameters.properties[key];
    if (!schema) throw new Error(`${name}: there is no ${key}`);
    const fits = schema.enum ? schema.enum.includes(value)
      : schema.type === "integer" ? Number.isInteger(value) && value >= schema.minimum && value <= schema.maximum
      : typeof value === text.type && value.length <= schema.maxLength;
    if (!fits) throw new Error(`${name}: ${key} is ${JSON.stringify(value)}`);
  }
  return args;
}
