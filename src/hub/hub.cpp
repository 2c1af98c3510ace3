#include "hub/hub.h"

#include <fmt/ranges.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/log.h"
#include "hub/cache.h"
#include "hub/docker.h"
#include "hub/download.h"
#include "hub/names.h"
#include "hub/progress.h"
#include "hub/repository.h"

namespace llm::hub {
namespace {

namespace fs = std::filesystem;

Fetched fetched(const RepoCache& cache, const std::string& commit, const Choice& choice,
                const RepoName& name) {
  return {.path = cache.file(commit, choice.parts.front().path),
          .name = name.quant.empty() ? name.repo : name.repo + ":" + name.quant,
          .projector = choice.projector,
          .is_preset = choice.is_preset};
}

/// What a repository name means in the cache alone.
std::optional<Fetched> find_cached(const RepoCache& cache, const RepoName& name,
                                   const std::string& file) {
  for (const std::string& commit : cache.commits()) {
    try {
      const Choice choice = choose_files(name, file, cache.files(commit));
      return fetched(cache, commit, choice, name);
    } catch (const Error&) {  // another commit may have it
    }
  }
  return std::nullopt;
}

[[noreturn]] void fail_offline(const Request& request, const Settings& settings,
                               const std::string& repo) {
  std::vector<std::string> others;
  for (const CachedModel& model : cached_models(settings.cache))
    if (model.repo == repo) others.push_back(model.name);
  fail("--offline: {}{} is not in the cache '{}'{}", request.hf_repo,
       request.hf_file.empty() ? "" : fmt::format(" ({})", request.hf_file),
       settings.cache.string(),
       others.empty() ? "" : fmt::format("; it has {}", fmt::join(others, ", ")));
}

/// Downloads what is missing of the chosen files and makes them visible.
void complete(const RepoCache& cache, const Repository& repository, const std::string& commit,
              const Choice& choice, const Settings& settings) {
  std::error_code ignored;
  std::uint64_t missing = 0;
  for (const RemoteFile& part : choice.parts) {
    const auto size = fs::file_size(cache.blob(part.blob), ignored);
    if (!cache.has(commit, part) && (ignored || size != part.size)) {
      const auto begun = fs::file_size(cache.blob(part.blob + ".part"), ignored);
      missing += part.size - (ignored ? 0 : std::min<std::uint64_t>(begun, part.size));
    }
  }
  check_space(settings.cache, missing, choice.parts.front().path);
  for (const RemoteFile& part : choice.parts) {
    if (cache.has(commit, part)) continue;
    download({.source = repository.content(commit, part.path),
              .target = cache.blob(part.blob),
              .lock = cache.lock(part.blob),
              .size = part.size,
              .sha256 = part.sha256,
              .label = part.path,
              .on_progress = settings.on_progress});
    cache.link(commit, part);
  }
  cache.set_main(commit);
}

enum class Wanted { anything, only_a_preset };

/// Nothing when it is not what is wanted.
std::optional<Fetched> fetch_repo(const Request& request, const Settings& settings, Wanted wanted) {
  const RepoName name = parse_repo("--hf-repo", request.hf_repo);
  if (!request.hf_file.empty() && !is_plain_path(request.hf_file))
    fail("--hf-file: expected the path of a file in the repository, got '{}'", request.hf_file);
  const RepoCache cache(settings.cache, name.repo);
  const auto from_cache = [&] { return find_cached(cache, name, request.hf_file); };
  const auto is_wanted = [&](bool is_preset) { return is_preset || wanted == Wanted::anything; };
  const auto if_wanted = [&](const Fetched& found) {
    return is_wanted(found.is_preset) ? std::optional(found) : std::nullopt;
  };
  if (request.offline) {
    if (const auto found = from_cache()) return if_wanted(*found);
    fail_offline(request, settings, name.repo);
  }
  if (const auto found = from_cache(); found && !is_wanted(found->is_preset)) return std::nullopt;
  const Repository repository(settings, name.repo, request.token);
  std::string commit;
  std::vector<RemoteFile> files;
  try {
    commit = repository.commit();
    files = repository.files(commit);
  } catch (const TransferError& error) {
    auto found = error.may_retry ? from_cache() : std::nullopt;
    if (!found) throw;
    log::warn("{}; what is in the cache is used", error.what());
    return if_wanted(*found);
  }
  const Choice choice = choose_files(name, request.hf_file, files);
  if (!is_wanted(choice.is_preset)) return std::nullopt;
  complete(cache, repository, commit, choice, settings);
  return fetched(cache, commit, choice, name);
}

/// An address in its parts: folder, file name, and what follows a '?'.
struct FileUrl {
  std::string folder, name, query;
};

FileUrl split_url(const std::string& url) {
  const auto end = std::min(url.find_first_of("?#"), url.size());
  const auto slash = url.rfind('/', end);
  FileUrl out{url.substr(0, slash + 1), url.substr(slash + 1, end - slash - 1), url.substr(end)};
  out.query = out.query.substr(0, out.query.find('#'));
  const bool has_path = is_web_address(url) && slash > url.find("://") + 2;
  if (!has_path || !is_plain_path(out.name) || out.name.size() > 200)
    fail("--model-url: expected an http or https address of a file, got '{}'", shown(url));
  return out;
}

bool is_at_endpoint(const std::string& url, const Settings& settings) {
  return url.starts_with(settings.endpoint + "/");
}

fs::path fetch_url(const Request& request, const Settings& settings) {
  const FileUrl url = split_url(request.url);
  const auto hash = XXH3_128bits(url.folder.data(), url.folder.size());
  const std::string folder_name = fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  const fs::path folder = settings.cache / "urls" / folder_name;
  const auto split = split_name(url.name);
  std::vector<std::string> names;
  for (int part = 1; part <= (split ? split->count : 1); ++part)
    names.push_back(split ? split->part_name(part) : url.name);
  std::error_code ignored;
  for (const std::string& name : names) {
    const fs::path target = folder / name;
    const bool is_there = fs::exists(target, ignored);
    if (request.offline && !is_there)
      fail("--offline: {} is not in the cache '{}'", shown(url.folder + name),
           settings.cache.string());
    if (request.offline) continue;
    try {
      download({.source = {.url = url.folder + name + url.query,
                           .token = is_at_endpoint(request.url, settings) ? request.token : "",
                           .certificates = settings.certificates,
                           .stopped = settings.stopped},
                .target = target,
                .lock = settings.cache / ".locks" / "urls" / folder_name / (name + ".lock"),
                .label = name,
                .revalidate = true,
                .on_progress = settings.on_progress});
    } catch (const TransferError& error) {
      if (!error.may_retry || !is_there) throw;
      log::warn("{}; what is in the cache is used", error.what());
    }
  }
  return folder / names.front();
}

std::string address_from(const Environment& environment, std::initializer_list<const char*> names,
                         const char* otherwise) {
  for (const char* name : names) {
    const char* text = environment(name);
    if (!text || !*text) continue;
    std::string address = text;
    while (address.ends_with('/')) address.pop_back();
    if (!is_web_address(address))
      fail("{}: expected an http or https address, got '{}'", name, text);
    return address;
  }
  return otherwise;
}

}  // namespace

Settings settings_from(const Environment& environment) {
  const char* certificates = environment("SSL_CERT_FILE");
  return {.cache = cache_directory(environment),
          .endpoint = address_from(environment, {"MODEL_ENDPOINT", "HF_ENDPOINT"},
                                   "https://huggingface.co"),
          .docker_registry =
              address_from(environment, {"LLAMA_DOCKER_REGISTRY"}, "https://registry-1.docker.io"),
          .certificates = certificates ? certificates : ""};
}

Fetched fetch_model(const Request& request, const Settings& settings) {
  if (!request.hf_repo.empty()) return *fetch_repo(request, settings, Wanted::anything);
  if (!request.docker_repo.empty()) {
    const DockerName name = parse_docker("--docker-repo", request.docker_repo);
    return {.path = fetch_docker(name, request.offline, settings), .name = request.docker_repo};
  }
  return {.path = fetch_url(request, settings), .name = split_url(request.url).name};
}

std::optional<Fetched> fetch_preset(const Request& request, const Settings& settings) {
  if (request.hf_repo.empty() || !request.hf_file.empty()) return std::nullopt;
  if (!parse_repo("--hf-repo", request.hf_repo).quant.empty()) return std::nullopt;
  return fetch_repo(request, settings, Wanted::only_a_preset);
}

}  // namespace llm::hub
