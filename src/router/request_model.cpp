#include "router/request_model.h"

#include "base/error.h"
#include "base/json.h"
#include "options/values.h"

namespace llm::router {
namespace {

constexpr int kMaxJsonDepth = 256;  // as the servers behind it

/// Reads a body without building it: only the text behind the outermost "model" is kept.
class ModelFinder : public nlohmann::json_sax<Json> {
 public:
  enum class Found { nothing, text, something_else } found = Found::nothing;
  std::string model;

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool string(string_t& text) override {
    if (!is_next()) return true;
    found = Found::text;
    model = std::move(text);
    is_key_model_ = false;
    return true;
  }
  bool start_object(std::size_t) override { return open(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& text) override {
    is_key_model_ = depth_ == 1 && text == "model";
    return true;
  }
  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::detail::exception& error) override {
    bad_field("", error.what());
  }

 private:
  bool is_next() const { return depth_ == 1 && is_key_model_; }
  bool value() {
    if (is_next()) found = Found::something_else;
    is_key_model_ = false;
    return true;
  }
  bool open() {
    value();
    if (++depth_ > kMaxJsonDepth)
      bad_field(
          "", fmt::format("request body: JSON is nested more than {} levels deep", kMaxJsonDepth));
    return true;
  }
  bool close() {
    --depth_;
    return true;
  }

  int depth_ = 0;
  bool is_key_model_ = false;  // the value of the outermost "model" comes next
};

std::string escaped(std::string_view text, std::string_view plain) {
  std::string out;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || plain.find(c) != plain.npos;
    if (is_plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace

Json parse_object(const std::string& body) {
  Json json;
  try {
    json = Json::parse(body);
  } catch (const Json::exception& error) {
    bad_field("", error.what());
  }
  if (!json.is_object())
    bad_field("", fmt::format("request body must be a JSON object, but is {}", json.type_name()));
  return json;
}

std::string model_field(const std::string& body) {
  const Json json = parse_object(body);
  const auto found = json.find("model");
  if (found == json.end() || found->is_null()) return {};
  if (!found->is_string()) bad_field("model", "model must be a string");
  return found->get<std::string>();
}

std::string wanted_model(const http::Request& request) {
  std::string model;
  if (request.method == "POST" && !request.body.empty()) {
    ModelFinder finder;
    Json::sax_parse(request.body, &finder);
    if (finder.found == ModelFinder::Found::something_else)
      bad_field("model", "model must be a string");
    model = std::move(finder.model);
  }
  if (model.empty()) {
    const auto named = request.query.find("model");
    if (named != request.query.end()) model = named->second;
  }
  if (model.empty()) bad_field("model", "model name is missing from the request");
  return model;
}

std::optional<bool> wanted_autoload(const http::Request& request) {
  const auto found = request.query.find("autoload");
  if (found == request.query.end()) return std::nullopt;
  const auto word = options::bool_word(found->second);
  if (!word)
    bad_field("autoload", fmt::format("autoload: expected true or false, got '{}'", found->second));
  return word;
}

std::string target_of(const http::Request& request) {
  std::string out = escaped(request.path, "/-._~!$&'()*+,;=:@");
  char separator = '?';
  for (const auto& [name, value] : request.query) {
    if (name == "autoload") continue;
    out += separator + escaped(name, "-._~") + '=' + escaped(value, "-._~");
    separator = '&';
  }
  return out;
}

}  // namespace llm::router
