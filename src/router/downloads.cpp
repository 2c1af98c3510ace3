#include "router/downloads.h"

#include "base/error.h"
#include "base/log.h"

namespace llm::router {

namespace {
constexpr std::size_t kMostAtOnce = 4;
}

Downloads::Downloads(ModelStore store, Events& events, std::function<void()> reload)
    : store_(std::move(store)), events_(events), reload_(std::move(reload)) {}

Downloads::~Downloads() {
  close();
}

void Downloads::begin(const std::string& model) {
  if (!store_.download)
    throw RequestError(501, "not_supported_error", "this server does not download models");
  const std::lock_guard lock(mutex_);
  for (auto it = downloads_.begin(); it != downloads_.end();) {
    if (!it->second.has_ended) {
      ++it;
      continue;
    }
    it->second.thread.join();
    it = downloads_.erase(it);
  }
  if (is_closed_) throw RequestError(503, "unavailable_error", "the server is stopping");
  if (downloads_.contains(model))
    throw RequestError(400, "invalid_request_error",
                       fmt::format("model '{}' is being downloaded already", model));
  if (downloads_.size() >= kMostAtOnce)
    throw RequestError(503, "unavailable_error", "too many downloads, try again later");
  events_.publish(model, "model_status", {{"status", "downloading"}});
  downloads_[model].thread = std::thread([this, model] { run(model); });
}

void Downloads::run(const std::string& model) {
  std::string problem;
  try {
    store_.download(
        model,
        [&](const DownloadProgress& now) {
          events_.publish(model, "download_progress",
                          {{"file", now.file}, {"done", now.done}, {"total", now.total}});
        },
        [this] { return is_closed_.load(); });
  } catch (const std::exception& error) {
    problem = error.what();
  }
  if (problem.empty() && !is_closed_) {
    try {
      reload_();
    } catch (const std::exception& error) {
      problem = error.what();
    }
  }
  {
    const std::lock_guard lock(mutex_);
    downloads_.at(model).has_ended = true;
  }
  if (problem.empty()) {
    events_.publish(model, "download_finished");
    events_.publish("*", "models_reload");
  } else {
    log::error("{} is not downloaded: {}", model, problem);
    events_.publish(model, "download_failed", {{"error", problem}});
  }
}

std::vector<std::string> Downloads::running() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const auto& [model, download] : downloads_)
    if (!download.has_ended) out.push_back(model);
  return out;
}

void Downloads::close() {
  is_closed_ = true;
  std::map<std::string, Download> all;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [model, download] : downloads_) all[model].thread = std::move(download.thread);
  }
  for (auto& [model, download] : all)
    if (download.thread.joinable()) download.thread.join();
}

}  // namespace llm::router
