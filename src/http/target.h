// The target of a request line (RFC 9112, 3.2) in its parts.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace llm::http {

struct Target {
  std::string path;  // percent-decoded
  std::map<std::string, std::string> query;
};

/// Origin form ("/a?b=c"), absolute form ("http://host/a") and "*". Nullopt for anything else, for
/// broken percent escapes in the path and for a NUL byte in it.
std::optional<Target> parse_target(std::string_view target);

}  // namespace llm::http
