// The shared fields as chat requests spell them.
#include <fmt/format.h>

#include <climits>

#include "base/error.h"
#include "server/chat/job.h"
#include "server/request/fields.h"

namespace llm::server {
namespace {

constexpr int kTopLogprobs = 20;  // when `logprobs` is true and says no more

bool offers_tools(const Json& body) {
  const Json* tools = find(body, "tools");
  return tools != nullptr && tools->is_array() && !tools->empty();
}

bool has_grammar(const Json& body) {
  const Json* grammar = find(body, "grammar");
  return grammar != nullptr &&
         !(grammar->is_string() && grammar->get_ref<const std::string&>().empty());
}

/// Rules between fields that hold before any of them is read.
void check_combinations(const Json& body) {
  if (has_grammar(body) && offers_tools(body)) {
    bad_field("grammar", "Cannot use custom grammar constraints with tools.");
  }
  if (has_grammar(body) && find(body, "json_schema") != nullptr) {
    bad_field("json_schema", "Cannot use both json_schema and grammar");
  }
}

/// Here `logprobs` is a switch, elsewhere it is an alias of n_probs.
void read_logprobs(const Json& body, CompletionParams& params) {
  const Json* logprobs = find(body, "logprobs");
  const Json* top = find(body, "top_logprobs");
  const bool wanted = logprobs != nullptr && read_bool("logprobs", *logprobs);
  if (top != nullptr && !wanted) {
    bad_field("top_logprobs", "top_logprobs requires logprobs to be set to true");
  }
  if (!wanted) {
    if (logprobs != nullptr && find(body, "n_probs") == nullptr) params.sampling.n_probs = 0;
    return;
  }
  if (params.stream && offers_tools(body)) {
    bad_field("logprobs", "logprobs is not supported with tools + stream");
  }
  params.sampling.n_probs = kTopLogprobs;
  if (top == nullptr) return;
  if (!top->is_number()) wrong_type("top_logprobs", "number", *top);
  const double count = top->get<double>();
  if (count < 0 || count > INT_MAX) {
    bad_field(
        "top_logprobs",
        fmt::format("Field 'top_logprobs': Value must be between 0 <= value <= {}, but got {}",
                    INT_MAX, count));
  }
  // Zero still asks for the chosen token's own probability.
  params.sampling.n_probs = std::max(1, static_cast<int>(count));
}

std::string reasoning_format(const Json& value) {
  const std::string name = read_string("reasoning_format", value);
  if (name == "auto") return "deepseek";
  if (name == "none" || name == "deepseek" || name == "deepseek-legacy") return name;
  bad_field("reasoning_format", fmt::format("Unknown reasoning format: {}", name));
}

}  // namespace

CompletionParams parse_chat_params(const Json& body, const CompletionParams& defaults,
                                   const Limits& limits) {
  check_combinations(body);
  CompletionParams params = parse_params(body, defaults, limits);
  read_logprobs(body, params);
  if (const Json* format = find(body, "reasoning_format")) {
    params.reasoning_format = reasoning_format(*format);
  }
  params.chat_format = "peg-native";
  return params;
}

}  // namespace llm::server
