// Which route answers a method and a path.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "http/http.h"

namespace llm::http {

struct Match {
  const Route* route = nullptr;  // null: see `allowed`
  std::map<std::string, std::string> params;
  /// Methods of this path when none fits the request ("GET, HEAD, POST"); empty: unknown path.
  std::string allowed;
  /// A route of this path, whatever its method, is public.
  bool is_public = false;
};

/// Immutable after construction: find() may be called from every thread.
class Router {
 public:
  /// Throws Error for two routes of the same method and path, or a pattern without leading '/'.
  explicit Router(std::vector<Route> routes);
  Match find(std::string_view method, std::string_view path) const;

 private:
  struct Pattern {
    std::vector<std::string> segments;  // "{name}" as it stands
    bool takes_rest = false;
    const Route* route;
  };

  std::vector<Route> routes_;
  std::unordered_map<std::string, std::vector<const Route*>> exact_;
  std::vector<Pattern> patterns_;
};

}  // namespace llm::http
