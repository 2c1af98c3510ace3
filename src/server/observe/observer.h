// What an operator sees of the requests: counts and times, the log of requests, files with prompts,
// timings in the log. One per server, used by all handlers.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/exposition.h"
#include "base/token.h"
#include "http/http.h"
#include "http/request_metrics.h"
#include "options/options.h"
#include "server/observe/prompt_files.h"
#include "server/observe/request_log.h"
#include "server/reply/sequence.h"

namespace llm::server {

/// Safe to use from every thread.
class Observer {
 public:
  /// Opens the files that the options name; throws Error.
  explicit Observer(const Options& options);

  /// An HTTP request has been answered.
  void answered(const http::Answered& answered);
  /// A generation begins. On a worker thread: may write files.
  void prompts(const http::Request& request, const std::vector<std::vector<TokenId>>& prompts,
               const Tokenizer& tokenizer) const;
  /// A generation has ended, complete or not. is_repeatable: the same request gives the same again.
  void generated(http::Exchange& exchange, std::span<const SequenceReply> replies, int choices,
                 bool is_repeatable) const;

  void write_metrics(Exposition& out) const;

 private:
  http::RequestMetrics metrics_;
  std::unique_ptr<RequestLog> log_;             // null: not wanted
  std::unique_ptr<const PromptFiles> prompts_;  // null: not wanted
  bool logs_timings_, keeps_texts_;
};

}  // namespace llm::server
