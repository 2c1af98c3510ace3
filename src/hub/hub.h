// Models from the network: repositories of Hugging Face, registries of Docker, plain addresses; and
// the cache they are kept in. Start here; then download.h (one file, resumable), repository.h (the
// hub's API), cache.h (what lies where on disk) and remote.h (addresses that requests name).
//
// What the operator names (flags, HF_ENDPOINT) is trusted and may be any host. What requests name
// goes through remote.h and reaches public addresses only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace llm::hub {

using Environment = std::function<const char*(const char* name)>;
/// Asked from time to time on the thread that waits; true ends the work with Cancelled.
using Stopper = std::function<bool()>;

/// How far one file is. Called on the downloading thread, a few times a second and at the end.
struct FileProgress {
  std::string file;
  std::uint64_t done = 0, total = 0;  // bytes; total is 0 when the server does not say
};
using OnProgress = std::function<void(const FileProgress&)>;

struct Settings {
  std::filesystem::path cache;  // see cache_directory()
  std::string endpoint;         // of Hugging Face's API, without a final slash
  std::string docker_registry;  // without a final slash
  std::string certificates;     // file of trusted certificates; empty: the system's
  Stopper stopped = [] { return false; };
  OnProgress on_progress;  // besides the terminal or the log; may be empty
};

/// LLAMA_CACHE and its fallbacks; MODEL_ENDPOINT, HF_ENDPOINT; LLAMA_DOCKER_REGISTRY;
/// SSL_CERT_FILE. Throws Error when an address is none.
Settings settings_from(const Environment& environment);

/// A model that is not named by a path: one of `url`, `docker_repo`, `hf_repo`.
struct Request {
  std::string url;          // http or https
  std::string docker_repo;  // "[repo/]model[:tag]"
  std::string hf_repo;      // "user/model[:quant]"
  std::string hf_file;      // file of that repository; beats the quant
  std::string token;        // sent to the endpoint only, never to hosts it redirects to
  bool offline = false;     // only the cache is looked at
};

struct Fetched {
  std::filesystem::path path;  // GGUF file; of a split model the first part
  std::string name;            // under which the model is served unless the operator names it
  std::string projector;       // of the repository, by its path there; not downloaded; may be empty
  bool is_preset = false;      // `path` is no model but a preset file of the router
};

/// False in builds without libcurl: then only models of the cache can be had.
bool can_download();

/// Finds the model in the cache or downloads it, with progress in the log or on the terminal.
/// Blocks. Throws Error, or Cancelled with what has arrived kept for the next time.
Fetched fetch_model(const Request& request, const Settings& settings);

/// The preset file of a repository that holds no model but one of those; fetched like a model.
/// Nothing for all other requests; asks the hub only when the cache knows no model of the
/// repository. Blocks and throws as fetch_model().
std::optional<Fetched> fetch_preset(const Request& request, const Settings& settings);

}  // namespace llm::hub
