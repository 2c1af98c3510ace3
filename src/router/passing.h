// The road of a request to the model that it names, or that knows what it asks for. Internal to the
// room.
#pragma once

#include <string>

#include "http/http.h"
#include "options/options.h"
#include "router/conversations.h"
#include "router/fleet.h"

namespace llm::router {

/// Handlers; they throw RequestError.
class Passing {
 public:
  Passing(const Options& options, Fleet& fleet) : options_(options), fleet_(fleet) {}

  http::Task<http::Response> to_named_model(http::Exchange& exchange);
  /// To the named model or, if none is, to those that run one after another until one knows.
  http::Task<http::Response> to_any_model(http::Exchange& exchange);
  /// To the model that streams the conversation `conv_id`.
  http::Task<http::Response> conversation(http::Exchange& exchange);
  /// Asks all models that stream one of the conversations.
  http::Task<http::Response> find_conversations(http::Exchange& exchange);

 private:
  http::Task<http::Response> to_model(http::Exchange& exchange, std::string model, bool autoload);
  http::Task<http::Response> to_running(http::Exchange& exchange, const Lease& lease);

  const Options& options_;
  Fleet& fleet_;
  Conversations conversations_;
};

}  // namespace llm::router
