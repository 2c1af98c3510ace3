#include "server/infill.h"

#include <algorithm>

#include "base/error.h"
#include "server/errors.h"
#include "server/generation.h"
#include "server/native.h"
#include "server/request/body.h"
#include "server/request/prompt.h"
#include "server/request/raw_job.h"

namespace llm::server {
namespace {

using Tokens = std::vector<TokenId>;

void append(Tokens& tokens, const Tokens& more) {
  tokens.insert(tokens.end(), more.begin(), more.end());
}

const Json& need_text(const Json& body, const std::string& name) {
  const Json* value = find(body, name);
  if (value == nullptr) {
    bad_field(name, "[json.exception.out_of_range.403] key '" + name + "' not found");
  }
  if (!value->is_string() && !value->is_array()) wrong_type(name, "string or array", *value);
  return *value;
}

InfillExtra parse_extra(const Json& item) {
  const Json* text = find(item, "text");
  if (text == nullptr || !text->is_string()) {
    bad_field("input_extra",
              "extra_context chunk must contain a \"text\" field with a string value");
  }
  const Json* filename = find(item, "filename");
  if (filename != nullptr && !filename->is_string()) {
    bad_field("input_extra", "extra_context chunk's \"filename\" field must be a string");
  }
  return {filename == nullptr ? "tmp" : filename->get<std::string>(), text->get<std::string>()};
}

void check_vocabulary(const SpecialTokens& special) {
  std::string missing;
  if (special.fim_pre == kNoToken) missing += "prefix token is missing. ";
  if (special.fim_suf == kNoToken) missing += "suffix token is missing. ";
  if (special.fim_mid == kNoToken) missing += "middle token is missing. ";
  if (!missing.empty()) not_supported("Infill is not supported by this model: " + missing);
}

/// Control tokens in the user's text stay text.
Tokens encode_text(const Tokenizer& tokenizer, const std::string& text) {
  return tokenizer.encode(text, {});
}

Tokens encode_mixed(const Tokenizer& tokenizer, const std::string& name, const Json& value) {
  if (value.is_string()) return encode_text(tokenizer, value.get<std::string>());
  Tokens tokens;
  for (const Json& item : value) {
    if (item.is_string()) {
      append(tokens, encode_text(tokenizer, item.get<std::string>()));
      continue;
    }
    if (!item.is_number_integer()) wrong_type(name, "string or token id", item);
    const auto id = item.get<std::int64_t>();
    if (id < 0 || id >= tokenizer.size()) bad_field(name, "Prompt contains invalid tokens");
    tokens.push_back(static_cast<TokenId>(id));
  }
  return tokens;
}

Tokens encode_extras(const InfillRequest& request, const Tokenizer& tokenizer) {
  const SpecialTokens& special = tokenizer.special();
  Tokens tokens;
  if (special.fim_rep != kNoToken) {
    tokens.push_back(special.fim_rep);
    append(tokens, encode_text(tokenizer, "myproject\n"));
  }
  for (const InfillExtra& extra : request.extras) {
    if (special.fim_sep != kNoToken) {
      tokens.push_back(special.fim_sep);
      append(tokens, encode_text(tokenizer, extra.filename + "\n"));
    } else {
      append(tokens, encode_text(tokenizer, "\n\n--- snippet ---\n\n"));
    }
    append(tokens, encode_text(tokenizer, extra.text));
  }
  if (special.fim_sep != kNoToken) {
    tokens.push_back(special.fim_sep);
    append(tokens, encode_text(tokenizer, "filename\n"));
  }
  return tokens;
}

void keep_last(Tokens& tokens, int count) {
  const auto keep = std::min<std::size_t>(tokens.size(), std::max(count, 0));
  tokens.erase(tokens.begin(), tokens.end() - static_cast<std::ptrdiff_t>(keep));
}

void keep_first(Tokens& tokens, int count) {
  tokens.resize(std::min<std::size_t>(tokens.size(), std::max(count, 0)));
}

}  // namespace

InfillRequest parse_infill(const Json& body) {
  InfillRequest request{.prefix = need_text(body, "input_prefix"),
                        .suffix = need_text(body, "input_suffix")};
  if (const Json* prompt = find(body, "prompt")) request.prompt = read_string("prompt", *prompt);
  if (const Json* extras = find(body, "input_extra")) {
    if (!extras->is_array()) {
      bad_field("input_extra",
                "\"input_extra\" must be an array of {\"filename\": string, \"text\": string}");
    }
    for (const Json& item : *extras) request.extras.push_back(parse_extra(item));
  }
  return request;
}

std::vector<TokenId> infill_tokens(const InfillRequest& request, const Tokenizer& tokenizer,
                                   const InfillLimits& limits) {
  const SpecialTokens& special = tokenizer.special();
  check_vocabulary(special);
  Tokens prefix = encode_mixed(tokenizer, "input_prefix", request.prefix);
  Tokens suffix = encode_mixed(tokenizer, "input_suffix", request.suffix);
  Tokens extras = encode_extras(request, tokenizer);
  const Tokens prompt = request.prompt.empty() ? Tokens() : encode_text(tokenizer, request.prompt);

  const int quarter = limits.batch / 4;
  keep_last(prefix, 3 * quarter);
  keep_first(suffix, quarter - (2 + static_cast<int>(prompt.size())));
  keep_last(extras, limits.context - limits.batch - 2 * std::max(limits.predict, 0));

  Tokens tokens = std::move(extras);
  if (special.add_bos) tokens.push_back(special.bos);
  prefix.insert(prefix.begin(), special.fim_pre);
  append(prefix, prompt);
  suffix.insert(suffix.begin(), special.fim_suf);
  append(tokens, limits.suffix_first ? suffix : prefix);
  append(tokens, limits.suffix_first ? prefix : suffix);
  tokens.push_back(special.fim_mid);
  return tokens;
}

http::Task<http::Response> infill(Service& service, http::Exchange& exchange) {
  Serving& serving = service.serving();
  const Json body = parse_object(exchange.request().body, infill_fields());
  check_vocabulary(serving.tokenizer.special());
  Job job;
  job.params = parse_params(body, serving.defaults, serving.limits());
  const InfillLimits limits{.batch = service.options().batch.size,
                            .context = serving.engine.slot_context(),
                            .predict = std::min(job.params.max_tokens, 1 << 20),
                            .suffix_first = service.options().features.suffix_first_infill};
  job.prompts.push_back(infill_tokens(parse_infill(body), serving.tokenizer, limits));
  finish_raw_job(job, serving);
  job.format = std::make_unique<NativeFormat>(serving, job.params);
  job.show_special = service.options().chat.special;
  co_return co_await run(service, exchange, std::move(job));
}

}  // namespace llm::server
