#include "server/rerank.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "server/errors.h"
#include "server/reply/pieces.h"
#include "server/request/body.h"
#include "server/request/fields.h"
#include "server/vectors.h"

namespace llm::server {
namespace {

struct AskedRanking {
  std::string query;
  std::vector<std::string> documents;
  std::string model;
  bool is_tei = false;
  bool return_text = false;
  std::size_t top = 0;
};

std::vector<std::string> read_documents(const Json& body, const char* name) {
  const Json* list = find(body, name);
  const auto is_text = [](const Json& item) { return item.is_string(); };
  if (list == nullptr || !list->is_array() || list->empty() ||
      !std::all_of(list->begin(), list->end(), is_text)) {
    bad_field(name, "\"documents\" must be a non-empty string array");
  }
  return list->get<std::vector<std::string>>();
}

std::size_t read_top(const Json& body, std::size_t documents) {
  const Json* value = find(body, "top_n");
  if (value == nullptr) return documents;
  if (!value->is_number_integer()) wrong_type("top_n", "number", *value);
  const auto top = value->get<std::int64_t>();
  if (top < 0) {
    bad_field("top_n", fmt::format("Field 'top_n': Value must not be negative, but got {}", top));
  }
  return std::min(documents, static_cast<std::size_t>(top));
}

AskedRanking read(const Service& service, const Json& body) {
  AskedRanking asked{.model = service.serving().card.id};
  const Json* query = find(body, "query");
  if (query == nullptr) bad_field("query", "\"query\" must be provided");
  if (!query->is_string()) bad_field("query", "\"query\" must be a string");
  asked.query = query->get<std::string>();
  asked.is_tei = body.contains("texts");
  asked.documents = read_documents(body, asked.is_tei ? "texts" : "documents");
  asked.top = read_top(body, asked.documents.size());
  if (const Json* model = find(body, "model")) asked.model = read_string("model", *model);
  if (const Json* text = find(body, "return_text")) {
    asked.return_text = read_bool("return_text", *text);
  }
  return asked;
}

struct Ranked {
  std::size_t index;
  float score;
};

/// The best first; equals in the order in which they came.
std::vector<Ranked> rank(const std::vector<Embedding>& scores, std::size_t top) {
  std::vector<Ranked> ranked;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    ranked.push_back({i, scores[i].values.front()});
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const Ranked& a, const Ranked& b) { return a.score > b.score; });
  ranked.resize(top);
  return ranked;
}

Json jina_reply(const AskedRanking& asked, const std::vector<Ranked>& ranked, int tokens) {
  Json results = Json::array();
  for (const Ranked& one : ranked) {
    results.push_back({{"index", one.index}, {"relevance_score", one.score}});
  }
  return {{"model", asked.model},
          {"object", "list"},
          {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}},
          {"results", std::move(results)}};
}

Json tei_reply(const AskedRanking& asked, const std::vector<Ranked>& ranked) {
  Json results = Json::array();
  for (const Ranked& one : ranked) {
    Json result = {{"index", one.index}, {"score", one.score}};
    if (asked.return_text) result["text"] = asked.documents[one.index];
    results.push_back(std::move(result));
  }
  return results;
}

std::string replaced(std::string text, std::string_view what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
  return text;
}

}  // namespace

std::vector<TokenId> rerank_tokens(const Tokenizer& tokenizer, const std::string& words,
                                   const std::string& query, const std::string& document) {
  if (!words.empty()) {
    // The query first: a document that holds "{query}" stays as it is.
    const std::size_t at = words.find("{document}");
    std::string text = replaced(words.substr(0, at), "{query}", query);
    if (at != std::string::npos) {
      const std::string rest = replaced(words.substr(at + 10), "{query}", query);
      text += document + replaced(rest, "{document}", document);
    }
    return tokenizer.encode(text, {.add_special = false, .parse_special = true});
  }
  const SpecialTokens& special = tokenizer.special();
  const TokenId end = special.eos != kNoToken ? special.eos : special.sep;
  std::vector<TokenId> tokens;
  const auto add = [&](bool wanted, TokenId token) {
    if (wanted && token != kNoToken) tokens.push_back(token);
  };
  const auto add_text = [&](const std::string& text) {
    const auto more = tokenizer.encode(text, {.add_special = false, .parse_special = false});
    tokens.insert(tokens.end(), more.begin(), more.end());
  };
  add(special.add_bos, special.bos);
  add_text(query);
  add(special.add_eos, end);
  add(special.add_sep, special.sep);
  add_text(document);
  add(special.add_eos, end);
  return tokens;
}

http::Task<http::Response> rerank(Service& service, http::Exchange& exchange) {
  if (!service.options().vectors.embeddings || pooling_of(service) != Pooling::rank) {
    not_supported("This server does not support reranking. Start it with `--reranking`");
  }
  const Serving& serving = service.serving();
  const Json body = parse_object(exchange.request().body, rerank_fields());
  const AskedRanking asked = read(service, body);
  const std::optional<int> limit = truncation_of(body, serving.engine);
  EmbeddingRequest request{.inputs = {}, .pooling = Pooling::rank};
  for (const std::string& document : asked.documents) {
    std::vector<TokenId> tokens =
        rerank_tokens(serving.tokenizer, serving.rerank_template, asked.query, document);
    if (limit) truncate(tokens, *limit, serving.tokenizer);
    request.inputs.push_back(std::move(tokens));
  }
  const int tokens = count_tokens(request);
  const auto scores = co_await make_vectors(service, exchange, std::move(request));
  if (!scores) co_return http::Response{};  // the client has gone: nobody reads this
  const std::vector<Ranked> ranked = rank(*scores, asked.top);
  co_return http::json_response(
      200, dump(asked.is_tei ? tei_reply(asked, ranked) : jina_reply(asked, ranked, tokens)));
}

}  // namespace llm::server
