// /lora-adapters: which LoRA adapters there are and at which scales, and adding and removing them
// while the server runs.
#include <charconv>
#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "server/endpoints.h"
#include "server/reply/pieces.h"
#include "server/request/adapter_scales.h"
#include "server/request/body.h"

namespace llm::server {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostNameBytes = 256;

Json adapter_json(const AdapterView& view, const Tokenizer& tokenizer) {
  const AdapterInfo& info = view.adapter->info();
  Json json = {{"id", view.id}, {"path", info.path}, {"scale", view.scale}};
  if (!view.name.empty()) json["name"] = view.name;
  json["task_name"] = info.task_name;
  json["prompt_prefix"] = info.prompt_prefix;
  if (info.invocation_tokens.empty()) return json;
  std::string text;
  for (const TokenId token : info.invocation_tokens) text += token_text(tokenizer, token);
  json["alora_invocation_string"] = text;
  json["alora_invocation_tokens"] = info.invocation_tokens;
  return json;
}

/// The file that a client names, if it lies in the directory that the command line opened: neither
/// ".." nor links lead out of it.
fs::path allowed_path(const std::string& directory, const std::string& wanted) {
  if (directory.empty()) {
    throw RequestError(403, "permission_error",
                       "loading adapters is off; start the server with --lora-dir DIRECTORY to "
                       "allow the files in it");
  }
  if (wanted.empty() || wanted.find('\0') != wanted.npos) {
    bad_field("path", "Field 'path': must be the path of a file");
  }
  std::error_code problem;
  const fs::path root = fs::canonical(directory, problem);
  const fs::path file = problem ? fs::path() : fs::weakly_canonical(root / wanted, problem);
  const fs::path inside = file.lexically_relative(root);
  const bool is_inside = !problem && !inside.empty() && *inside.begin() != ".." && inside != ".";
  if (!is_inside) {
    throw RequestError(403, "permission_error",
                       "only files in the directory of --lora-dir may be loaded", "path");
  }
  if (!fs::is_regular_file(file, problem)) {
    bad_field("path", "Field 'path': there is no such file in the directory of --lora-dir");
  }
  return fs::path(directory) / inside;
}

int load(Engine& engine, const std::string& path, float scale, const std::string& name) {
  try {
    return engine.load_adapter(path, scale, name, /*applied=*/true);
  } catch (const Error& error) {
    bad_field("path", std::string("Field 'path': ") + error.what());
  }
}

int read_id(const http::Request& request) {
  const std::string& text = request.params.at("id");
  int id = -1;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (problem != std::errc{} || end != text.data() + text.size() || id < 0) {
    bad_field("id", fmt::format("Field 'id': '{}' is not the id of an adapter", text));
  }
  return id;
}

}  // namespace

http::Response lora_adapters(Service& service, const http::Request&) {
  Serving& serving = service.serving();
  Json list = Json::array();
  for (const AdapterView& view : serving.engine.adapters().list()) {
    list.push_back(adapter_json(view, serving.tokenizer));
  }
  return http::json_response(200, dump(list));
}

http::Response set_lora_adapters(Service& service, const http::Request& request) {
  const Json body = parse_body(request.body);
  if (!body.is_array()) bad_field("", "Request body must be an array");
  service.serving().engine.adapters().set_scales(read_adapter_scales("lora", body));
  return http::json_response(200, R"({"success":true})");
}

http::Response load_lora_adapter(Service& service, const http::Request& request) {
  const Json body = parse_object(request.body);
  const Json* path = find(body, "path");
  if (path == nullptr) bad_field("path", "Field 'path': is missing");
  const fs::path file = allowed_path(service.options().model.lora_dir, read_string("path", *path));
  const AdapterScale given = read_adapter_scales("lora", Json::array({body})).front();
  const float scale = find(body, "scale") != nullptr ? given.scale : 1;
  if (given.name.size() > kMostNameBytes) {
    bad_field("name", fmt::format("Field 'name': at most {} bytes are possible", kMostNameBytes));
  }
  Serving& serving = service.serving();
  const int id = load(serving.engine, file.string(), scale, given.name);
  log::info("adapter {} loaded: {} at scale {:g}", id, file.string(), scale);
  for (const AdapterView& view : serving.engine.adapters().list()) {
    if (view.id == id) return http::json_response(200, dump(adapter_json(view, serving.tokenizer)));
  }
  return http::json_response(200, dump({{"id", id}}));  // somebody has removed it already
}

http::Response remove_lora_adapter(Service& service, const http::Request& request) {
  const int id = read_id(request);
  if (!service.serving().engine.adapters().remove(id)) {
    throw RequestError(404, "not_found_error", fmt::format("there is no adapter with id {}", id),
                       "id");
  }
  log::info("adapter {} removed", id);
  return http::json_response(200, R"({"success":true})");
}

}  // namespace llm::server
