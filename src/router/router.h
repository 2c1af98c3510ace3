// Many models behind one port. Each runs in a process of its own, the same program, which listens
// on a unix socket that only the router's user can reach and asks for a key that only the router
// knows. Requests are passed on by the model they name, answers are passed back as they come.
//
// Start at router.cpp (the routes), then fleet.h (which models run), proxy.h (one request) and
// catalog.h (which models there are). The room knows no model files and no engine: what a model
// needs is asked of a function that the program brings.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/http.h"
#include "options/options.h"
#include "options/settings.h"
#include "router/downloads.h"
#include "router/preset_file.h"

namespace llm::router {

struct RouterSettings {
  Options options;                                           // of the router itself
  options::Settings command_line, environment;               // the same, as texts for the models
  PresetOrigin preset_origin = PresetOrigin::operators_own;  // of options.router.preset
  /// Bytes of memory that a model started with these options will take. Error when it cannot be
  /// known. May be empty: nothing is known.
  std::function<std::uint64_t(const Options&)> estimate;
  /// Downloaded models, and how to get more.
  ModelStore store;
};

class Router {
 public:
  /// Reads the models' directory and presets. Error as at a server's start.
  explicit Router(RouterSettings settings);
  ~Router();

  /// The routes of a server of one model, made into the router's: those that need no model stay
  /// as they are, the others are passed on. They refer to this object.
  std::vector<http::Route> routes(std::vector<http::Route> of_one_model);

  /// Loads what is to be there from the start. Once, before requests come.
  void start(int port);
  int model_count() const;
  /// For http::ServerSettings::observer: counts for /metrics.
  void answered(const http::Answered& one);

  /// First step of the end: event streams end, waiting requests are refused, nothing is started.
  void close();
  /// Last step, when no handler runs any more: stops all models.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Does this start serve many models? Otherwise one: the named one, or the demo model.
bool serves_many(const Options& options, const ModelStore& store);

}  // namespace llm::router
