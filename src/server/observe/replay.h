// --replay: runs the requests of a request log again, in their order, one after another.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "server/service.h"

namespace llm::server {

class Replay {
 public:
  /// Reads the file; Error names the line that is no record, or says that there is none.
  explicit Replay(const std::string& path);

  struct Summary {
    std::string text;      // for people: a line per difference, then the counts and speeds
    bool is_same = false;  // nothing differs, something was compared
  };
  /// Through the handlers of `service`, without a network. Ends early when `is_stopped`.
  Summary run(Service& service, const std::function<bool()>& is_stopped) const;

 private:
  struct Record {
    int line;
    std::string id, path, body;
    int status;
    bool is_redacted, is_complete;
    std::vector<std::string> reply;
    double predicted_tokens, predicted_ms;
    double computed_tokens, prompt_ms;  // of the prompt, without what was cached
  };
  static Record read(const Json& json, int line);

  std::string path_;
  std::vector<Record> records_;
};

}  // namespace llm::server
