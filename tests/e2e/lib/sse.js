// Events of a stream that is still running.

/** The JSON of each `data:` line of a fetch() reply; ends at [DONE] or the end of the body. */
export async function* events(reply) {
  let buffer = "";
  for await (const chunk of reply.body.pipeThrough(new TextDecoderStream())) {
    buffer += chunk;
    const parts = buffer.split("\n\n");
    buffer = parts.pop();
    for (const part of parts) {
      if (part === "data: [DONE]") return;
      if (part.startsWith("data: ")) yield JSON.parse(part.slice(6));
    }
  }
}
