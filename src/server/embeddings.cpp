#include "server/embeddings.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "base/error.h"
#include "server/errors.h"
#include "server/reply/pieces.h"
#include "server/request/body.h"
#include "server/request/fields.h"
#include "server/request/prompt.h"
#include "server/vectors.h"

namespace llm::server {
namespace {

enum class Form { openai, native };

struct Asked {
  Form form;
  EmbeddingRequest request;
  std::string model;
  bool as_base64 = false;
  int normalize = 2;
  int dimensions = 0;  // 0: all
};

int read_count(const char* name, const Json& value, int low, int high) {
  if (!value.is_number_integer()) wrong_type(name, "number", value);
  const auto count = value.get<std::int64_t>();
  if (count < low || count > high) {
    bad_field(name, fmt::format("Field '{}': Value must be between {} <= value <= {}, but got {}",
                                name, low, high, value.dump()));
  }
  return static_cast<int>(count);
}

/// The field that holds the texts; `content` asks for the native form wherever it is sent.
const Json& texts_of(const Json& body, Form& form) {
  if (const Json* input = find(body, "input")) return *input;
  const Json* content = find(body, "content");
  if (content == nullptr) bad_field("input", "\"input\" or \"content\" must be provided");
  form = Form::native;
  return *content;
}

bool wants_base64(const Json& body) {
  const Json* format = find(body, "encoding_format");
  if (format == nullptr) return false;
  const std::string name = format->is_string() ? format->get<std::string>() : "";
  if (name != "float" && name != "base64") {
    bad_field("encoding_format",
              "The format to return the embeddings in. Can be either float or base64");
  }
  return name == "base64";
}

Asked read(const Service& service, const Json& body, Form form) {
  const Serving& serving = service.serving();
  Asked asked{.form = form,
              .request = {.inputs = {}, .pooling = pooling_of(service)},
              .model = serving.card.id,
              .normalize = service.options().vectors.normalize};
  const Json& texts = texts_of(body, asked.form);
  const bool is_pooled = asked.request.pooling != Pooling::none;
  if (asked.form == Form::openai && !is_pooled) {
    bad_field("", "Pooling type 'none' is not OAI compatible. Please use a different pooling type");
  }
  asked.as_base64 = wants_base64(body);
  if (const Json* model = find(body, "model")) asked.model = read_string("model", *model);
  if (const Json* how = find(body, "embd_normalize")) {
    asked.normalize = read_count("embd_normalize", *how, -1, 1 << 20);
  }
  if (const Json* dimensions = find(body, "dimensions")) {
    const int width = std::max(1, serving.card.info.embedding_width);
    asked.dimensions = read_count("dimensions", *dimensions, 1, width);
  }
  // Scores and the vectors of single tokens are given as they are.
  if (!is_pooled || asked.request.pooling == Pooling::rank) asked.normalize = -1;
  const std::optional<int> limit = truncation_of(body, serving.engine);
  for (const PromptParts& parts : parse_prompts(texts)) {
    std::vector<TokenId> tokens = encode_prompt(parts, serving.tokenizer);
    if (limit) truncate(tokens, *limit, serving.tokenizer);
    asked.request.inputs.push_back(std::move(tokens));
  }
  return asked;
}

/// Cut to the dimensions that are asked for, then normalised.
std::vector<float> finished_row(const Asked& asked, const Embedding& vectors, int row) {
  const std::size_t width = vectors.values.size() / static_cast<std::size_t>(vectors.rows);
  const auto dimensions = static_cast<std::size_t>(asked.dimensions);
  const std::size_t kept = dimensions > 0 ? std::min(width, dimensions) : width;
  const float* begin = vectors.values.data() + static_cast<std::size_t>(row) * width;
  std::vector<float> values(begin, begin + kept);
  normalize(values, asked.normalize);
  return values;
}

/// The shortest digits that give the same float again.
void append_numbers(std::string& out, const std::vector<float>& values) {
  out += '[';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ',';
    const std::size_t begin = out.size();
    fmt::format_to(std::back_inserter(out), "{}", values[i]);
    if (out.find_first_of(".e", begin) == std::string::npos) out += ".0";
  }
  out += ']';
}

/// Little-endian floats.
void append_base64(std::string& out, const std::vector<float>& values) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<unsigned char> bytes;
  for (const float value : values) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    for (int shift = 0; shift < 32; shift += 8) {
      bytes.push_back(static_cast<unsigned char>(bits >> shift));
    }
  }
  out += '"';
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? bytes[i + k] : 0u);
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= count ? kDigits[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  out += '"';
}

std::string openai_reply(const Asked& asked, const std::vector<Embedding>& vectors, int tokens) {
  std::string out = fmt::format(
      R"({{"model":{},"object":"list","usage":{{"prompt_tokens":{},"total_tokens":{}}},"data":[)",
      dump(Json(asked.model)), tokens, tokens);
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    if (i > 0) out += ',';
    out += R"({"embedding":)";
    const std::vector<float> row = finished_row(asked, vectors[i], 0);
    asked.as_base64 ? append_base64(out, row) : append_numbers(out, row);
    out += fmt::format(R"(,"index":{},"object":"embedding"{}}})", i,
                       asked.as_base64 ? R"(,"encoding_format":"base64")" : "");
  }
  return out + "]}";
}

std::string native_reply(const Asked& asked, const std::vector<Embedding>& vectors) {
  std::string out = "[";
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    out += fmt::format(R"({}{{"index":{},"embedding":[)", i > 0 ? "," : "", i);
    for (int row = 0; row < vectors[i].rows; ++row) {
      if (row > 0) out += ',';
      append_numbers(out, finished_row(asked, vectors[i], row));
    }
    out += "]}";
  }
  return out + "]";
}

http::Task<http::Response> answer(Service& service, http::Exchange& exchange, Form form) {
  if (!service.options().vectors.embeddings) {
    not_supported("This server does not support embeddings. Start it with `--embeddings`");
  }
  Asked asked = read(service, parse_object(exchange.request().body, embedding_fields()), form);
  const int tokens = count_tokens(asked.request);
  const auto vectors = co_await make_vectors(service, exchange, std::move(asked.request));
  if (!vectors) co_return http::Response{};  // the client has gone: nobody reads this
  co_return http::json_response(200, asked.form == Form::openai
                                         ? openai_reply(asked, *vectors, tokens)
                                         : native_reply(asked, *vectors));
}

}  // namespace

http::Task<http::Response> oai_embeddings(Service& service, http::Exchange& exchange) {
  co_return co_await answer(service, exchange, Form::openai);
}

http::Task<http::Response> native_embeddings(Service& service, http::Exchange& exchange) {
  co_return co_await answer(service, exchange, Form::native);
}

}  // namespace llm::server
