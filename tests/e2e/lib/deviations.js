// Where this server answers otherwise than the recorded one, and why. A difference that no row
// explains fails the test; a row that explains nothing any more fails it too.

/** Recordings that cannot be compared at all: pattern of the name, reason. */
export const SKIPPED = [
  [/^no-jinja\/(tool|chat|apply|prefill|json)/, "there is one template engine"],
  [/^router\/models-sse-events$/, "the stream does not end; its events are tested in router.test.js"],
  [/^router\/models-while-loading$/, "a small model may be loaded before the question comes"],
  [/^ui\/(manifest|sw|version)$/, "files of that server's own page"],
  [/^ui\/index-not-modified$/, "needs the tag of its own page; tested in page.test.js"],
  [/^ui\/index-no-gzip$/, "the page is sent to clients without gzip, too"],
  [/^resumable\/lookup-after-client-drop$/, "the request before it is not recorded; tested in streams.test.js"],
  [/^control\//, "they name a request that ran then; tested in reasoning.test.js"],
];

/** [pattern of the name, pattern of the path, reason(, true: depends on the machine, may be unused)] */
export const DEVIATIONS = [
  // Better than the recorded server (reference/http-api.md, section 20).
  [/./, /^headers\.Access-Control-Allow-Origin$/, "no empty header without an Origin (20.17)"],
  [/^base\/(completion-bad-json|tokenize-(bad-json|empty-body|number|object)|detokenize-(not-ints|out-of-range|string))$/, /^(status|body\.error\..*)$/, "client mistakes are 400 (20.1)"],
  [/^oai-completions\/bad-json$/, /^(status|body\.error\..*)$/, "client mistakes are 400 (20.1)"],
  [/^oai-chat\/(audio-unsupported|image-unsupported|video-unsupported|message-no-role|part-no-text|reasoning-format-bad|tools-bad-type|tools-not-array)$/, /^(status|body\.error\..*)$/, "client mistakes are 400 (20.1)"],
  [/two-prompts-stream$/, /^sse\.length$/, "no `data: null` events (20.3)"],
  [/^oai-(chat|completions)\/(n2|two-prompts)/, /usage\.|timings/, "usage is the sum over all choices (20.4)"],
  [/^utf8\/(invalid-bytes|lone-continuation-bytes|oai-completions-invalid-bytes|chat-invalid-bytes)/, /./, "invalid bytes become U+FFFD (20.5)"],
  [/stop-withheld-at-limit-stream$/, /^sse/, "withheld text is sent at the end (20.15)"],
  [/^base\/slot-save-no-filename$/, /^(status|body\.error\..*)$/, "client mistakes are 400 (20.1)"],
  [/^base\/completion-body-not-object$/, /^body\.error\.message$/, "in our own words"],
  [/^base\/stream-unknown$/, /^body\.error/, "a 404 says what was not found (20.2)"],
  // Anthropic's and the Responses API, as their makers define them (20.16).
  [/^(anthropic|anthropic-tools|tools-chat|reasoning)\/|props/, /^body\.(chat_format|chat_format_reason)$/, "/props also says how replies are read"],
  [/^anthropic\//, /^(status|body\.type|body\.request_id|body\.error\.(code|type))$/, "errors in Anthropic's shape, client mistakes are 400"],
  [/^anthropic\/(no-max-tokens|stop-sequence)/, /stop_reason$/, "a stop sequence is a stop reason"],
  [/anthropic/, /usage\.(cache_read_input_tokens|input_tokens)$/, "what is cached depends on what ran before"],
  [/anthropic.*stream$/, /\.content_block\.(input|signature)$/, "tool_use begins with an input, thinking with a signature"],
  [/responses/, /^(body|sse\[\d+\]\.data\.response)(\.usage\.output_tokens_details|\.(completed_at|created_at|model|output|usage|error|incomplete_details|instructions|max_output_tokens|metadata|parallel_tool_calls|previous_response_id|reasoning|store|temperature|text|tool_choice|tools|top_p|truncation))$/, "responses are complete objects"],
  [/responses/, /^(body|sse\[\d+\]\.data(\.response)?)\.(status|type)$/, "what was cut off is incomplete"],
  [/responses.*stream$/, /\(order\)$/, "objects in a stream are written as elsewhere"],
  [/responses.*stream$|^oai-responses\/progress-stream$/, /\.(sequence_number|output_index|content_index|logprobs|annotations)$/, "events are numbered and say where they belong"],
  [/^oai-responses\/previous-response-id$/, /^body\.error\.message$/, "responses are kept, this one is not known"],
  [/^reasoning\/.*cut-inside/, /(thinking|reasoning_content)$/, "no blanks at the end of thoughts"],
  [/deepseek-legacy/, /./, "as documented: thoughts are in the content, too"],
  [/^infill\/(no-prefix|no-suffix|prefix-number)$/, /^(status|body\.error\..*)$/, "client mistakes are 400 (20.1)"],
  [/^infill\/prompt-not-string$/, /./, "refused (20.9)"],
  [/^api-prefix\/health-prefixed$/, /./, "public behind a prefix, too (20.10)"],
  [/^ui\/index/, /^(headers\.Content-Encoding|body_text)$/, "our own page, as it is"],
  [/^auth\/root-no-key$/, /./, "the page is sent to clients without gzip, too"],
  [/^(embeddings\/(bad-json|empty-array|number|too-long)|rerank\/too-long)$/, /^(status|body\.error\..*)$/, "client mistakes are 400 (20.1)"],
  [/^embeddings\/completion-on-embedding-model$/, /^(status|body\.error\..*)$/, "501: the model cannot do it"],
  [/^embeddings\/models$/, /capabilities/, "a model that generates nothing does not claim to (20.24)"],
  [/^rerank\/embeddings-on-rank-model$/, /embedding/, "the scores, where the recorded server gives what lies in its memory"],
  [/^embeddings\/normalize-max$/, /embedding/, "numbers of five digits that its 16-bit gelu rounds"],
  // Grammars are kept as automata, not as GBNF; blanks between symbols of JSON are others.
  [/^(base\/completion-json-schema|tools-chat\/verbose-auto)$/, /generation_settings\.(grammar|grammar_lazy|grammar_triggers\.length)$/, "schemas and tools do not become GBNF"],
  [/^(base\/completion-(grammar|json-schema)-invalid|oai-chat\/(grammar-invalid|response-format-bad-schema))$/, /^body\.error\.message$/, "says where"],
  [/^oai-chat\/grammar-and-json-schema$/, /^(status|body\.error\.(code|type))$/, "client mistakes are 400 (20.1)"],
  [/^oai-chat\/json-(object|object-schema|schema)$/, /(content|_tokens)$/, "blanks; json_object is constrained (20.6)"],
  [/^(tools-chat|anthropic-tools)\/.*(call|tool-use)/, /^sse\.length$|(_tokens|arguments)$|content\.length$/, "blanks"],
  [/^utf8\/cut-inside-.*-stream$/, /^sse\.length$/, "the fragment is sent at the end, as U+FFFD"],
  [/^utf8\/multi-byte-n-probs$/, /logprob$/, "sums over an F16 cache in another order, and in F32"],
  [/^(anthropic\/stop-sequence|oai-responses\/progress|reasoning\/.*)-?stream$/, /^sse\.length$/, "pieces of text are cut elsewhere"],
  [/^reasoning\/(chat|responses)$/, /(reasoning_content|content\[\d\]\.text)$/, "no blanks at the end of thoughts"],
  // Many models.
  [/^router\/completion-bad-json$/, /^(status|body\.error\.(code|type))$/, "client mistakes are 400 (20.1)"],
  [/^router\/models-after-(failure|unload)$/, /status\.last_log$/, "why a model failed is shown"],
  // Wrong methods of known paths.
  [/^base\/(delete-on-post-route|get-on-post-route|health-post-404)$/, /^(status|body\.error.*)$/, "405 names the methods that are allowed"],
  [/^(base\/stream-delete-unknown|resumable\/delete)$/, /^headers?[. ]Content-Type$/, "JSON is announced in one way everywhere"],
  [/^lora\/after-set$/, /^body\.content$/, "the text of the new scales; the recorded server went on from keys made with the old ones (cache_n 4)"],
  // Recorded streams.
  [/^resumable\/lookup/, /\.total_bytes$/, "numbers and names of versions have other lengths"],
  [/^resumable\/lookup$/, /\.is_done$/, "a stream is done when its client has its end"],
  [/^resumable\/lookup-bad-body$/, /^body\.error/, "errors have one shape (20.20)"],
  // Our engine.
  [/^oai-chat\/logprobs-default-20$/, /top_logprobs\[\d+\]\.logprob$/, "sums over an F16 cache in another order, and in F32"],
  [/stop.*stream$/, /^sse\[\d+\]\.data\.timings$/, "timings come with the last object only"],
  [/^base\/completion-stop-across-tokens-stream$/, /^sse\[\d\]\.data\.content$/, "only the part that may begin a stop string is withheld"],
  [/return-progress-stream$/, /^sse/, "prompts are computed in other batches, on some machines", true],
  [/^unified-kv\/four-long-prompts$/, /^(status|body)$/, "requests that do not fit together wait for each other"],
  [/n-indent/, /(content|tokens_predicted|tokens_cached|sse\.length)/, "the line that is indented too little is noticed at once"],
];
