#include "server/vectors.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>
#include <variant>

#include "base/error.h"
#include "server/errors.h"
#include "server/request/fields.h"

namespace llm::server {
namespace {

using Answer = std::variant<std::vector<Embedding>, ErrorEvent>;

class Sink final : public EmbeddingSink {
 public:
  explicit Sink(http::Channel<Answer> answers) : answers_(std::move(answers)) {}
  void done(std::vector<Embedding>&& vectors) override { answers_.push(std::move(vectors)); }
  void error(ErrorEvent&& event) override { answers_.push(std::move(event)); }

 private:
  http::Channel<Answer> answers_;
};

}  // namespace

Pooling pooling_of(const Service& service) {
  return pooling_of(service.options(), service.serving());
}

Pooling pooling_of(const Options& options, const Serving& serving) {
  struct Name {
    std::string_view name;
    Pooling pooling;
  };
  constexpr std::array kNames = {Name{"none", Pooling::none}, Name{"mean", Pooling::mean},
                                 Name{"cls", Pooling::cls}, Name{"last", Pooling::last},
                                 Name{"rank", Pooling::rank}};
  for (const Name& one : kNames) {
    if (one.name == options.vectors.pooling) return one.pooling;
  }
  return serving.card.info.pooling.value_or(Pooling::none);
}

void truncate(std::vector<TokenId>& tokens, int limit, const Tokenizer& tokenizer) {
  const auto most = static_cast<std::size_t>(limit);
  if (tokens.size() <= most) return;
  const SpecialTokens& special = tokenizer.special();
  const TokenId last = tokens.back();
  const bool is_end = last != kNoToken && (last == special.eos || last == special.sep);
  tokens.resize(most);
  if (is_end) tokens.back() = last;
}

std::optional<int> truncation_of(const Json& body, const Engine& engine) {
  constexpr const char* kField = "truncate_prompt_tokens";
  if (const Json* value = find(body, kField)) {
    if (!value->is_number_integer()) wrong_type(kField, "number", *value);
    const auto limit = value->get<std::int64_t>();
    if (limit == -1) return engine.longest_input();
    if (limit < 1 || limit > engine.longest_input()) {
      bad_field(kField, fmt::format("Field '{}': Value must be -1 or between 1 <= value <= {}, but "
                                    "got {}",
                                    kField, engine.longest_input(), value->dump()));
    }
    return static_cast<int>(limit);
  }
  const Json* truncate = find(body, "truncate");
  if (truncate != nullptr && read_bool("truncate", *truncate)) return engine.longest_input();
  return std::nullopt;
}

http::Task<std::optional<std::vector<Embedding>>> make_vectors(Service& service,
                                                               http::Exchange& exchange,
                                                               EmbeddingRequest request) {
  exchange.notes.fields.push_back({"prompt_tokens", std::int64_t{count_tokens(request)}});
  http::Channel<Answer> answers(exchange);
  const int tokens = count_tokens(request);
  const auto handle =
      service.serving().engine.submit(std::move(request), std::make_shared<Sink>(answers));
  exchange.spend_tokens(tokens);
  exchange.on_client_gone([weak = std::weak_ptr(handle)] {
    if (const auto alive = weak.lock()) alive->cancel();
  });
  auto answer = co_await answers.next();
  if (!answer) co_return std::nullopt;
  if (const auto* error = std::get_if<ErrorEvent>(&*answer)) throw *to_exception(*error);
  co_await exchange.to_worker();  // replies may be large
  co_return std::get<std::vector<Embedding>>(std::move(*answer));
}

void normalize(std::span<float> x, int how) {
  if (how < 0) return;
  double size = 0;
  for (const float v : x) {
    const double magnitude = std::abs(static_cast<double>(v));
    if (how == 0) {
      constexpr double kLargest = 32760;  // as integers of 16 bits
      size = std::max(size, magnitude / kLargest);
    } else if (how == 1) {
      size += magnitude;
    } else {
      size += how == 2 ? magnitude * magnitude : std::pow(magnitude, how);
    }
  }
  if (how == 2) size = std::sqrt(size);
  if (how > 2) size = std::pow(size, 1.0 / how);
  const double factor = size > 0 ? 1 / size : 0;
  for (float& v : x) v = static_cast<float>(v * factor);
}

int count_tokens(const EmbeddingRequest& request) {
  std::size_t count = 0;
  for (const std::vector<TokenId>& input : request.inputs) count += input.size();
  return static_cast<int>(count);
}

}  // namespace llm::server
