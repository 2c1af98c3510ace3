#include "hub/docker.h"

#include "base/json.h"
#include "base/log.h"
#include "hub/download.h"
#include "hub/part_file.h"
#include "hub/repository.h"
#include "hub/retry.h"

namespace llm::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxAnswer = 4 << 20;
constexpr const char* kManifestTypes =
    "Accept: application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.oci.image.manifest.v1+json";

/// realm="..." of a challenge.
std::string parameter(std::string_view challenge, std::string_view name) {
  const std::string key = fmt::format("{}=\"", name);
  const auto at = challenge.find(key);
  if (at == challenge.npos) return {};
  const auto begin = at + key.size();
  const auto end = challenge.find('"', begin);
  return end == challenge.npos ? std::string() : std::string(challenge.substr(begin, end - begin));
}

class Registry {
 public:
  Registry(const DockerName& name, const Settings& settings) : name_(name), settings_(settings) {}

  std::string manifest() {
    Text answer = fetch(url("manifests", name_.tag), kManifestTypes);
    if (answer.head.status == 401) {
      get_token(answer.head);
      answer = fetch(url("manifests", name_.tag), kManifestTypes);
    }
    if (answer.head.status != 200) fail_with(answer.head);
    return answer.body;
  }

  Get blob(const std::string& sha256) const {
    return {.url = url("blobs", "sha256:" + sha256),
            .token = token_,
            .certificates = settings_.certificates,
            .stopped = settings_.stopped};
  }

 private:
  std::string url(const char* kind, const std::string& which) const {
    return fmt::format("{}/v2/{}/{}/{}", settings_.docker_registry, name_.repo, kind, which);
  }

  /// The answer, whatever it is, unless it may be another one soon.
  Text fetch(const std::string& address, const char* header) const {
    Text answer;
    with_retries(
        settings_.stopped, [] { return std::uint64_t{0}; },
        [&] {
          answer = get_text({.url = address,
                             .token = token_,
                             .headers = {header},
                             .certificates = settings_.certificates,
                             .stopped = settings_.stopped},
                            kMaxAnswer);
          if (answer.head.status >= 500 || answer.head.status == 429) fail_with(answer.head);
        });
    return answer;
  }

  void get_token(const Head& refusal) {
    const std::string address = token_address(refusal.authenticate);
    if (!is_web_address(address)) fail_with(refusal);
    const Text answer = fetch(address, "Accept: application/json");
    const Json json = Json::parse(answer.body, nullptr, false);
    for (const char* key : {"token", "access_token"})
      if (json.is_object() && json.contains(key) && json[key].is_string())
        token_ = json[key].get<std::string>();
    if (answer.head.status != 200 || token_.empty()) fail_with(refusal);
  }

  [[noreturn]] void fail_with(const Head& head) const {
    const bool is_refused = head.status == 401 || head.status == 403 || head.status == 404;
    throw StatusError(
        is_refused ? fmt::format("{} has no public model {}:{} (status {})",
                                 settings_.docker_registry, name_.repo, name_.tag, head.status)
                   : fmt::format("{}: the registry answers with status {}",
                                 settings_.docker_registry, head.status),
        head);
  }

  const DockerName& name_;
  const Settings& settings_;
  std::string token_;
};

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

}  // namespace

std::string token_address(std::string_view challenge) {
  if (!challenge.starts_with("Bearer ") && !challenge.starts_with("bearer ")) return {};
  std::string address = parameter(challenge, "realm");
  char separator = address.find('?') == address.npos ? '?' : '&';
  for (const char* name : {"service", "scope"}) {
    const std::string value = parameter(challenge, name);
    if (value.empty()) continue;
    address += fmt::format("{}{}={}", separator, name, escaped_path(value));
    separator = '&';
  }
  return address;
}

DockerLayer model_layer(const std::string& manifest, const std::string& label) {
  const Json json = Json::parse(manifest, nullptr, false);
  const Json layers = json.is_object() ? json.value("layers", Json()) : Json();
  for (const Json& layer : layers.is_array() ? layers : Json::array()) {
    if (!layer.is_object()) continue;
    const Json type = layer.value("mediaType", Json()), digest = layer.value("digest", Json());
    if (!type.is_string() || !digest.is_string()) continue;
    const auto text = digest.get<std::string>();
    if (type.get<std::string>().find(".gguf.") == std::string::npos &&
        !type.get<std::string>().ends_with(".gguf"))
      continue;
    if (!text.starts_with("sha256:") || !is_sha256(std::string_view(text).substr(7))) continue;
    DockerLayer out{.sha256 = text.substr(7)};
    if (const Json size = layer.value("size", Json()); size.is_number_unsigned())
      out.size = size.get<std::uint64_t>();
    return out;
  }
  throw TransferError(fmt::format("{} has no GGUF file", label), false);
}

fs::path fetch_docker(const DockerName& name, bool offline, const Settings& settings) {
  const std::string label = fmt::format("{}:{}", name.repo, name.tag);
  const auto slash = name.repo.find('/');
  const std::string folder_name =
      fmt::format("docker--{}--{}", name.repo.substr(0, slash), name.repo.substr(slash + 1));
  const fs::path folder = settings.cache / folder_name, ref = folder / "refs" / name.tag;
  const auto file = [&](const std::string& sum) { return folder / "blobs" / (sum + ".gguf"); };

  const std::string known = read_small_file(ref).value_or("");
  std::error_code ignored;
  const bool is_cached = is_sha256(known) && fs::exists(file(known), ignored);
  if (offline) {
    if (!is_cached) fail("--offline: {} is not in the cache '{}'", label, settings.cache.string());
    return file(known);
  }
  Registry registry(name, settings);
  DockerLayer layer;
  try {
    layer = model_layer(registry.manifest(), label);
  } catch (const TransferError& error) {
    if (!error.may_retry || !is_cached) throw;
    log::warn("{}; what is in the cache is used", error.what());
    return file(known);
  }
  download({.source = registry.blob(layer.sha256),
            .target = file(layer.sha256),
            .lock = settings.cache / ".locks" / folder_name / (layer.sha256 + ".lock"),
            .size = layer.size,
            .sha256 = layer.sha256,
            .label = label,
            .on_progress = settings.on_progress});
  write_file(ref, layer.sha256);
  return file(layer.sha256);
}

}  // namespace llm::hub
